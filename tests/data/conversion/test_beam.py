"""Conversion with Apache Beam gives the same bytes as without it."""

from __future__ import annotations

import sys

import pytest

from tfseg import InputError, convert

NAMES = [f"train/{index}" for index in range(7)] + ["val/x", "val/y"]


def test_where_beam_is_not_installed_the_extra_is_named(write, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    files = write(tmp_path / "files", ["a"])
    with pytest.raises(InputError, match=r"Apache Beam cannot be imported .*'tfseg\[beam\]'"):
        convert(files, tmp_path / "data", beam_options=[])
    assert [path.name for path in tmp_path.iterdir()] == ["files"]


@pytest.fixture
def beam():
    return pytest.importorskip("apache_beam", reason="needs the extra beam, which is not installed")


# Warnings of Beam; the pipeline runs in this process.
pytestmark = pytest.mark.filterwarnings("ignore")
DIRECT = ["--runner=DirectRunner"]


@pytest.mark.parametrize("store", ["png", "original"])
def test_the_bytes_are_those_of_a_conversion_without_beam(beam, write, contents, tmp_path, store):
    files = write(tmp_path / "files", NAMES)
    options = {"shard_size": 2, "store": store, "groups": "."}
    expected = contents(convert(files, tmp_path / "one", **options).path)
    progress = []
    dataset = convert(
        files,
        tmp_path / "two",
        beam_options=DIRECT,
        on_progress=lambda *numbers: progress.append(numbers),
        **options,
    )
    assert contents(dataset.path) == expected
    assert progress[-1] == (9, 9)
    assert len(progress) == 5  # of shards: all were found finished


def test_an_image_that_cannot_be_used_is_named_or_skipped(beam, write, contents, tmp_path):
    files = write(tmp_path / "files", NAMES)
    (files / "train" / "images" / "3.png").write_bytes(b"")
    before = contents(tmp_path)
    with pytest.raises(InputError, match=r"3\.png must be a PNG, .* image; .* folder\.$"):
        convert(files, tmp_path / "data", beam_options=DIRECT, shard_size=2)
    assert contents(tmp_path) == before
    skip = {"on_error": "skip", "shard_size": 2}
    expected = contents(convert(files, tmp_path / "one", **skip).path)
    made = convert(files, tmp_path / "two", beam_options=DIRECT, **skip)
    assert contents(made.path) == expected
    assert made.info.skipped_images == 1


@pytest.mark.slow
def test_workers_in_other_processes_give_the_same_bytes(beam, write, contents, tmp_path):
    files = write(tmp_path / "files", NAMES)
    expected = contents(convert(files, tmp_path / "one", shard_size=2).path)
    options = [*DIRECT, "--direct_num_workers=2", "--direct_running_mode=multi_processing"]
    dataset = convert(files, tmp_path / "two", shard_size=2, beam_options=options)
    assert contents(dataset.path) == expected
