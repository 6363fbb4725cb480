"""A file is replaced in one step, or stays as it was, whatever happens meanwhile."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import tfseg
from tfseg import InputError, atomic
from tfseg.commands.output import write_json
from tfseg.data.files.images import write_label, write_picture

PICTURE = np.zeros((4, 4, 3), np.uint8)
# What writes a file, its name included, in one step.
WRITERS = {
    "text": lambda folder: atomic.write_text(folder / "text", "new"),
    "config": lambda folder: tfseg.config.write(tfseg.RunConfig(), folder / "config"),
    "json": lambda folder: write_json(folder / "json", {"a": 1}),
    "label.png": lambda folder: write_label(folder / "label", PICTURE[..., 0]),
    "label.tif": lambda folder: write_label(folder / "label", PICTURE[..., 0] + np.uint32(2**16)),
    "picture": lambda folder: write_picture(folder / "picture", PICTURE),
}


def test_a_file_is_replaced_when_the_block_ends(tmp_path):
    path = tmp_path / "file"
    path.write_text("old", encoding="utf-8")
    with atomic.replacing(path) as partial:
        partial.write_text("new", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "old"
    assert path.read_text(encoding="utf-8") == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_raises_leaves_the_old_file_and_no_other(tmp_path, error):
    path = tmp_path / "file"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(error), atomic.replacing(path) as partial:
        partial.write_text("half", encoding="utf-8")
        raise error
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_leaves_the_old_file_and_is_named(tmp_path, name):
    path = tmp_path / name
    path.write_text("old", encoding="utf-8")
    path.with_name(f"{name}.partial").symlink_to("/dev/full")
    message = rf"{name} cannot be written: No space left on device\. Choose another folder"
    with pytest.raises(InputError, match=message), atomic.writing(path):
        WRITERS[name](tmp_path)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", WRITERS)
def test_a_folder_that_is_a_file_is_named(tmp_path, name):
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match=r"cannot be written: Not a directory\. Choose"),
        atomic.writing(tmp_path / "file"),
    ):
        WRITERS[name](tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_errors_of_another_kind_are_turned_only_where_they_are_named(tmp_path):
    with pytest.raises(KeyError), atomic.writing(tmp_path):
        raise KeyError
    with (
        pytest.raises(InputError, match=r"cannot be written: too long\. Choose another folder\."),
        atomic.writing(tmp_path, "Choose another folder.", ValueError),
    ):
        raise ValueError("too long")


@pytest.mark.parametrize("durable", [True, False])
def test_only_a_durable_file_waits_for_the_disk(tmp_path, durable):
    code = (
        "import os, sys; from pathlib import Path; from tfseg import atomic\n"
        "os.fsync = lambda descriptor: print(os.readlink(f'/proc/self/fd/{descriptor}'))\n"
        f"with atomic.replacing(Path(sys.argv[1]), durable={durable}) as file: file.touch()\n"
    )
    path = tmp_path / "file"
    printed = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    ).stdout
    assert printed.split() == ([f"{path}.partial"] if durable else [])
    assert path.exists()


def test_a_full_disk_names_the_file_that_was_written(tmp_path):
    (tmp_path / "a.csv.partial").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        atomic.write_text(tmp_path / "a.csv", "text")
    assert caught.value.filename == str(tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []
