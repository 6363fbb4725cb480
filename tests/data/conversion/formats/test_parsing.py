"""Values of annotation files in messages."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tfseg.checks import InputError
from tfseg.data.conversion.formats.parsing import read_json, shortened


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
