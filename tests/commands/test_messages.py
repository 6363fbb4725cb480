"""What commands write to standard error as processes, where TensorFlow is imported anew."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SAID = re.compile(r"tfseg: |\w+ \d+/\d+")  # a note, or progress


def messages(level: str | None, *arguments: object) -> list[str]:
    """Returns the lines on standard error that tfseg did not write."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    if level is not None:
        environment["TF_CPP_MIN_LOG_LEVEL"] = level
    command = [sys.executable, "-m", "tfseg", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stderr
    return [line for line in result.stderr.splitlines() if not SAID.match(line)]


@pytest.mark.slow
@pytest.mark.parametrize("level", [None, "2", "3"])
def test_no_line_of_tensorflow_is_written_when_it_starts(dataset, level):
    assert messages(level, "info", dataset) == []


@pytest.mark.slow
def test_a_person_who_asks_for_the_lines_of_tensorflow_gets_them(dataset):
    assert messages("0", "info", dataset) != []


# The tests of every command in one process read its messages too.
IMPORTED_ANEW = ("convert", "info", "train", "predict")
OTHERS = ("check", "augment", "tune", "evaluate", "export", "bench")


@pytest.mark.parametrize(
    "command",
    [
        *(pytest.param(name, marks=pytest.mark.slow) for name in IMPORTED_ANEW),
        *(pytest.param(name, marks=pytest.mark.exhaustive) for name in OTHERS),
    ],
)
def test_every_command_writes_its_own_lines_only(
    files, dataset, run_dir, small, tmp_path: Path, command
):
    out, run = tmp_path / "out", tmp_path / "run"
    shutil.copytree(run_dir, run)  # tune writes into it
    example = [files / kind / "00.png" for kind in ("images", "labels")]
    arguments = {
        "convert": (files, out),
        "check": (dataset,),
        "info": (dataset, "--out", out),
        "augment": ("preview", *example, "--out", tmp_path / "a.png"),
        "train": (dataset, out, *small),
        "tune": (run, dataset),
        "evaluate": (run, dataset, "--out", out),
        "predict": (run, files / "images", "--out", out),
        "export": (run, out),
        "bench": (dataset, "--batches=1", "--repeats=1", *small),
    }
    assert messages("2", command, *arguments[command]) == []
