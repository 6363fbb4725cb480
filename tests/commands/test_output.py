"""Tables, JSON and progress lines."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tfseg.commands import output, progress


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


def test_progress_without_a_terminal_is_a_line_every_few_seconds_and_the_last(capsys, monkeypatch):
    clock = iter([0.0, 1.0, 11.0, 11.0, 12.0, 13.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress.progress("train") as report:
        report(1, 4, "loss 3")  # after 1 s: too early
        report(2, 4, "loss 2")  # after 11 s
        report(3, 4, "loss 1")  # 1 s later: too early
        report(4, 4)  # the last
    assert capsys.readouterr() == ("", "train 2/4  loss 2\ntrain 4/4\n")


def test_progress_on_a_terminal_is_a_bar_on_standard_error(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with progress.progress("train") as report:
        report(4, 4, "loss 1")
    out, err = capsys.readouterr()
    assert out == ""
    assert "train" in err
    assert "4/4" in err


def test_the_speed_is_the_mean_since_the_start_and_gives_the_remaining_time(monkeypatch):
    clock = iter([100.0, 104.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    reports = []
    progress.with_speed(lambda *report: reports.append(report))(10, 200)
    # 10 images in 4 s are 2.5 a second, so the other 190 take 76 s
    assert reports == [(10, 200, "2.5 images/s  1:16 left")]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_progress_lets_an_error_through(error):
    with pytest.raises(error), progress.progress("train"):
        raise error
