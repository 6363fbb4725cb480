"""A tiny data set and a run of a few steps on it, made by the commands themselves."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from tfseg.cli import main, parse

SMALL = (
    "--train.steps=4",
    "--optimizer.warmup_steps=1",
    "--train.batch_size=2",
    "--log.log_every=2",
    "--log.checkpoint_every=2",
    "--data.crop_size=64",
    "--model.filters=[4,8,8,16]",  # as many stages as by default, and so the same context
)


SAID = re.compile(r"tfseg: |\w+ \d+/\d+")  # a note, or progress


class Result(NamedTuple):
    """The exit code of a command and its two streams."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        """The single line on standard output, as an object."""
        (line,) = self.out.splitlines()
        return json.loads(line)

    @property
    def next(self) -> str:
        """The command that is suggested, without its first word; it is valid."""
        (line,) = re.findall(r"^tfseg: next: tfseg (.*)$", self.err, re.MULTILINE)
        parse(shlex.split(line))
        return line


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")


@pytest.fixture
def tfseg(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Callable[..., Result]:
    """A function that runs the command in this process; no line of TensorFlow may reach a person.

    Its C++ code writes to the file descriptor, its Python code to a logger.
    """

    def run(*arguments: object) -> Result:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        result = Result(code, *capfd.readouterr())
        lines = [line for line in result.err.splitlines() if not SAID.match(line)] + caplog.messages
        # Retracing is counted over all commands of this process; test_messages.py runs one in each.
        assert [line for line in lines if "retracing" not in line] == []
        return result

    return run


def write_samples(folder: Path, *, count: int) -> Path:
    """Writes images with two bright squares each, and their ids."""
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    for index in range(count):
        label = np.zeros((64, 80), np.uint16)
        label[4 + index : 20 + index, 6:22] = 1
        label[30:50, 40 + index : 60 + index] = 2
        image = np.where(label > 0, 200, 20).astype(np.uint8)
        Image.fromarray(image).save(folder / "images" / f"{index:02d}.png")
        Image.fromarray(label).save(folder / "labels" / f"{index:02d}.png")
    return folder


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images/ and labels/, eight of each."""
    return write_samples(tmp_path_factory.mktemp("files"), count=8)


@pytest.fixture(scope="session")
def dataset(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of six images in the split train and two in val."""
    folder = tmp_path_factory.mktemp("dataset") / "data"
    assert main(["convert", str(files), str(folder), "--val_fraction=0.25"]) == 0
    return folder


@pytest.fixture(scope="session")
def run_dir(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four steps."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", str(dataset), str(folder), *SMALL]) == 0
    return folder


@pytest.fixture
def small() -> tuple[str, ...]:
    """Options that make a run short."""
    return SMALL
