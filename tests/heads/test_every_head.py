"""Rules for every head, and the decoders against NumPy and SciPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from tfseg.data.files.images import list_images, read_label
from tfseg.heads import HEADS, Boundary, Distance, Semantic
from tfseg.heads.base import Decoded, Head

NAMES = sorted(HEADS)
APART = ["boundary", "center_offset", "distance"]  # heads that tell touching instances apart


def perfect(label: np.ndarray, head: Head) -> dict[str, tf.Tensor]:
    """Returns outputs of the least loss for `label` `[B, H, W]`; ignored pixels become nothing."""
    made = head.targets(tf.convert_to_tensor(label))
    outputs = {}
    for name, channels in head.outputs.items():
        values = tf.maximum(made[name][..., :channels], 0.0) if channels < 2 else made[name]
        if name == "classes":
            outputs[name] = 20.0 * tf.one_hot(tf.cast(tf.maximum(values[..., 0], 0), tf.int32), 3)
        elif name == "offset":
            outputs[name] = values[..., :2]
        else:
            share = tf.clip_by_value(values, 1e-6, 1 - 1e-6)
            outputs[name] = tf.math.log(share / (1 - share))
    return outputs


def noise(head: Head, *, seed: int, sigma: float = 2.0) -> dict[str, tf.Tensor]:
    """Returns smooth random outputs `[2, 40, 50, n]`, as no network returns them."""
    rng = np.random.default_rng(seed)
    made = {}
    for name, channels in head.outputs.items():
        values = ndimage.gaussian_filter(
            rng.normal(size=(2, 40, 50, channels)), (0, sigma, sigma, 0)
        )
        made[name] = tf.constant(8 * values / values.std() / 4, tf.float32)
    return made


def given_back(label: np.ndarray, predicted: np.ndarray, iou: float = 0.9) -> int:
    """Returns how many instances of `label` have one in `predicted` of at least this IoU."""
    count = 0
    for instance in set(label[label > 0].tolist()):
        true = label == instance
        match = np.bincount(predicted[true]).argmax()
        other = predicted == match
        count += bool(match) and (true & other).sum() >= iou * (true | other).sum()
    return count


def slow_scored(
    labels: np.ndarray, foreground: np.ndarray, seeds: np.ndarray, heat: np.ndarray, min_area: int
) -> tuple[np.ndarray, list[float]]:
    """Returns one image's ids without small ones and gaps, and their scores."""
    new, scores = np.zeros_like(labels), []
    for instance in range(1, seeds.max() + 1):
        pixels = labels == instance
        if pixels.sum() >= min_area:
            scores.append(heat[seeds == instance].max() * foreground[pixels].mean(dtype=np.float64))
            new[pixels] = len(scores)
    return new, scores


def slow_grow(labels: np.ndarray, mask: np.ndarray, steps: int) -> np.ndarray:
    for _ in range(steps):
        padded = np.pad(np.where(labels > 0, labels, 10**6), 1, constant_values=10**6)
        around = [padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]
        lowest = np.min(around, axis=0)
        labels = np.where(mask & (labels == 0) & (lowest < 10**6), lowest, labels)
    return labels


def slow_semantic(head: Semantic, maps: dict[str, np.ndarray]) -> tuple[np.ndarray, list[float]]:
    foreground = tf.sigmoid(maps["foreground"])[..., 0].numpy()
    labels = ndimage.label(foreground > head.foreground_threshold)[0]
    return slow_scored(labels, foreground, labels, foreground, head.min_area)


def slow_boundary(head: Boundary, maps: dict[str, np.ndarray]) -> tuple[np.ndarray, list[float]]:
    probability = tf.nn.softmax(maps["classes"]).numpy()
    winner = np.argmax(maps["classes"], axis=-1)
    seeds = ndimage.label(winner == 1)[0]
    labels = slow_grow(seeds, winner == 2, head.growth)
    return slow_scored(labels, 1 - probability[..., 0], seeds, probability[..., 1], head.min_area)


def slow_distance(head: Distance, maps: dict[str, np.ndarray]) -> tuple[np.ndarray, list[float]]:
    foreground, depth = (
        tf.sigmoid(maps[name])[..., 0].numpy() for name in ("foreground", "distance")
    )
    mask = foreground > head.foreground_threshold
    labels = seeds = ndimage.label(mask & (depth > head.seed_threshold))[0]
    for level in reversed(range(head.levels)):
        floor = np.float32(head.seed_threshold) * np.float32(level / head.levels)
        labels = slow_grow(labels, mask & (depth >= floor), 100)
    return slow_scored(labels, foreground, seeds, depth, head.min_area)


