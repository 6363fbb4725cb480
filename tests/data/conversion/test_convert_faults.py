"""Conversion of bad input, to bad folders and killed: the data set is complete or not written."""

from __future__ import annotations

import contextlib
import resource
import shutil
import signal
import subprocess
import sys

import imagecodecs
import numpy as np
import pytest
import tifffile

import tfseg
from tfseg import InputError, convert


def replace(name, data):
    return lambda files: (files / name).write_bytes(data)


def with_tiff(kind, array, **options):
    def spoil(files):
        (files / kind / "c.png").unlink()
        tifffile.imwrite(files / kind / "c.tif", array, **options)

    return spoil


ARRAY = np.zeros((20, 24), np.uint8)
SPOILED = {
    "no folder": (shutil.rmtree, r"files does not exist\. Check the path"),
    "no files": (
        lambda files: [shutil.rmtree(folder) for folder in files.iterdir()],
        r"files is empty\. Give a folder with images",
    ),
    "no label": (
        lambda files: (files / "labels" / "c.png").unlink(),
        r"c\.png must have a label .* there is none\. Add it, or take the image away",
    ),
    "no image": (
        lambda files: (files / "images" / "c.png").unlink(),
        r"c\.png must have an image .* there is none\. Add it, or take the label away",
    ),
    "another size": (
        replace("labels/c.png", imagecodecs.png_encode(ARRAY.T.copy())),
        r"c\.png must have the size of its image .*; got 24 x 20 pixels .* Give the annotation",
    ),
    "RGB label": (
        replace("labels/c.png", imagecodecs.png_encode(np.zeros((20, 24, 3), np.uint8))),
        r"c\.png must hold one instance id per pixel; got 3 channels\. Save one id",
    ),
    "float label": (
        with_tiff("labels", ARRAY + np.float32(0.5)),
        r"c\.tif must have whole numbers as ids, .* pixels have others, .*\. Save one id",
    ),
    "JPEG label": (
        replace("labels/c.png", imagecodecs.jpeg8_encode(ARRAY)),
        r"c\.png must be PNG, TIFF or npy; got JPEG\. Save one id",
    ),
    "float image": (
        with_tiff("images", ARRAY.astype(np.float32)),
        r"must have images of integers or of floats; it has both",
    ),
    "image of two channels": (
        with_tiff("images", np.stack([ARRAY] * 2), photometric="minisblack", planarconfig=2),
        r"images of the same channels; got 2 with grey or RGB, 1 with channel_0, channel_1\. If on",
    ),
    "no picture": (
        replace("images/c.png", b"not a picture"),
        r"images\S+c\.png must be a PNG, JPEG, TIFF, BMP or WebP image; .* Convert it",
    ),
    "cut short": (
        replace("images/c.png", imagecodecs.png_encode(ARRAY)[:-20]),
        r"images\S+c\.png is damaged or cut short \(.+\)\. Replace the file",
    ),
    "no instances": (
        lambda files: [
            path.write_bytes(imagecodecs.png_encode(ARRAY)) for path in (files / "labels").iterdir()
        ],
        r"files has no instances: no pixel has an id above 0\. Check the annotations",
    ),
}


@pytest.mark.parametrize("old", [False, True], ids=["new", "over an old one"])
@pytest.mark.parametrize("kind", SPOILED)
def test_a_bad_source_is_refused_and_leaves_the_destination_as_it_was(
    tmp_path, write, contents, kind, old
):
    spoil, message = SPOILED[kind]
    write(tmp_path / "files", ["a", "b", "c"])  # c is the last: the others are written by then
    destination = tmp_path / "new" / "data"
    if old:
        convert(tmp_path / "files", destination)
    spoil(tmp_path / "files")
    before = contents(tmp_path)
    with pytest.raises(InputError, match=message):
        convert(tmp_path / "files", destination, shard_size=1, overwrite=old)
    assert contents(tmp_path) == before


