"""Instances that may overlap: which instance gets the pixel, and what is counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfseg import large_arrays
from tfseg.checks import InputError
from tfseg.data.conversion.formats.painting import paint, renumbered
from tfseg.data.conversion.formats.shapes import Region
from tfseg.data.files.opening import Picture
from tfseg.ids import IGNORE

IMAGE = Picture(np.zeros((1, 6, 3), np.uint8), None, (1, 6))


def row(text, x=0):
    return Region(np.array([[sign == "#" for sign in text]]), 0, x)


def painted(*regions, overlap="smaller_wins"):
    return paint(IMAGE, iter(regions), overlap=overlap, name=Path("a.png"))


def test_the_smaller_wins_or_the_first_and_the_pixels_in_question_are_counted_once():
    regions = (row("####"), 2), (row("###", 2), 1), (row("##", 2), 3)
    sample = painted(*regions)
    # 4, 3 and 2 pixels; columns 2 and 3 are claimed by all three
    assert sample.label.tolist() == [[1, 1, 3, 3, 2, 0]]
    assert (sample.overlap_pixels, sample.hidden_instances) == (2, 0)
    assert sample.class_of.tolist() == [2, 1, 3]
    first = painted(*regions, overlap="first")
    assert first.label.tolist() == [[1, 1, 1, 1, 2, 0]]
    assert (first.overlap_pixels, first.hidden_instances) == (2, 1)


def test_an_error_is_raised_only_where_a_pixel_is_claimed_twice():
    apart = painted((row("##"), 1), (row("##", 2), 1), overlap="error")
    assert apart.label.tolist() == [[1, 1, 2, 2, 0, 0]]
    with pytest.raises(InputError, match=r"a\.png must not overlap .* number 2 shares 1 pixels wi"):
        painted((row("##"), 1), (row("##", 1), 1), overlap="error")


def test_ignored_regions_give_way_to_instances_before_and_after_them():
    sample = painted((row("##"), 1), (row("####", 1), IGNORE), (row("#", 4), 1))
    assert sample.label.tolist() == [[1, 1, -1, -1, 2, 0]]
    assert (sample.overlap_pixels, sample.hidden_instances) == (0, 0)


def test_instances_without_a_pixel_are_counted_and_the_others_keep_their_classes():
    empty = Region(np.zeros((0, 3), bool), 1, 2)
    sample = painted((empty, 1), (row("##"), 5), (row("....", 2), 1))
    assert sample.label.tolist() == [[2, 2, 0, 0, 0, 0]]
    assert sample.hidden_instances == 2
    assert sample.class_of.tolist() == [5]


def test_more_instances_than_the_table_of_areas_starts_with():
    sample = paint(
        Picture(np.zeros((1, 300, 1), np.uint8), None, (1, 300)),
        ((row("##", x), 1) for x in range(299)),
        overlap="smaller_wins",
        name=Path("a.png"),
    )
    assert sample.label.tolist() == [[1, *range(1, 300)]]
    assert sample.overlap_pixels == 298


@pytest.mark.parametrize("block", [1, 7, 2**22])
def test_rows_are_looked_up_in_portions(monkeypatch, block):
    monkeypatch.setattr(large_arrays, "_BAND", block)
    values = np.random.default_rng(0).integers(0, 4, (5, 3)) * 10**6
    present = np.unique(values)
    made = renumbered(values, present, np.array([7, -1, 0, 9])[: len(present)])
    assert made.tolist() == np.array([7, -1, 0, 9])[values // 10**6].tolist()
    large, small = np.ones((5, 3), bool), np.eye(5, 3, dtype=bool)
    regions = ((Region(mask), 1) for mask in (large, small))
    picture = Picture(np.zeros((5, 3, 1)), None, (5, 3))
    sample = paint(picture, regions, overlap="smaller_wins", name=Path("a.png"))
    assert sample.label.tolist() == (1 + np.eye(5, 3, dtype=int)).tolist()


@given(arrays(np.bool_, st.tuples(st.integers(1, 6), st.just(1), st.just(6))))
def test_any_regions_agree_with_a_loop_over_the_pixels(masks):
    sample = painted(*((Region(mask), 1) for mask in masks))
    first = painted(*((Region(mask), 1) for mask in masks), overlap="first")
    areas = masks.sum(axis=(1, 2))
    for x in range(6):
        claims = np.flatnonzero(masks[:, 0, x])
        smallest = min(claims, key=lambda index: (areas[index], index), default=-1)
        assert sample.label[0, x] == smallest + 1
        assert first.label[0, x] == min(claims, default=-1) + 1
    assert sample.overlap_pixels == first.overlap_pixels == (masks.sum(axis=0) > 1).sum()
    assert sample.hidden_instances == len(masks) - len(set(sample.label[sample.label > 0]))
