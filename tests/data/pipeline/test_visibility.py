"""What is ignored of cut instances: by hand, against a loop over all ids, and in training."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import tfseg
from tfseg.data.pipeline.visibility import areas, ignore_mostly_cut
from tfseg.ids import IGNORE

IDS = st.sampled_from([-1, 0, 0, 1, 2, 5, 2**31 - 1])
LABELS = arrays(np.int32, (6, 7), elements=IDS)
# Rows and columns 1 to 4 are the crop: of id 3 it has 3 of 7 pixels, of 7 1 of 2, of 9 all 4.
WHOLE = np.array(
    [
        [0, 3, 3, 0, 0, 0],
        [0, 3, 3, 0, 0, 0],
        [3, 0, 0, 9, 9, 0],
        [3, 3, 0, 9, 9, 0],
        [0, 0, 7, 0, 0, 0],
        [0, 0, 7, 0, 0, 0],
    ],
    np.int32,
)
CROP = WHOLE[1:5, 1:5]


def slow_reference(crop: np.ndarray, full: np.ndarray, least: float) -> np.ndarray:
    """Goes from one instance to the next."""
    border = {*crop[0], *crop[-1], *crop[:, 0], *crop[:, -1]}
    ids = set(crop[crop > 0].tolist())
    inner = ids - border
    grown = 1.0
    if inner:
        grown = sum((crop == id).sum() for id in inner) / sum((full == id).sum() for id in inner)
    result = crop.copy()
    for id in ids & border:
        if (crop == id).sum() < least * grown * (full == id).sum():
            result[crop == id] = IGNORE
    return result


def without_cut(crop: np.ndarray, full: np.ndarray, least: float) -> np.ndarray:
    return ignore_mostly_cut(tf.constant(crop), areas(tf.constant(full)), least=least).numpy()


@given(LABELS)
def test_areas_are_those_of_counting(label):
    ids, pixels = areas(tf.constant(label))
    known, counts = np.unique(label[label > 0], return_counts=True)
    np.testing.assert_array_equal(ids, known)
    np.testing.assert_array_equal(pixels, counts)


@given(LABELS, st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.integers(1, 6), st.integers(1, 7))
def test_what_is_ignored_is_that_of_a_loop_over_all_ids(label, least, height, width):
    crop = label[:height, :width]
    np.testing.assert_array_equal(
        without_cut(crop, label, least), slow_reference(crop, label, least)
    )


@pytest.mark.parametrize(
    ("least", "ignored"),
    [(0.0, []), (0.42, []), (0.43, [3]), (0.5, [3]), (0.51, [3, 7]), (1.0, [3, 7])],
)
def test_an_instance_goes_when_less_than_the_share_is_left(least, ignored):
    expected = np.where(np.isin(CROP, ignored), IGNORE, CROP)
    np.testing.assert_array_equal(without_cut(CROP, WHOLE, least), expected)


def test_what_is_cut_is_judged_by_what_the_others_have_grown():
    # Four times as large as the image: 16 of the 48 pixels that id 1 would have are left, and 4 of
    # 12 are a third. By the pixels of the image alone they would be more than all of it.
    full = np.zeros((6, 6), np.int32)
    full[0, :3], full[1:4, 0:3], full[4:6, 4:6] = 1, 1, 2
    crop = np.zeros((8, 8), np.int32)
    crop[:4, :4], crop[5:7, 1:7] = 1, 2
    crop[4, 1:5] = 2
    assert (crop == 2).sum() == 4 * (full == 2).sum()
    assert set(np.unique(without_cut(crop, full, 0.3))) == {0, 1, 2}
    assert set(np.unique(without_cut(crop, full, 0.4))) == {IGNORE, 0, 2}


def labels_of(dataset, min_visibility: float) -> tuple[np.ndarray, np.ndarray]:
    config = tfseg.RunConfig(
        data=tfseg.DataConfig(crop_size=64, min_visibility=min_visibility),
        augment=({"name": "HorizontalFlip"}, {"name": "ShiftScaleRotate", "p": 0.5}),
        train=tfseg.TrainConfig(batch_size=8),
    )
    images, ids = next(iter(tfseg.training_batches(dataset, config)))
    return images.numpy(), ids.numpy()


def test_training_leaves_out_scraps_and_nothing_else(dataset):
    (images, kept), (same, left) = labels_of(dataset, 0.0), labels_of(dataset, 1.0)
    np.testing.assert_array_equal(same, images)
    gone = (kept > 0) & (left == IGNORE)
    assert gone.any()
    np.testing.assert_array_equal(left[~gone], kept[~gone])
    for image, mask in zip(kept, gone, strict=True):
        ids = set(image[mask].tolist())
        border = {*image[0], *image[-1], *image[:, 0], *image[:, -1]}
        assert ids <= border
        assert not set(image[~mask].tolist()) & ids  # all of an instance, or nothing of it