OPTIONS = [
    ({"format": "label_map"}, r"format must be one of .*'label_map'\. Did you mean 'label_maps'\?"),
    ({"format": "instance_masks"}, r"images has no folder 'images'\. Expected: ID/images/ID\.png"),
    ({"val_fraction": -0.1}, r"val_fraction must be a number in \[0, 1\]; got -0\.1"),
    ({"val_fraction": 1.01}, r"val_fraction must be a number in \[0, 1\]; got 1\.01"),
    ({"val_fraction": float("nan")}, r"val_fraction must be a number in \[0, 1\]; got nan"),
    ({"val_fraction": 1.0}, r"; 1 of 2 images gave 2 in val, 0 in train with seed 0\. Change"),
    ({"val_fraction": 1e-9, "seed": 3}, r"1e-09 of 2 images gave 0 in val, 2 in train with seed 3"),
    ({"shard_size": 0}, r"shard_size must be a whole number in \[1, .*; got 0\."),
    ({"shard_size": float("inf")}, r"shard_size must be a whole number in \[1, .*; got inf\."),
    ({"class_name": " "}, r"class_name must be a name of what the instances are; got ' '\."),
]


@pytest.mark.parametrize(("options", "message"), OPTIONS, ids=lambda value: str(value)[:30])
def test_an_option_out_of_its_bounds_is_refused_and_nothing_is_written(
    tmp_path, write, contents, options, message
):
    write(tmp_path / "files", ["a", "b"])
    before = contents(tmp_path)
    with pytest.raises(InputError, match=message):
        convert(tmp_path / "files", tmp_path / "data", **options)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("names", [["train/a", "train/b", "val/c"], ["test/a", "test/b"]])
def test_a_share_for_val_needs_a_split_train_and_none_val(tmp_path, write, names):
    write(tmp_path / "files", names)
    splits = ", ".join(sorted({name.split("/")[0] for name in names}))
    message = rf"no split val; got the splits {splits}\. Leave val_fraction out"
    with pytest.raises(InputError, match=message):
        convert(tmp_path / "files", tmp_path / "data", val_fraction=0.5)


def test_a_destination_in_use_is_replaced_only_when_asked_and_only_a_data_set(
    tmp_path, write, contents
):
    first = convert(write(tmp_path / "files", ["a"]), tmp_path / "data")
    write(tmp_path / "files", ["b"])
    before = contents(tmp_path)
    with pytest.raises(InputError, match=r"data already has dataset.json, .*\. .*--over"):
        convert(tmp_path / "files", first.path)
    with pytest.raises(InputError, match=r"files is not one \(.*no dataset\.json.*Choose another"):
        convert(tmp_path / "files", tmp_path / "files", overwrite=True)
    assert contents(tmp_path) == before
    assert convert(tmp_path / "files", first.path, overwrite=True).split("train").num_images == 2


@pytest.mark.parametrize("old", [False, True], ids=["new", "over an old one"])
@pytest.mark.parametrize(
    ("shard_size", "reason"),
    [(6, r"\S+train-00000-of-00001\.tfrecord; File too large"), (1, "File too large")],
    ids=["shard", "dataset.json"],
)
def test_a_full_disk_is_refused_and_leaves_the_destination_as_it_was(
    tmp_path, write, contents, shard_size, reason, old
):
    # A record of these takes 700 bytes, and dataset.json more than 200 bytes for each shard.
    files, data = write(tmp_path / "files", list("abcdef")), tmp_path / "data"
    if old:
        convert(files, data)
    before = contents(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_FSIZE, limits)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        with pytest.raises(
            InputError, match=rf"data cannot be written: {reason}\. Free some space"
        ):
            convert(files, data, shard_size=shard_size, overwrite=old)
    assert contents(tmp_path) == before


KILLED = """
import os, signal, sys, tfseg

def report(done, total):
    if done == 4:
        os.kill(os.getpid(), signal.SIGKILL)

tfseg.convert(*sys.argv[1:], shard_size=1, overwrite=True, on_progress=report)
"""


@pytest.mark.parametrize("old", [False, True], ids=["new", "over an old one"])
def test_a_killed_conversion_leaves_no_half_data_set_and_the_next_one_succeeds(
    tmp_path, write, contents, old
):
    files, data = write(tmp_path / "files", [f"{index}" for index in range(6)]), tmp_path / "data"
    expected = contents(convert(files, tmp_path / "expected", shard_size=1).path)
    if old:
        convert(files, data)
    before = contents(data)
    killed = subprocess.run([sys.executable, "-c", KILLED, files, data], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert any((tmp_path / "data.partial").iterdir())
    assert contents(data) == before
    if not old:
        with pytest.raises(InputError, match="no such folder"):
            tfseg.Dataset.open(data)
    with pytest.raises(InputError, match=r"it has no dataset\.json"):
        tfseg.Dataset.open(tmp_path / "data.partial")
    convert(files, data, shard_size=1, overwrite=old)
    assert contents(data) == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "expected", "files"]
