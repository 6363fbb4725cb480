"""Outlines and run lengths: which pixels they have."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as coco
from skimage import draw

from tfseg.data.conversion.formats import shapes
from tfseg.data.conversion.formats.shapes import circle, polygon


def as_map(region, shape):
    """Returns the pixels of a region as a map of the whole image, and checks that it lies in it."""
    mask = np.zeros(shape, int)
    mask[region.y : region.y + region.mask.shape[0], region.x : region.x + region.mask.shape[1]] = (
        region.mask
    )
    assert mask.sum() == region.mask.sum()
    return mask


def filled(*rings, shape=(6, 8)):
    return as_map(polygon([np.array(ring, float) for ring in rings], shape), shape)


def square(low, high):
    return [[low, low], [high, low], [high, high], [low, high]]


def test_a_pixel_belongs_to_an_outline_when_its_centre_lies_inside():
    # from 1 to 4 in x and to 3 in y: columns 1, 2, 3 of rows 1, 2
    assert filled([[1, 1], [4, 1], [4, 3], [1, 3]]).tolist() == [
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 0, 0, 0, 0],
        [0, 1, 1, 1, 0, 0, 0, 0],
        *[[0] * 8] * 3,
    ]
    # from 1.5 to 3.5: the centres 1.5 and 2.5 are in, 3.5 on the right side is not
    assert filled([[1.5, 0], [3.5, 0], [3.5, 1], [1.5, 1]])[0].tolist() == [0, 1, 1, 0, 0, 0, 0, 0]
    # from 1.6 to 2.4 there is no centre
    assert not filled([[1.6, 0], [2.4, 0], [2.4, 1], [1.6, 1]]).any()
    # a triangle: in row i, at the height i + .5, it reaches from 0 to 4 - (i + .5)
    assert filled([[0, 0], [4, 0], [0, 4]]).tolist() == [
        [1, 1, 1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 0, 0, 0],
        *[[0] * 8] * 3,
    ]


def test_what_lies_beyond_the_image_is_cut_off_on_all_sides():
    assert filled([[-9, -9], [99, -9], [99, 99], [-9, 99]]).all()
    assert filled([[-5, 1], [2, 1], [2, 2], [-5, 2]])[1].tolist() == [1, 1, 0, 0, 0, 0, 0, 0]
    assert filled([[6, 5], [1e6, 5], [1e6, 1e6], [6, 1e6]])[5].tolist() == [0] * 6 + [1] * 2
    for shift in ((-20, 0), (20, 0), (0, -20), (0, 20)):
        assert not filled(np.add(square(1, 4), shift)).any()


def test_parts_are_joined_and_a_ring_the_other_way_round_is_a_hole():
    outer, inner = square(0, 6), square(2, 4)
    assert filled(outer, inner[::-1]).sum() == 36 - 4
    assert filled(inner[::-1], outer).sum() == 36 - 4  # whatever comes first
    assert filled(outer, inner).sum() == 36  # as in pycocotools: a part on a part
    # the island in the hole runs as the outer ring does
    assert filled(outer, square(1, 5)[::-1], inner).sum() == 36 - 16 + 4
    # parts that only touch or overlap are no holes, whichever way they run
    assert filled(square(0, 3), np.add(square(2, 5), [0, 0])[::-1]).sum() == 9 + 9 - 1
    assert filled(square(0, 2), np.add(square(0, 2), [4, 0])[::-1]).sum() == 8


def test_a_ring_listed_twice_is_one_whichever_way_it_runs():
    outer, inner = square(0, 6), square(2, 4)
    again = np.roll(outer, 1, axis=0)
    for twice in (outer, outer[::-1], again, again[::-1], [*outer, outer[0]][::-1]):
        assert filled(outer, twice).sum() == 36
        assert filled(outer, inner[::-1], twice, inner[::-1]).sum() == 36 - 4
    assert filled(outer, inner, inner[::-1]).sum() == 36  # the first says the way


def test_a_hole_over_the_edge_stays_a_hole():
    hole = [[4, 2], [4, 4], [7, 4], [7, 2]]  # columns 4, 5, 6 of rows 2, 3; 6 is outside
    assert filled(square(0, 6), hole).sum() == 36 - 4
    wide = [[0, 0], [99, 0], [99, 6], [0, 6]]  # over the edge of the image
    assert filled(wide, [[5, 2], [5, 4], [99, 4], [99, 2]]).sum() == 6 * 8 - 2 * 3


def test_a_hole_may_be_cut_by_one_ring_that_runs_in_and_back_out():
    ring = [[0, 0], [6, 0], [6, 6], [0, 6], [0, 3], [2, 3], [2, 4], [4, 4], [4, 2], [2, 2], [2, 3]]
    assert filled([*ring, [0, 3]]).sum() == 36 - 4


COORDINATES = st.floats(-30, 40, width=32)
RINGS = arrays.arrays(np.float64, st.tuples(st.integers(3, 8), st.just(2)), elements=COORDINATES)


@given(RINGS)
def test_any_outline_is_that_of_scikit_image_moved_by_half_a_pixel(ring):
    # Generic corners: right on an edge, scikit-image takes all sides, and rounding decides here.
    ring = ring + np.random.default_rng(0).uniform(0.01, 0.02, ring.shape)
    expected = np.zeros((20, 30), int)
    expected[draw.polygon(ring[:, 1] - 0.5, ring[:, 0] - 0.5, expected.shape)] = 1
    np.testing.assert_array_equal(filled(ring, shape=expected.shape), expected)


def distances(ring, points):
    """Returns how far points `[P, 2]` are from the outline."""
    starts, steps = ring[None], (np.roll(ring, -1, axis=0) - ring)[None]
    along = ((points[:, None] - starts) * steps).sum(-1) / (steps**2).sum(-1)
    nearest = starts + np.clip(along, 0, 1)[..., None] * steps
    return np.linalg.norm(points[:, None] - nearest, axis=-1).min(axis=1)


@given(st.integers(0, 10**6))
def test_pycocotools_differs_only_where_the_centre_is_half_a_pixel_from_the_outline(seed):
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 12))
    ring = 20 + rng.uniform(6, 18, 12)[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    mask = filled(ring, shape=(40, 40))
    theirs = coco.decode(coco.frPyObjects([ring.ravel().tolist()], 40, 40))[..., 0]
    centres = np.argwhere(mask != theirs)[:, ::-1] + 0.5
    # half a pixel to the side and half a pixel down are 0.71 pixels; its grid adds a tenth
    assert distances(ring, centres).max(initial=0) < 0.81


def test_corners_on_the_grid_give_the_pixels_of_pycocotools():
    ring = [[2, 1], [7, 1], [7, 3], [5, 3], [5, 6], [2, 6]]
    theirs = coco.decode(coco.frPyObjects([np.ravel(ring).tolist()], 8, 9))[..., 0]
    np.testing.assert_array_equal(filled(ring, shape=(8, 9)), theirs)


def test_the_crossings_of_many_edges_are_taken_in_portions(monkeypatch):
    rng = np.random.default_rng(0)
    ring = rng.uniform(-5, 45, (60, 2))
    expected = filled(ring, shape=(40, 40))
    for most in (1, 7, 100):
        monkeypatch.setattr(shapes, "_MOST_CROSSINGS", most)
        np.testing.assert_array_equal(filled(ring, shape=(40, 40)), expected)
    assert expected.any()


def test_an_outline_that_crosses_the_whole_image_many_times_takes_little_memory():
    ring = np.random.default_rng(0).uniform(-1e6, 1e6, (5_000, 2))
    tracemalloc.start()
    try:
        mask = polygon([ring], (2_000, 500)).mask
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # half of the edges cross all rows: 5 million crossings, 500 MB at once
    assert 0.4 < mask.mean() < 0.6
    assert peak < 100e6


def test_a_circle_has_its_area():
    # 64 corners: 32 sin(2 pi / 64) r^2 = 3.1365 r^2
    area = filled(circle(np.array([50.0, 50.0]), 40.0), shape=(100, 100)).sum()
    assert area == pytest.approx(3.1365 * 1600, rel=0.002)
