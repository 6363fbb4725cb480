"""Cleanup of ids: every option on examples worked out by hand and against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from tfseg.checks import InputError
from tfseg.inference.cleanup import Cleanup, fill_holes, largest_components
from tfseg.inference.instances import Instances

LABELS = arrays(np.int32, (7, 8), elements=st.integers(0, 3))
SCORES = np.array([0.9, 0.8, 0.7], np.float32)
CLASSES = np.array([3, 1, 2], np.int32)
PICTURE = np.array(
    [
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 0, 2, 0, 0],
        [0, 1, 0, 1, 0, 2, 0, 2],
        [0, 1, 1, 1, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 3, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
    ],
    np.int32,
)


def test_by_default_nothing_changes():
    label, scores, _ = Cleanup().apply(Instances(PICTURE, SCORES, CLASSES))
    np.testing.assert_array_equal(label, PICTURE)
    np.testing.assert_array_equal(scores, SCORES)


def test_one_piece_keeps_the_largest():
    label, *_ = Cleanup(one_piece=True).apply(Instances(PICTURE, SCORES, CLASSES))
    expected = PICTURE.copy()
    expected[2, 7] = 0
    np.testing.assert_array_equal(label, expected)


def test_holes_are_filled():
    label, *_ = Cleanup(fill_holes=True).apply(Instances(PICTURE, SCORES, CLASSES))
    expected = PICTURE.copy()
    expected[2, 2] = 1
    np.testing.assert_array_equal(label, expected)


def test_a_hole_with_another_instance_in_it_stays():
    label = np.ones((5, 6), np.int32)
    label[1:4, 1:5] = 0
    label[2, 2] = 2
    np.testing.assert_array_equal(fill_holes(label), label)


def test_a_bay_that_is_open_at_the_edge_is_no_hole():
    label = np.ones((3, 3), np.int32)
    label[0, 1] = label[1, 1] = 0
    np.testing.assert_array_equal(fill_holes(label), label)


def test_instances_at_the_edge_are_dropped_and_the_others_renumbered():
    label, scores, _ = Cleanup(drop_edge=True).apply(Instances(PICTURE, SCORES, CLASSES))
    np.testing.assert_array_equal(label, np.select([PICTURE == 1, PICTURE == 3], [1, 2]))
    assert scores.tolist() == SCORES[[0, 2]].tolist()
    assert label.dtype == np.int32


@pytest.mark.parametrize(("min_area", "left"), [(1, [1, 2, 3]), (2, [1, 2]), (3, [1, 2]), (4, [1])])
def test_an_area_below_the_smallest_is_dropped(min_area, left):
    _, scores, _ = Cleanup(min_area=min_area).apply(Instances(PICTURE, SCORES, CLASSES))
    assert scores.tolist() == SCORES[np.array(left) - 1].tolist()


def test_a_dropped_component_at_the_edge_does_not_count():
    label, scores, _ = Cleanup(one_piece=True, drop_edge=True).apply(
        Instances(PICTURE, SCORES, CLASSES)
    )
    assert len(scores) == 3
    assert (label == 2).sum() == 2


def test_the_area_is_measured_with_the_holes_filled():
    _, scores, _ = Cleanup(fill_holes=True, min_area=9).apply(Instances(PICTURE, SCORES, CLASSES))
    assert len(scores) == 1


@given(LABELS)
def test_the_largest_components_agree_with_scipy(label):
    result = largest_components(label)
    for id in (1, 2, 3):
        parts, count = ndimage.label(label == id)
        largest = 1 + np.argmax([(parts == k).sum() for k in range(1, count + 1)]) if count else -1
        np.testing.assert_array_equal(result == id, parts == largest)


@given(LABELS)
def test_filled_holes_agree_with_scipy_where_they_are_empty(label):
    result = fill_holes(label)
    np.testing.assert_array_equal(result[label > 0], label[label > 0])
    background, count = ndimage.label(label == 0)
    for part in range(1, count + 1):
        where = background == part
        enclosing = [id for id in (1, 2, 3) if ndimage.binary_fill_holes(label == id)[where].all()]
        around = set(label[ndimage.binary_dilation(where) & ~where].tolist())
        expected = enclosing[0] if len(enclosing) and around == {enclosing[0]} else 0
        assert (result[where] == expected).all()


@given(LABELS, st.booleans(), st.booleans(), st.booleans(), st.integers(0, 9))
def test_ids_have_no_gaps_and_keep_their_scores(label, one_piece, fill_holes, drop_edge, area):
    cleanup = Cleanup(
        one_piece=one_piece, fill_holes=fill_holes, drop_edge=drop_edge, min_area=area
    )
    result = cleanup.apply(Instances(label, SCORES, CLASSES))
    ids = np.unique(result.labels[result.labels > 0])
    assert ids.tolist() == list(range(1, len(result.scores) + 1))
    for id, score in enumerate(result.scores, start=1):
        if one_piece and fill_holes:  # a dropped component may leave a hole
            continue
        before = label[result.labels == id]
        assert SCORES[before[before > 0] - 1].tolist() == [score] * (before > 0).sum()
        classes = CLASSES[before[before > 0] - 1]
        assert (classes == result.classes[id - 1]).all()


def test_a_negative_area_is_refused():
    with pytest.raises(InputError, match="min_area must be a whole number"):
        Cleanup(min_area=-1)