@pytest.mark.parametrize(
    ("head", "slow"),
    [
        (Semantic(), slow_semantic),
        (Semantic(foreground_threshold=0.8, min_area=1), slow_semantic),
        (Boundary(), slow_boundary),
        (Boundary(growth=1, min_area=1), slow_boundary),
        (Distance(), slow_distance),
        (Distance(seed_threshold=0.7, levels=3, min_area=1), slow_distance),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_decoding_is_that_of_numpy_and_scipy(head, slow, seed):
    outputs = noise(head, seed=seed)
    decoded = head.decode(outputs)
    for index in range(2):
        label, scores = slow(head, {name: maps[index].numpy() for name, maps in outputs.items()})
        assert label.max() > 1
        np.testing.assert_array_equal(decoded.labels[index], label)
        np.testing.assert_allclose(decoded.scores[index][: len(scores)], scores, rtol=1e-5)
        np.testing.assert_array_equal(decoded.scores[index][len(scores) :], 0)


@pytest.mark.parametrize("name", NAMES)
def test_decoding_in_a_graph_of_unknown_size_gives_what_eager_code_gives(name):
    head = HEADS[name]()
    outputs = noise(head, seed=5)
    signature = {key: tf.TensorSpec([None, None, None, n]) for key, n in head.outputs.items()}
    graph = tf.function(head.decode, input_signature=[signature])(outputs)
    eager = head.decode(outputs)
    np.testing.assert_array_equal(graph.labels, eager.labels)
    np.testing.assert_allclose(graph.scores, eager.scores, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_losses_have_one_value_a_sample_and_the_parts_of_the_head(name):
    head = HEADS[name]()
    label = np.zeros((2, 24, 24), np.int32)
    label[0, 2:12, 3:15], label[0, 14:20, 3:15], label[0, 20:22] = 7, 2**31 - 1, -1
    made, outputs = head.targets(tf.constant(label)), perfect(label, head)
    assert set(made) == set(head.outputs) == set(head.losses()) == set(head.loss_weights)
    for part, loss in head.losses().items():
        np.testing.assert_allclose(loss.call(made[part], outputs[part]), [0, 0], atol=1e-3)
        wrong = loss.call(made[part], 3.0 - outputs[part] * 2)
        assert wrong.shape == (2,)
        assert wrong[0] > 0.05


@pytest.mark.parametrize("name", NAMES)
def test_nothing_at_all_decodes_to_nothing(name):
    head = HEADS[name]()
    decoded: Decoded = head.decode(perfect(np.zeros((2, 8, 9), np.int32), head))
    np.testing.assert_array_equal(decoded.labels, np.zeros((2, 8, 9)))
    assert decoded.scores.shape == (2, 0)


@pytest.mark.parametrize("name", APART)
def test_touching_cut_and_tiny_instances_come_back_whatever_their_ids(name):
    label = np.zeros((1, 30, 44), np.int32)
    label[0, :14, :12] = 2**31 - 1  # cut by the corner
    label[0, 4:16, 12:26] = 5  # beside it
    label[0, 16:30, 10:24] = 2**24 + 1  # below that one, cut by the edge
    label[0, 18:20, 30:32] = 9  # 2 by 2
    label[0, 25, 35] = 1  # one pixel
    label[0, 2:12, 30:42] = 2**24
    head = HEADS[name](min_area=1)
    decoded = head.decode(perfect(label, head)).labels.numpy()[0]
    assert decoded.max() == 6
    assert given_back(label[0], decoded) == 6


@pytest.mark.parametrize("name", NAMES)
def test_ignored_pixels_count_in_no_loss(name):
    head = HEADS[name]()
    label = np.zeros((1, 20, 20), np.int32)
    label[0, 2:12, 3:15], label[0, 14:] = 4, -3
    made, outputs = head.targets(tf.constant(label)), perfect(label, head)
    for part, loss in head.losses().items():
        changed = tf.concat([outputs[part][:, :14], outputs[part][:, 14:] + 5.0], axis=1)
        np.testing.assert_array_equal(
            loss.call(made[part], changed), loss.call(made[part], outputs[part])
        )


# Recovered of the 1,342 instances of the sample's training part: boundary 1,330, center_offset all,
# distance 1,284 (the outermost pixels of small ones that touch go to the neighbour), semantic 992.
@pytest.mark.parametrize(
    ("name", "least"),
    [("boundary", 0.99), ("center_offset", 0.999), ("distance", 0.955), ("semantic", 0.73)],
)
def test_instances_of_real_labels_come_back_from_exact_targets(name, least, sample: Path):
    head = HEADS[name](min_area=1)
    decode = tf.function(
        lambda label: head.decode(perfect(label, head)).labels, reduce_retracing=True
    )
    total = back = 0
    for path in list_images(sample / "train" / "labels"):
        label = read_label(path).astype(np.int32)
        total += len(np.unique(label[label > 0]))
        back += given_back(label, decode(label[None]).numpy()[0])
    print(f"{name}: {back} of {total} instances come back, {back / total:.2%}")
    assert back >= least * total
