"""Flips, quarter turns and transposition: NumPy's pixels bit by bit, and what is drawn."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from tfseg import random
from tfseg.augment.base import AffineMove
from tfseg.augment.chain import Chain, Sampling
from tfseg.augment.symmetries import D4, HorizontalFlip, RandomRotate90, Transpose, VerticalFlip
from tfseg.kernels import field as fields
from tfseg.kernels import sampling
from tfseg.kernels.field import Size

SIZES = [(1, 1), (1, 4), (2, 2), (5, 5), (3, 6), (7, 3), (8, 5)]
# (turns, mirrored) and what NumPy does; the names of albumentations 2.0.8 beside them, whose eight
# pictures of [[1, 2], [3, 4]] are recorded below.
EIGHT = {
    (0, False): ("e", [[1, 2], [3, 4]]),
    (1, False): ("r90", [[2, 4], [1, 3]]),
    (2, False): ("r180", [[4, 3], [2, 1]]),
    (3, False): ("r270", [[3, 1], [4, 2]]),
    (0, True): ("h", [[2, 1], [4, 3]]),
    (1, True): ("hvt", [[4, 2], [3, 1]]),
    (2, True): ("v", [[3, 4], [1, 2]]),
    (3, True): ("t", [[1, 3], [2, 4]]),
}


def picture(size: Size) -> np.ndarray:
    """Returns ids that are all different and larger than a float holds, `[H, W]`."""
    return (2**31 - 1 - np.arange(size[0] * size[1], dtype=np.int32)).reshape(size)


def moved(transform: AffineMove, label: np.ndarray, **params: object) -> np.ndarray:
    """Returns the ids `[H, W]` after one move, and sees to it that an image moves along."""
    values = {name: tf.constant(value) for name, value in params.items()}
    matrix = transform.matrix(values, size=label.shape)
    field = fields.affine(fields.grid(label.shape), matrix)
    ids = sampling.ids(tf.constant(label), field, fill=-1).numpy()
    # The ids counted from the last, which a float holds, and 0 for what came into view.
    image = np.where(label < 0, 0, 2**31 - label.astype(np.int64)).astype(np.float32)[..., None]
    for interpolation in sampling.INTERPOLATIONS:
        values = sampling.values(
            tf.constant(image),
            field,
            interpolation=interpolation,
            border=sampling.Border("constant"),
        ).numpy()[..., 0]
        np.testing.assert_array_equal(
            np.where(values > 0, 2**31 - values.astype(np.int64), -1), ids
        )
    return ids


def draws(transform: AffineMove, count: int) -> dict[str, np.ndarray]:
    """Returns `count` draws `[count]` of every parameter."""
    data = tf.data.Dataset.range(count).map(
        lambda index: transform.sample(random.fold_in(random.root(5), index))
    )
    rows = list(data.as_numpy_iterator())
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


@pytest.mark.parametrize("size", SIZES)
def test_flips_are_those_of_numpy_on_any_size(size):
    label = picture(size)
    np.testing.assert_array_equal(moved(HorizontalFlip(), label), np.fliplr(label))
    np.testing.assert_array_equal(moved(VerticalFlip(), label), np.flipud(label))


@pytest.mark.parametrize("side", [1, 2, 5, 8])
def test_turns_and_transposition_of_a_square_are_those_of_numpy(side):
    label = picture((side, side))
    np.testing.assert_array_equal(moved(Transpose(), label), label.T)
    for turns in range(4):
        turned = moved(RandomRotate90(), label, turns=turns)
        np.testing.assert_array_equal(turned, np.rot90(label, turns))
        for mirrored in (False, True):
            result = moved(D4(), label, turns=turns, mirrored=mirrored)
            expected = np.rot90(label, turns)
            np.testing.assert_array_equal(result, np.fliplr(expected) if mirrored else expected)


@pytest.mark.parametrize("drawn", EIGHT)
def test_the_eight_are_those_of_albumentations(drawn):
    label = np.array([[1, 2], [3, 4]], np.int32)
    field = fields.affine(
        fields.grid((2, 2)),
        D4().matrix(
            {"turns": tf.constant(drawn[0]), "mirrored": tf.constant(drawn[1])}, size=(2, 2)
        ),
    )
    assert sampling.ids(tf.constant(label), field, fill=-1).numpy().tolist() == EIGHT[drawn][1]


@pytest.mark.parametrize("size", [(3, 6), (7, 3), (8, 5), (1, 4)])
def test_the_size_of_an_oblong_picture_stays_and_its_middle_in_view(size):
    label = picture(size)
    transposed = moved(Transpose(), label)
    side, odd = min(size), (size[0] - size[1]) % 2
    assert transposed.shape == size
    # What is seen is a square of the shorter side, and nothing else.
    rows, columns = np.nonzero(transposed >= 0)
    assert len(rows) == side * (side if not odd else min(side, max(size) - 1))
    visible = transposed[np.ix_(np.unique(rows), np.unique(columns))]
    first = [(length - side + odd * axis) // 2 for axis, length in enumerate(size)]
    middle = label[first[0] : first[0] + side, first[1] : first[1] + side]
    np.testing.assert_array_equal(visible, middle.T)


@pytest.mark.parametrize("size", SIZES)
def test_every_symmetry_and_its_inverse_leave_what_stayed_in_view(size):
    label = picture(size)
    for turns in range(4):
        turned = moved(D4(), label, turns=turns, mirrored=False)
        back = moved(D4(), turned, turns=-turns % 4, mirrored=False)
        kept = back >= 0
        np.testing.assert_array_equal(back[kept], label[kept])
        assert kept.sum() >= min(size) * (min(size) - 1)


def test_a_compiled_chain_of_symmetries_is_exact_on_image_and_ids():
    chain = Chain(
        [HorizontalFlip(p=1.0), RandomRotate90(p=1.0), Transpose(p=1.0), VerticalFlip(p=1.0), D4()],
        sampling=Sampling(border="constant"),
    )
    label = picture((6, 6))
    image = np.random.default_rng(0).integers(0, 255, (6, 6, 2), np.uint8, endpoint=True)
    for index in range(12):
        seed = random.fold_in(random.root(1), index)
        result = chain({"image": image, "label": label}, seed)
        drawn = tf.nest.map_structure(lambda value: value.numpy(), chain.sample(seed))
        steps = [
            np.fliplr,
            functools.partial(np.rot90, k=drawn["RandomRotate90/1"]["turns"]),
            lambda array: np.swapaxes(array, 0, 1),
            np.flipud,
            functools.partial(np.rot90, k=drawn["D4/1"]["turns"]),
            np.fliplr if drawn["D4/1"]["mirrored"] else np.copy,
        ]
        expected = functools.reduce(lambda array, step: step(array), steps, image)
        ids = functools.reduce(lambda array, step: step(array), steps, label)
        np.testing.assert_array_equal(result["label"], ids)
        np.testing.assert_array_equal(
            result["image"], expected.astype(np.float32) * np.float32(1 / 255)
        )


def test_all_four_quarter_turns_are_drawn_equally_often():
    counts = np.bincount(draws(RandomRotate90(), 2000)["turns"], minlength=4)
    # 500 each, with a deviation of sqrt(2000 x 1/4 x 3/4) = 19
    assert counts.shape == (4,)
    assert np.abs(counts - 500).max() < 4 * 20


def test_all_eight_symmetries_are_drawn_equally_often():
    drawn = draws(D4(), 2000)
    counts = np.bincount(2 * drawn["turns"] + drawn["mirrored"], minlength=8)
    # 250 each, with a deviation of sqrt(2000 x 1/8 x 7/8) = 15
    assert counts.shape == (8,)
    assert np.abs(counts - 250).max() < 4 * 15


def test_flips_and_transposition_draw_nothing():
    for transform in (HorizontalFlip(), VerticalFlip(), Transpose()):
        assert transform.sample(random.root(0)) == {}
