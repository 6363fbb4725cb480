"""A damaged or exchanged shard is one line of every command that reads it."""

from __future__ import annotations

import dataclasses
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfseg import DataConfig, InputError, RunConfig
from tfseg.commands.train import open_datasets
from tfseg.data.dataset import integrity

COMMANDS = {
    "evaluate": ["evaluate", "RUN", "DATA", "--split", "SPLIT", "--out", "OUT"],
    "info": ["info", "DATA"],
    "tune": ["tune", "RUN", "DATA"],
    "bench": ["bench", "DATA", "--batches=2", "--repeats=1"],
    "preview": ["augment", "preview", "DATA", "last", "--out", "OUT"],
    "replay": ["augment", "replay", "DATA", "RUN", "last", "--out", "OUT"],
    "train": ["train", "DATA", "OUT"],
    "check": ["check", "DATA"],
}
# The commands that read a split
READ = {
    "train": ("evaluate", "info", "bench", "preview", "replay", "train", "check"),
    "val": ("evaluate", "info", "tune", "train", "check"),
}


def frames(path: Path) -> list[bytes]:
    """Returns the frames of a shard: length, its checksum, payload, its checksum."""
    data, parts = path.read_bytes(), []
    while data:
        size = 16 + struct.unpack_from("<Q", data)[0]
        parts.append(data[:size])
        data = data[size:]
    return parts


def masked_crc(data: bytes) -> bytes:
    """Returns the checksum of a TFRecord file: a CRC-32C, rotated and shifted by a constant."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def flipped(parts: list[bytes]) -> list[bytes]:
    payload = bytearray(parts[1])
    payload[300] ^= 1
    return [parts[0], bytes(payload), *parts[2:]]


def cut(parts: list[bytes]) -> list[bytes]:
    return parts[:1]


def endless(parts: list[bytes]) -> list[bytes]:
    length = struct.pack("<Q", 2**40)
    return [parts[0], length + masked_crc(length) + parts[1][12:], *parts[2:]]


@pytest.fixture
def shard(dataset: Path, tmp_path: Path):
    """A function that copies the data set and changes the shard of a split; returns its path."""

    def make(split: str, change) -> Path:
        copied = shutil.copytree(dataset, tmp_path / "data")
        (path,) = copied.glob(f"{split}-*")
        path.write_bytes(b"".join(change(frames(path))))
        return path

    return make


def test_the_checksum_of_this_test_is_that_of_the_records(dataset):
    (path,) = dataset.glob("val-*")
    assert [frame[8:12] for frame in frames(path)] == [masked_crc(f[:8]) for f in frames(path)]


@pytest.mark.parametrize("change", [flipped, cut, endless])
@pytest.mark.parametrize(
    ("split", "command"), [(split, command) for split in READ for command in READ[split]]
)
def test_a_damaged_shard_is_one_line_that_names_shard_and_record(
    tfseg, shard, run_dir, tmp_path, small, split, command, change
):
    path = shard(split, change)
    names = {"RUN": run_dir, "DATA": path.parent, "OUT": tmp_path / "out", "SPLIT": split}
    options = small if command in ("train", "bench") else ()
    result = tfseg(*(names.get(word, word) for word in COMMANDS[command]), *options)
    if command == "check":
        reason = (
            "SHA-256 differs" if change is cut else "Cannot be read to the end: record 1 is dam"
        )
        assert result.code == 1
        assert any(path.name in line and reason in line for line in result.out.splitlines())
        return
    assert result.code == 2
    last = result.err.splitlines()[-1]
    assert f"{path}, record 1" in last
    assert "is damaged" in last
    assert "Traceback" not in result.err


@pytest.mark.parametrize("command", ["evaluate", "info", "tune", "train"])
def test_the_shard_of_another_split_is_not_scored(
    tfseg, dataset, run_dir, tmp_path, small, command
):
    copied = shutil.copytree(dataset, tmp_path / "data")
    (train,), (val,) = copied.glob("train-*"), copied.glob("val-*")
    val.write_bytes(b"".join(frames(train)[:2]))  # as many records as dataset.json says
    names = {"RUN": run_dir, "DATA": copied, "OUT": tmp_path / "out", "SPLIT": "val"}
    options = small if command == "train" else ()
    result = tfseg(*(names.get(word, word) for word in COMMANDS[command]), *options)
    assert result.code == 2
    assert f"{val} must be the file that dataset.json describes; its SHA-256 differs" in result.err


@pytest.mark.parametrize("command", ["train", "bench"])
def test_records_in_another_order_are_not_trained_on(tfseg, shard, tmp_path, small, command):
    path = shard("train", lambda parts: parts[::-1])
    names = {"DATA": path.parent, "OUT": tmp_path / "out"}
    words = [names.get(word, word) for word in COMMANDS[command]]
    result = tfseg(*words, *small)
    assert result.code == 2
    assert f"{path} must be the file that dataset.json describes; its SHA-256 differs" in result.err


def test_checksums_are_not_compared_where_that_takes_long_or_damage_is_left_out(shard, monkeypatch):
    paths = [shard("train", lambda parts: parts[::-1]).parent]
    config = RunConfig()
    skipping = dataclasses.replace(config, data=DataConfig(on_corrupt="skip"))
    with pytest.raises(InputError, match="its SHA-256 differs"):
        open_datasets(paths, config)
    assert open_datasets(paths, skipping).path == paths[0]
    monkeypatch.setattr(integrity, "_SMALL", 100)
    assert open_datasets(paths, config).path == paths[0]


def test_one_flipped_bit_anywhere_is_noticed_before_anything_is_scored(tfseg, shard):
    rng = np.random.default_rng(0)
    path = shard("val", lambda parts: parts)
    content = path.read_bytes()
    for position in rng.integers(len(content), size=20):
        data = bytearray(content)
        data[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        result = tfseg("info", path.parent)
        assert result.code == 2, position
        assert f"{path}, record " in result.err
    path.write_bytes(content)
    assert tfseg("info", path.parent).code == 0
    assert len(list(tf.data.TFRecordDataset(str(path)))) == 2
