"""The progress of long work, where it is watched: a log, a terminal, a notebook."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from tfseg import progress as module
from tfseg.progress import image_progress, progress

WORK = """
from tfseg.progress import progress
with progress("train") as report:
    for step in range(1, 4):
        report(step, 3, f"loss <{step}>")
"""


def set_clock(monkeypatch, *seconds: float) -> None:
    clock = iter(seconds)
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))


def test_a_log_has_a_line_every_ten_seconds_and_the_last(capsys, monkeypatch):
    set_clock(monkeypatch, 0.0, 1.0, 11.0, 11.0, 12.0, 13.0)
    with progress("train") as report:
        report(1, 4, "loss 3")  # after 1 s: too early
        report(2, 4, "loss 2")  # after 11 s
        report(3, 4, "loss 1")  # 1 s later: too early
        report(4, 4)  # the last
    assert capsys.readouterr() == ("", "train 2/4  loss 2\ntrain 4/4\n")


def test_nothing_is_shown_of_silent_work_but_it_is_reported(capsys):
    calls = []
    with image_progress("convert", lambda *done: calls.append(done), verbose=False) as report:
        report(1, 2)
        report(2, 2)
    assert calls == [(1, 2), (2, 2)]
    assert capsys.readouterr() == ("", "")


def test_the_speed_is_the_mean_since_the_start_and_gives_the_remaining_time(capsys, monkeypatch):
    set_clock(monkeypatch, 100.0, 100.0, 104.0, 120.0, 120.0)
    with image_progress("convert") as report:
        report(10, 200)
    # 10 images in 4 s are 2.5 a second, so the other 190 take 76 s
    assert capsys.readouterr().err == "convert 10/200  2.5 images/s  1:16 left\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_error_of_the_work_is_let_through(error):
    with pytest.raises(error), progress("train"):
        raise error


def test_a_terminal_has_one_bar_that_is_drawn_in_place():
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    command = [sys.executable, "-c", WORK]
    subprocess.run(command, stderr=theirs, stdout=subprocess.PIPE, env=environment, check=True)
    os.close(theirs)
    text = os.read(ours, 100_000).decode()
    assert "3/3" in text
    assert "loss <3>" in text
    assert "\x1b[" in text  # moves the cursor
    assert text.count("\n") <= 2


def test_a_notebook_has_one_output_that_is_replaced():
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient").NotebookClient
    cell = nbformat.v4.new_code_cell(WORK)
    client(nbformat.v4.new_notebook(cells=[cell]), kernel_name="python3").execute()
    (output,) = cell.outputs
    assert output["data"] == {
        "text/plain": "train 3/3  loss <3>",
        "text/html": '<progress value="3" max="3"></progress> train 3/3  loss &lt;3&gt;',
    }
