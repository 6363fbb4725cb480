"""Tables, JSON and notes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tfseg.commands import output


def test_json_is_one_object_of_plain_values(capsys):
    output.print_json(
        {
            "path": Path("a/b"),
            "numbers": (np.float32(0.5), np.int64(3), 1),
            "nan": float("nan"),
            "inside": {0.5: np.float64("inf")},
        }
    )
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "path": "a/b",
        "numbers": [0.5, 3, 1],
        "nan": None,
        "inside": {"0.5": None},
    }


def test_a_table_has_words_on_the_left_and_numbers_on_the_right(capsys):
    output.print_table([("split", "images"), ("train", 48), ("val", 5)])
    assert capsys.readouterr().out.splitlines() == [
        "split  images",
        "train      48",
        "val         5",
    ]


def test_an_empty_table_prints_nothing(capsys):
    output.print_table([])
    assert capsys.readouterr().out == ""


def test_a_note_goes_to_standard_error(capsys):
    output.note("warning: something")
    assert capsys.readouterr() == ("", "tfseg: warning: something\n")
