"""Crops: where they are drawn, and what lies beyond the image."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseg import random
from tfseg.augment import Sampling
from tfseg.data.pipeline import crops
from tfseg.data.pipeline.objects import in_label
from tfseg.data.pipeline.sources import InMemory
from tfseg.ids import IGNORE

# The names of NumPy for the borders.
MODES = {
    "constant": "constant",
    "nearest": "edge",
    "reflect": "symmetric",
    "reflect_101": "reflect",
    "wrap": "wrap",
}


def cut(image, label, corner, size, *, margin, sampling, **options):
    """Cuts a crop out of an image in memory."""
    image, label = tf.constant(image), tf.constant(label)
    window = crops.window(
        tf.constant(corner), tf.shape(label), size, margin=margin, border=sampling.border
    )
    patch = InMemory(image, label).patch(window)
    return crops.cut(patch, window.beyond, sampling=sampling, **options)


def corners(
    label: np.ndarray,
    size: int,
    share: float,
    *,
    count: int = 200,
    centred: float = 0.0,
    num_classes: int = 1,
) -> np.ndarray:
    """Draws `count` corners, `[count, 2]`."""

    @tf.function
    def draw(index: tf.Tensor) -> tf.Tensor:
        seed = random.fold_in(random.root(5), index)
        return crops.draw(
            in_label(tf.constant(label), num_classes=num_classes),
            tf.constant(label.shape),
            size,
            foreground_share=share,
            seed=seed,
            instance_share=centred,
            num_classes=num_classes,
        )

    return np.stack([draw(tf.constant(index)).numpy() for index in range(count)])


def test_any_crop_inside_the_image_is_drawn_and_no_other():
    drawn = corners(np.zeros((6, 7), np.int32), 4, 0.0)
    # 3 x 4 corners, 200 draws: each is missed with a chance of (11 / 12) ** 200 = 3e-8
    expected = {(y, x) for y in range(3) for x in range(4)}
    assert set(map(tuple, drawn.tolist())) == expected


def test_an_aimed_crop_holds_a_pixel_of_an_instance_at_any_place_of_it():
    label = np.zeros((40, 40), np.int32)
    label[20, 18] = 7
    drawn = corners(label, 5, 1.0)
    positions = np.array([20, 18]) - drawn
    assert positions.min() >= 0
    assert positions.max() < 5
    # 25 places, 200 draws: each is missed with a chance of 3e-4
    assert len(set(map(tuple, positions.tolist()))) >= 23


def test_an_aimed_crop_at_the_border_stays_inside():
    label = np.zeros((10, 12), np.int32)
    label[0, 11] = 1
    assert set(map(tuple, corners(label, 4, 1.0).tolist())) == {(0, 8)}


def test_the_share_of_aimed_crops_is_that_asked_for():
    label = np.full((64, 64), IGNORE, np.int32)
    label[30:34, 30:34] = 3
    drawn = corners(label, 4, 0.5, count=600)
    held = np.mean([(label[y : y + 4, x : x + 4] > 0).any() for y, x in drawn])
    # 0.5, and of the other half the 7 x 7 of 61 x 61 crops that meet the object: 0.507; the
    # standard deviation of 600 draws is 0.02
    assert held == pytest.approx(0.507, abs=0.08)


@pytest.mark.parametrize("label", [np.zeros((9, 9)), np.full((9, 9), IGNORE)])
def test_without_an_instance_it_is_any_crop(label):
    drawn = corners(label.astype(np.int32), 8, 1.0, count=60)
    assert set(map(tuple, drawn.tolist())) == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_an_image_smaller_than_the_crop_has_one_corner():
    label = np.ones((3, 5), np.int32)
    assert set(map(tuple, corners(label, 8, 0.5, count=20).tolist())) == {(0, 0)}
    assert crops.middle(tf.constant(label.shape), 8).numpy().tolist() == [0, 0]


@settings(max_examples=40)
@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    size=st.integers(1, 12),
    margin=st.integers(0, 4),
    border=st.sampled_from(sorted(MODES)),
    data=st.data(),
)
def test_a_crop_is_cut_from_the_padded_image_and_from_ids_surrounded_by_the_fill(
    height, width, size, margin, border, data
):
    rng = np.random.default_rng(height * 10 + width)
    image = rng.random((height, width, 2)).astype(np.float32)
    label = rng.integers(0, 5, (height, width)).astype(np.int32)
    room = max(height - size, 0), max(width - size, 0)
    corner = [data.draw(st.integers(0, limit)) for limit in room]
    sampling = Sampling(border=border, border_value=0.25, fill=data.draw(st.sampled_from([-1, 0])))
    window = cut(image, label, corner, size, margin=margin, sampling=sampling)

    around = 30
    side = size + 2 * margin
    top, left = (
        around + corner[axis] - margin - max(size - (height, width)[axis], 0) // 2
        for axis in (0, 1)
    )
    square = slice(top, top + side), slice(left, left + side)
    value = {"constant_values": 0.25} if border == "constant" else {}
    padding = ((around, around), (around, around), (0, 0))
    padded = np.pad(image, padding, mode=MODES[border], **value)
    ids = np.pad(label, around, constant_values=sampling.fill)
    np.testing.assert_array_equal(window["image"], padded[square])
    np.testing.assert_array_equal(window["label"], ids[square])


@pytest.mark.parametrize(
    ("border", "before", "after"),
    [
        ("constant", [128, 128, 128], [128, 128]),
        ("nearest", [10, 10, 10], [40, 40]),
        ("reflect", [40, 20, 10], [40, 20]),
        ("reflect_101", [20, 40, 20], [20, 10]),
        ("wrap", [10, 20, 40], [10, 20]),
    ],
)
def test_what_lies_beyond_a_row_of_three_pixels_follows_the_border(border, before, after):
    window = cut(
        np.array([[[10], [20], [40]]], np.uint8),
        np.array([[7, 0, 7]], np.int32),
        [0, 0],
        8,  # 3 columns in the middle of 8: 2 are before them and 3 after, and a margin of 1
        margin=1,
        sampling=Sampling(border=border, border_value=0.5, fill=0),
        scale=lambda image: tf.cast(image, tf.float32) / 256.0,
    )
    expected = [*before, 10, 20, 40, *after]
    # 8 rows around one: 3 before it and 4 after, and a margin of 1
    assert (window["image"][4, :8, 0] * 256).numpy().tolist() == expected
    outside = expected if border != "constant" else [128] * 8
    assert (window["image"][0, :8, 0] * 256).numpy().tolist() == outside
    label = np.zeros((10, 10), np.int32)
    label[4, [3, 5]] = 7
    np.testing.assert_array_equal(window["label"], label)


def test_a_crop_of_a_default_chain_is_mirrored_and_ignored_beyond_the_image():
    image, label = [[[10], [20], [40]]], [[7, 0, 7]]
    window = cut(image, label, [0, 0], 5, margin=0, sampling=Sampling())
    assert window["image"][0, :, 0].numpy().tolist() == [20, 10, 20, 40, 20]
    assert window["label"][2].numpy().tolist() == [IGNORE, 7, 0, 7, IGNORE]


def test_a_crop_has_an_instance_in_its_middle_and_small_ones_as_often_as_large_ones():
    label = np.zeros((100, 120), np.int32)
    label[20:60, 20:70] = 5  # centre 39.5, 44.5 -> 39, 44
    label[70:73, 90:92] = 9  # centre 71, 90.5 -> 71, 90
    label[0:2, 0:2] = 2  # in the corner, where the crop must stay inside
    drawn = corners(label, 32, 0.5, count=300, centred=1.0)
    corners_drawn, counts = np.unique(drawn, axis=0, return_counts=True)
    assert corners_drawn.tolist() == [[0, 0], [23, 28], [55, 74]]
    assert counts.min() > 70


def test_the_other_crops_are_those_without_instances_in_the_middle():
    label = np.zeros((100, 120), np.int32)
    label[70:73, 90:92] = 9
    plain = corners(label, 32, 0.5, count=300)
    mixed = corners(label, 32, 0.5, count=300, centred=0.3)
    changed = (plain != mixed).any(axis=1)
    assert 60 < changed.sum() < 120
    assert (mixed[changed] == [55, 74]).all()
    empty = np.zeros_like(label)
    np.testing.assert_array_equal(
        corners(empty, 32, 0.5, count=50, centred=1.0),
        corners(empty, 32, 0.5, count=50),
    )


def test_of_several_classes_a_rare_one_is_in_the_middle_as_often_as_a_frequent_one():
    # Ids 1, 4, 7, ... are of class 1, ids 2, 5, 8, ... of class 2; class 3 does not occur.
    label = np.zeros((60, 60), np.int32)
    label[:30:3, :60:3] = 1 + 3 * np.arange(200).reshape(10, 20)
    label[55, 40] = 2
    drawn = corners(label, 5, 0.0, count=400, centred=1.0, num_classes=3)
    rare = (drawn == (53, 38)).all(axis=1)
    assert rare.mean() == pytest.approx(0.5, abs=0.1)
    # 200 draws of 200 instances: 127 of them are expected
    assert len(set(map(tuple, drawn[~rare].tolist()))) > 80
    empty = corners(np.zeros((6, 7), np.int32), 4, 0.0, centred=1.0, num_classes=3)
    assert len(set(map(tuple, empty.tolist()))) == 12
