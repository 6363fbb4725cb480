"""The stream of training batches and the batches of validation."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseg import Dataset, InputError, RunConfig, convert, random
from tfseg.config import DataConfig, TrainConfig
from tfseg.data.dataset.dataset import reader_of
from tfseg.data.dataset.parsed_records import parse
from tfseg.data.pipeline.batches import training_batches, validation_batches
from tfseg.data.pipeline.normalization import Normalization
from tfseg.data.pipeline.order import shuffled_order
from tfseg.heads import CenterOffset
from tfseg.ids import IGNORE

NAMES = list("abcdefghij")
MOVE = ({"name": "ShiftScaleRotate", "p": 1.0}, {"name": "GaussNoise", "p": 1.0})


class Ids(CenterOffset):
    """A head whose targets are the ids themselves, so that they can be looked at."""

    def targets(self, labels):
        return {"ids": labels}


def configured(*, batch_size=2, augment=(), seed=0) -> RunConfig:
    return RunConfig(
        seed=seed,
        data=DataConfig(crop_size=32),
        augment=augment,
        train=TrainConfig(batch_size=batch_size),
    )


def samples(dataset, count, *, first_step=0, **options):
    """Returns the images and ids of the first `count` training samples, joined over batches."""
    config = configured(**options)
    batches = training_batches(dataset, config, Ids(), first_step=first_step)
    taken = list(batches.take(count // config.train.batch_size).as_numpy_iterator())
    images, targets = zip(*taken, strict=True)
    return np.concatenate(images), np.concatenate([target["ids"] for target in targets])


def normalized(image):
    return Normalization()(tf.constant(image)).numpy()


@pytest.fixture(scope="module")
def single(write, tmp_path_factory) -> Dataset:
    """One image of 40 x 48 pixels with another id at every pixel, from 1 on, row by row."""
    folder = tmp_path_factory.mktemp("single")
    label = np.arange(1, 40 * 48 + 1).reshape(40, 48)
    return convert(write(folder / "files", ["a"], label=label), folder / "data")


def order(dataset, *, first, count, seed=0):
    """Returns names and epochs of `count` samples of the stream, from sample `first` on."""
    split = dataset.split("train")
    order = shuffled_order(split.num_images, seed=random.root(seed), first=first).take(count)
    reader = reader_of(dataset, "train")
    read = order.map(lambda position: position | reader.read(position["index"]))
    taken = list(read.as_numpy_iterator())
    return [parse(one["record"]).id for one in taken], [int(one["epoch"]) for one in taken]


def test_instances_are_pasted_from_one_image_of_a_batch_upon_another(ten):
    images, ids = samples(ten, 8, augment=MOVE)
    augment = (*MOVE, {"name": "CopyPaste", "p": 1.0})
    pasted_images, pasted = samples(ten, 8, augment=augment)
    changed = pasted != ids
    # A share of 0.1 to 0.5 of one or two instances each: in eight images some are pasted.
    assert changed.any()
    for label, before, other in zip(pasted, ids, changed, strict=True):
        assert (label[other] > before.max()).all()
    np.testing.assert_array_equal(pasted_images[~changed], images[~changed])
    again_images, again = samples(ten, 4, first_step=2, augment=augment)
    np.testing.assert_array_equal(again, pasted[4:])
    np.testing.assert_array_equal(again_images, pasted_images[4:])


def test_every_epoch_has_all_images_in_another_order(ten):
    names, epochs = order(ten, first=0, count=30)
    assert epochs == [0] * 10 + [1] * 10 + [2] * 10
    orders = [names[start : start + 10] for start in (0, 10, 20)]
    assert [sorted(one) for one in orders] == [NAMES] * 3
    assert len({*map(tuple, orders), tuple(NAMES)}) == 4


def test_the_order_of_an_epoch_depends_on_seed_and_epoch_alone(ten):
    assert order(ten, first=20, count=10)[0] == order(ten, first=0, count=30)[0][20:]
    assert order(ten, first=0, count=10) == order(ten, first=0, count=10)
    assert order(ten, first=0, count=10, seed=1) != order(ten, first=0, count=10)


@pytest.fixture(scope="module")
def first_45(ten):
    return order(ten, first=0, count=45)


@settings(max_examples=10)
@given(first=st.integers(0, 44))
def test_the_stream_from_any_sample_on_lacks_only_the_samples_before(ten, first_45, first):
    names, epochs = first_45
    assert order(ten, first=first, count=45 - first) == (names[first:], epochs[first:])


@pytest.fixture(scope="module")
def stream(ten):
    """The images and ids of 24 training samples, two whole epochs and a part, augmented."""
    return samples(ten, 24, augment=MOVE)


def test_training_resumed_at_any_step_has_the_same_bits(ten, stream):
    resumed = samples(ten, 8, first_step=8, augment=MOVE)
    for ours, theirs in zip(resumed, stream, strict=True):
        np.testing.assert_array_equal(ours, theirs[16:])


def test_a_sample_does_not_depend_on_the_size_of_its_batch(ten, stream):
    images, ids = samples(ten, 24, batch_size=8, augment=MOVE)
    np.testing.assert_array_equal(ids, stream[1])
    np.testing.assert_allclose(images, stream[0], rtol=0, atol=1e-6)


def test_an_image_looks_different_in_every_epoch_and_with_every_seed(single):
    images, ids = samples(single, 2, augment=MOVE)
    other_images, other_ids = samples(single, 2, augment=MOVE, seed=1)
    for one, other in ((ids[0], ids[1]), (ids[0], other_ids[0])):
        assert (one != other).mean() > 0.5
    noise = [image - image.mean() for image in (images[0], images[1], other_images[0])]
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.5
    assert abs(np.corrcoef(noise[0].ravel(), noise[2].ravel())[0, 1]) < 0.5


def test_a_crop_is_a_window_of_the_image_and_of_its_ids_anywhere_in_it(single):
    (sample,) = single.samples("train").as_numpy_iterator()
    image, label = normalized(sample["image"]), sample["label"]
    images, ids = samples(single, 24)
    corners = set()
    for crop, crop_ids in zip(images, ids, strict=True):
        top, left = divmod(int(crop_ids[0, 0]) - 1, 48)
        corners.add((top, left))
        window = slice(top, top + 32), slice(left, left + 32)
        np.testing.assert_array_equal(crop_ids, label[window])
        # normalised before the crop, which has other percentiles
        np.testing.assert_allclose(crop, image[window], rtol=0, atol=1e-6)
    assert {0, 8} <= {top for top, _ in corners} <= set(range(9))
    assert {0, 16} & {left for _, left in corners}
    assert len(corners) > 12


def test_an_augmented_crop_is_cut_from_a_larger_window_moved_as_one(ten):
    images, ids = samples(ten, 10, augment=({"name": "HorizontalFlip", "p": 1.0},))
    stored = {one["id"].decode(): one for one in ten.samples("train").as_numpy_iterator()}
    names, _ = order(ten, first=0, count=10)
    # 20 x 24 pixels lie in the middle of the crop of 32, rows 6..25 and columns 4..27, which the
    # flip about the middle of the window maps onto themselves
    for name, image, label in zip(names, images, ids, strict=True):
        sample = stored[name]
        np.testing.assert_array_equal(label[6:26, 4:28], sample["label"][:, ::-1])
        expected = normalized(sample["image"])[:, ::-1]
        np.testing.assert_allclose(image[6:26, 4:28], expected, rtol=0, atol=1e-6)
        assert (label == IGNORE).sum() == 32 * 32 - 20 * 24


def test_the_share_of_copy_paste_is_that_of_its_entry(ten):
    _, ids = samples(ten, 8)
    for share in (0.0, 1.0):
        paste = {"name": "CopyPaste", "p": 1.0, "share": (share, share)}
        _, pasted = samples(ten, 8, augment=(paste,))
        # All instances or none: both of a batch are at the same pixels, so all of them are covered.
        np.testing.assert_array_equal(pasted != ids, (ids > 0) & (share == 1.0))


def test_crops_and_transforms_share_what_lies_beyond_an_image(ten):
    black = {"name": "Sampling", "border": "constant", "border_value": 0.25, "fill": 0}
    turn = {"name": "Rotate", "limit": (45.0, 45.0), "p": 1.0}
    for augment in ((black,), (turn, black), (black, turn)):
        images, ids = samples(ten, 10, augment=augment)
        # 20 x 24 pixels in the middle of 32 x 32: the corner is far beyond the image.
        assert (images[:, 0, 0] == 0.25).all()
        assert (ids[:, 0, 0] == 0).all()
        assert (ids != IGNORE).all()
    validated = validation_batches(ten, configured(augment=(black,)), Ids(), split="train")
    for images, targets, _ in validated.as_numpy_iterator():
        beyond = np.ones((32, 32), bool)
        beyond[6:26, 4:28] = False
        assert (images[:, beyond] == 0.25).all()
        assert (targets["ids"][:, beyond] == 0).all()


def test_batches_have_a_static_shape(ten):
    images, targets = training_batches(ten, configured(batch_size=3), CenterOffset()).element_spec
    assert images == tf.TensorSpec((3, 32, 32, 1), tf.float32)
    assert {name: spec.shape.as_list() for name, spec in targets.items()} == {
        "foreground": [3, 32, 32, 1],
        "center": [3, 32, 32, 1],
        "offset": [3, 32, 32, 3],
    }


def test_batches_run_over_the_end_of_an_epoch_without_losing_a_sample(ten):
    images, _ = samples(ten, 15, batch_size=3)
    stored = {one["id"].decode(): one["image"] for one in ten.samples("train").as_numpy_iterator()}
    names, _ = order(ten, first=0, count=15)
    for name, image in zip(names, images, strict=True):
        expected = normalized(stored[name])
        np.testing.assert_allclose(image[6:26, 4:28], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(20, 24), (21, 25), (40, 25), (1, 1)])
def test_a_small_image_is_in_the_middle_of_mirrored_and_ignored_padding(
    tmp_path, write, height, width
):
    label = np.arange(1, height * width + 1).reshape(height, width)
    write(tmp_path / "files", ["train/a", "val/a"], label=label)
    dataset = convert(tmp_path / "files", tmp_path / "data")
    ((image,), target, _) = next(
        validation_batches(dataset, configured(batch_size=1), Ids()).as_numpy_iterator()
    )
    (ids,) = target["ids"]
    # 20: 12 pixels are missing, 6 before and 6 after; 21: 5 before and 6 after; 40: cut from 4 on
    rows = {20: slice(6, 26), 21: slice(5, 26), 40: slice(0, 32), 1: slice(15, 16)}[height]
    columns = {24: slice(4, 28), 25: slice(3, 28), 1: slice(15, 16)}[width]
    (sample,) = dataset.samples("val").as_numpy_iterator()
    inside = slice(4, 36) if height == 40 else slice(None)
    np.testing.assert_array_equal(ids[rows, columns], label[inside])
    np.testing.assert_array_equal(image[rows, columns], normalized(sample["image"])[inside])
    outside = np.ones((32, 32), bool)
    outside[rows, columns] = False
    assert (ids[outside] == IGNORE).all()
    before = rows.start, columns.start
    after = 32 - rows.stop, 32 - columns.stop
    padding = (*zip(before, after, strict=True), (0, 0))
    expected = np.pad(normalized(sample["image"])[inside], padding, mode="reflect")
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize(
    ("batch_size", "weights"),
    [
        (4, [1.0] * 10 + [0.0] * 2),
        (5, [1.0] * 10),
        (16, [1.0] * 10 + [0.0] * 6),
        (1, [1.0] * 10),
    ],
)
def test_validation_gives_every_image_once_and_pads_the_last_batch(ten, batch_size, weights):
    batches = validation_batches(ten, configured(batch_size=batch_size), Ids(), split="train")
    assert batches.element_spec[0].shape.as_list() == [batch_size, 32, 32, 1]
    parts = list(batches.as_numpy_iterator())
    images, ids, given_weights = (
        np.concatenate(part)
        for part in zip(*((image, target["ids"], one) for image, target, one in parts), strict=True)
    )
    assert given_weights.tolist() == weights
    for index, sample in enumerate(ten.samples("train").as_numpy_iterator()):
        np.testing.assert_array_equal(images[index, 6:26, 4:28], normalized(sample["image"]))
    assert (images[10:] == 0).all()
    assert (ids[10:] == IGNORE).all()


@pytest.mark.parametrize("num_hosts", [2, 4])
def test_the_hosts_validate_every_image_once_in_as_many_batches_each(ten, num_hosts):
    config, validated = configured(batch_size=8), []
    for host in range(num_hosts):
        batches = validation_batches(
            ten, config, Ids(), split="train", host=host, num_hosts=num_hosts
        )
        parts = list(batches.as_numpy_iterator())
        assert [len(weights) for _, _, weights in parts] == [8 // num_hosts] * 2
        validated += [
            image.tobytes()
            for images, _, weights in parts
            for image, weight in zip(images, weights, strict=True)
            if weight
        ]
    (expected,) = validation_batches(
        ten, configured(batch_size=10), Ids(), split="train"
    ).as_numpy_iterator()
    assert sorted(validated) == sorted(image.tobytes() for image in expected[0])


def test_a_missing_split_is_refused_with_the_existing_ones(ten, tmp_path, write):
    with pytest.raises(InputError, match="has no split 'val'; it has train"):
        validation_batches(ten, configured(), Ids())
    dataset = convert(write(tmp_path / "files", ["test/a"]), tmp_path / "data")
    with pytest.raises(InputError, match="has no split 'train'; it has test"):
        training_batches(dataset, configured(), Ids())
