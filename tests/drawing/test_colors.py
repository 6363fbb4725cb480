"""Neighbours and their colours."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tfseg.drawing.colors import COLORS, color_neighbours, neighbours


def test_sides_and_corners_touch_and_a_gap_does_not():
    label = np.array([[1, 0, 9, 0], [0, 2, 0, 0], [3, 0, 0, -1], [0, 0, 0, 4]])
    assert neighbours(label).tolist() == [[1, 2], [2, 3], [2, 9]]
    assert [1, 9] in neighbours(label, reach=2).tolist()
    assert [1, 4] not in neighbours(label, reach=2).tolist()
    assert [1, 4] in neighbours(label, reach=3).tolist()


def test_one_instance_and_none_have_no_neighbours():
    assert neighbours(np.ones((3, 3), int)).shape == (0, 2)
    assert neighbours(np.zeros((1, 1), int)).shape == (0, 2)


MAPS = arrays.arrays(
    np.int64, (6, 9), elements=st.sampled_from([-1, 0, 0, 3, 7, 11, 15, 2**31 - 1])
)


@settings(max_examples=80)
@given(MAPS, st.integers(1, 3))
def test_they_are_those_of_every_pair_of_pixels(label, reach):
    pixels = [(y, x, i) for (y, x), i in np.ndenumerate(label) if i > 0]
    near = {
        (min(i, j), max(i, j))
        for y, x, i in pixels
        for v, u, j in pixels
        if i != j and abs(y - v) <= reach and abs(x - u) <= reach
    }
    assert set(map(tuple, neighbours(label, reach=reach).tolist())) == near


@settings(max_examples=80)
@given(MAPS)
def test_neighbours_have_different_colors_and_an_instance_has_one(label):
    painted = color_neighbours(label)
    color = {i: np.unique(painted[label == i], axis=0) for i in np.unique(label)}
    assert all(len(rows) == 1 for rows in color.values())
    assert all((color[i] == 0).all() for i in color if i <= 0)
    for one, other in neighbours(label, reach=3):
        assert not np.array_equal(color[one], color[other])


def test_all_colors_are_used():
    far = np.kron(np.arange(1, 17).reshape(4, 4), np.pad(np.ones((1, 1), int), 4))
    assert len(np.unique(color_neighbours(far)[far > 0], axis=0)) == len(COLORS)


def test_with_more_neighbours_than_colors_it_still_paints():
    assert (color_neighbours(np.arange(1, 26).reshape(5, 5)).sum(axis=2) > 0).all()
