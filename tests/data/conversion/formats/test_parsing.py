"""Values of annotation files in messages."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tfseg.checks import InputError
from tfseg.data.conversion.formats.parsing import read_json, ring, shortened


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "true"),
        (1.0, "1.0"),
        (float("nan"), "NaN"),
        ("größe", '"größe"'),
        ({"counts": [1, None]}, '{"counts": [1, null]}'),
        ({"counts": np.arange(3)}, '{"counts": [0, 1, 2]}'),  # as `read_json` packs them
        ("a\nb\x9b\u2028\ud800", '"a\\nb\\x9b\\u2028\\ud800"'),
        ("x" * 70, '"' + "x" * 56 + "..."),
    ],
)
def test_a_value_is_shown_as_its_file_has_it(value, expected):
    assert shortened(value) == expected


def test_a_file_of_any_depth_is_read_or_refused_and_shown(tmp_path):
    path = tmp_path / "a.json"
    for depth in range(800, 1100, 5):
        path.write_text("[" * depth + "]" * depth)
        try:
            value = read_json(path)
        except InputError as error:
            assert "is not JSON (maximum recursion depth exceeded" in str(error)
        else:
            assert json.loads(path.read_text()) == value
            assert len(shortened(value)) < 80


@pytest.mark.parametrize(
    "points",
    [
        [0, 0, 1, 1, 3, 3],
        [5, 5, 5, 5, 5, 5],
        [2.5, 1, 2.5, 9, 2.5, 4, 2.5, 1],
        [1e5, 1e5, 1e5 + 1, 1e5 + 1, 1e5 + 3, 1e5 + 3],
    ],
)
def test_an_outline_without_area_is_refused(points):
    with pytest.raises(
        InputError, match=r"x must have an area; its corners lie on one line\. Draw"
    ):
        ring(points, context="x")


@pytest.mark.parametrize(
    "points",
    [
        [0, 0, 1, 0, 1, 1],
        [0, 0, 0.01, 0, 0, 0.01],  # small, as a share of an image
        [0, 0, 2, 2, 2, 0, 0, 2],  # crosses itself: its signed area is 0
        [1e5, 1e5, 1e5 + 1, 1e5, 1e5, 1e5 + 0.01],
    ],
)
def test_a_small_or_crossing_outline_has_an_area(points):
    assert len(ring(points, context="x")) == len(points) // 2
