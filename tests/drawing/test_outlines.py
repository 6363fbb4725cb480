"""Outlines: what a path encloses is the instance, pixel by pixel."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tfseg.drawing.outlines import outlines


def filled(path: str, shape: tuple[int, int]) -> np.ndarray:
    """Returns the pixels inside a path: an odd number of vertical sides to their left."""
    crossings = np.zeros((shape[0], shape[1] + 1), int)
    for loop in re.findall(r"M[^z]*z", path):
        start, *steps = re.findall(r"[Mhv]-?\d+(?: \d+)?", loop)
        x, y = map(int, start[1:].split())
        first = y
        for step in steps:
            length = int(step[1:])
            if step[0] == "h":
                x += length
            else:
                crossings[min(y, y + length) : max(y, y + length), x] += 1
                y += length
        crossings[min(y, first) : max(y, first), x] += 1  # the last side, "z"
    return np.cumsum(crossings, axis=1)[:, :-1] % 2 == 1


def test_the_path_of_one_pixel_goes_around_it():
    assert outlines(np.array([[0, 0], [0, 9]])) == {9: "M1 1h1v1h-1z"}


def test_straight_sides_are_one_step():
    assert outlines(np.ones((3, 5), int)) == {1: "M0 0h5v3h-5z"}


def test_background_and_ignored_pixels_have_none():
    assert outlines(np.array([[0, -1]])) == {}


@settings(max_examples=100)
@given(arrays.arrays(np.int32, (6, 7), elements=st.integers(-1, 3)))
def test_a_path_encloses_exactly_the_pixels_of_its_id(label):
    paths = outlines(label)
    assert set(paths) == {int(name) for name in np.unique(label) if name > 0}
    for name, path in paths.items():
        np.testing.assert_array_equal(filled(path, label.shape), label == name)
