"""Boxes taken out of the picture: where they lie, how large they are, what the ids become."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfseg import random
from tfseg.augment.chain import Chain
from tfseg.augment.dropout import CoarseDropout
from tfseg.checks import InputError
from tfseg.ids import IGNORE

HEIGHT, WIDTH, COUNT = 9, 12, 2000


def taken(transform: CoarseDropout, count: int = COUNT) -> np.ndarray:
    """Returns which pixels are taken out of each of `count` images, `[N, H, W]` bool."""
    image = tf.ones([HEIGHT, WIDTH, 1])
    data = tf.data.Dataset.range(count).map(
        lambda index: transform.change(
            image, transform.sample(random.fold_in(random.root(5), index))
        )
    )
    return next(iter(data.batch(count)))[..., 0].numpy() == 0


def boxes(pixels: np.ndarray) -> np.ndarray:
    """Returns top, left, height, width of the only box of each image, `[N, 4]`."""
    boxes = []
    for image in pixels:
        rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
        boxes.append((rows[0], columns[0], len(rows), len(columns)))
        assert image.sum() == len(rows) * len(columns)
    return np.array(boxes)


def evenly(numbers: np.ndarray, low: int, high: int) -> None:
    values, counts = np.unique(numbers, return_counts=True)
    assert values.tolist() == list(range(low, high + 1))
    share = 1 / len(values)
    assert np.abs(counts / len(numbers) - share).max() < 5 * np.sqrt(share / len(numbers))


@pytest.fixture(scope="module")
def single() -> np.ndarray:
    transform = CoarseDropout(
        num_holes_range=(1, 1), hole_height_range=(2, 4), hole_width_range=(0.25, 0.5), p=1.0
    )
    return boxes(taken(transform))


def test_whole_numbers_are_pixels_and_others_shares_each_size_as_likely(single):
    evenly(single[:, 2], 2, 4)
    evenly(single[:, 3], 3, 6)  # a quarter and a half of 12
    assert abs(np.corrcoef(single[:, 2:], rowvar=False)[0, 1]) < 5 / np.sqrt(COUNT)


def test_a_box_lies_anywhere_inside_the_image(single):
    for size in (2, 3, 4):
        evenly(single[single[:, 2] == size, 0], 0, HEIGHT - size)
    for size in (3, 4, 5, 6):
        evenly(single[single[:, 3] == size, 1], 0, WIDTH - size)
    assert abs(np.corrcoef(single[:, :2], rowvar=False)[0, 1]) < 5 / np.sqrt(COUNT)


def test_there_are_as_many_boxes_as_drawn():
    transform = CoarseDropout(
        num_holes_range=(2, 4), hole_height_range=(1, 1), hole_width_range=(1, 1), p=1.0
    )
    pixels = taken(transform).sum(axis=(1, 2))
    assert set(pixels.tolist()) <= {1, 2, 3, 4}  # two may fall on one of the 108 pixels
    # 2, 3 or 4 boxes of one pixel leave 3 on average, minus 1, 3 or 6 pairs in 108 that coincide.
    assert abs(pixels.mean() - (3 - 10 / 3 / 108)) < 5 * np.sqrt(2 / 3 / COUNT)


def test_a_box_is_not_larger_than_the_image():
    transform = CoarseDropout(hole_height_range=(50, 90), hole_width_range=(1.0, 1.0), p=1.0)
    assert taken(transform, 3).all()


def test_boxes_without_pixels_change_no_bit():
    image = np.random.default_rng(0).random((5, 7, 3), np.float32)
    label = np.arange(35, dtype=np.int32).reshape(5, 7)
    chain = Chain([CoarseDropout(hole_height_range=(0, 0), fill_mask=7, fill=0.5, p=1.0)])
    result = chain({"image": image, "label": label}, random.root(0))
    np.testing.assert_array_equal(result["image"], image)
    np.testing.assert_array_equal(result["label"], label)


@pytest.mark.parametrize("fill_mask", [0, IGNORE, 2**31 - 1])
def test_image_and_ids_are_filled_in_the_same_boxes(fill_mask):
    transform = CoarseDropout(
        num_holes_range=(3, 5), hole_height_range=(1, 4), fill=0.75, fill_mask=fill_mask, p=1.0
    )
    label = np.arange(1, 1 + HEIGHT * WIDTH, dtype=np.int32).reshape(HEIGHT, WIDTH)
    image = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    result = Chain([transform])({"image": image, "label": label}, random.root(1))
    filled = result["image"].numpy() == 0.75
    assert 0 < filled.sum() < filled.size
    np.testing.assert_array_equal(result["image"], np.where(filled, np.float32(0.75), 0))
    np.testing.assert_array_equal(result["label"], np.where(filled[..., 0], fill_mask, label))


def test_xla_takes_out_what_the_plain_operations_take_out():
    transform = CoarseDropout(num_holes_range=(1, 9), hole_height_range=(0.0, 1.0))
    image = tf.ones([37, 61, 1])
    compiled = tf.function(transform.change, jit_compile=True)
    for seed in range(5):
        params = transform.sample(random.root(seed))
        np.testing.assert_array_equal(compiled(image, params), transform.change(image, params))


def test_an_image_of_one_pixel_is_taken_out_or_left():
    transform = CoarseDropout(hole_height_range=(0.0, 1.0), hole_width_range=(1, 1), p=1.0)
    chain = Chain([transform])
    example = {"image": np.ones((1, 1, 1), np.float32), "label": np.ones((1, 1), np.int32)}
    results = {float(chain(example, random.root(seed))["image"][0, 0, 0]) for seed in range(20)}
    assert results == {0.0, 1.0}


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("num_holes_range", (0, 2), "1 <= a <= b <= 1000"),
        ("num_holes_range", (1.0, 2.5), r"two whole numbers; got \(1\.0, 2\.5\)"),
        ("hole_height_range", (-1, 2), "0 <= a <= b"),
        ("hole_height_range", (0.5, 2.0), r"0 <= a <= b <= 1; got \(0\.5, 2\.0\)"),
        ("hole_width_range", (0.3, 0.1), "0 <= a <= b"),
        ("fill", 255, r"\[0, 1\]; got 255"),
        ("fill_mask", 0.5, "a whole number"),
    ],
)
def test_ranges_that_make_no_sense_are_refused(name, value, rule):
    with pytest.raises(InputError, match=rf"^CoarseDropout\.{name} must be .*{rule}"):
        CoarseDropout(**{name: value})
