"""The offset of every record of a split, from the framing of its shards, without the payloads.

Behind the record of an image in tiles are those of its tiles, row by row, which may continue in the
next shards. A frame of a TFRecord file is the length of the payload (8 bytes), a checksum of the
length (4), the payload, and a checksum of the payload (4), which TensorFlow checks when it reads
the record.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np

from tfseg.checks import InputError
from tfseg.data.files.paths import DataPath, as_path, num_bytes, open_bytes

_HEADER, _FOOTER = 12, 4  # bytes around a payload
_THREADS = 16  # a disk that is not cached answers many requests at once
_MASK = 0xA282EAD8
UNREADABLE = -1
_ID = re.compile(rb"\n\x02id\x12.\n.\n(.)", re.DOTALL)  # entry, key, value, list; length and text


class Sharded(Protocol):
    """What an index needs of a `Dataset`, which reads its records by one."""

    def split(self, name: str) -> Any:
        """Returns a `SplitInfo`."""

    def shard_paths(self, split: str) -> list[DataPath]:
        """Returns the files of a split."""


@dataclasses.dataclass(frozen=True)
class Index:
    """The records of a split, of images and of tiles, numbered in stored order.

    Attributes:
        paths: of the shards.
        images: `[M]` int64, the record of each image.
        shards: `[N]` int64, the shard of each record.
        numbers: `[N]` int64, the number of each record in its shard.
        offsets: `[N]` int64, the first byte of each record in its shard, or `UNREADABLE`.
    """

    paths: tuple[str, ...]
    images: np.ndarray
    shards: np.ndarray
    numbers: np.ndarray
    offsets: np.ndarray

    @classmethod
    def read(cls, dataset: Sharded, split: str) -> Index:
        """Reads the framing of all shards of a split.

        From a broken frame on, the records of its shard are `UNREADABLE`.

        Raises:
            InputError: no such split, a shard is missing, or has more records than dataset.json
                says.
        """
        infos = dataset.split(split).shards
        paths = dataset.shard_paths(split)
        counts = [info.num_records for info in infos]
        with ThreadPoolExecutor(_THREADS) as pool:
            offsets = list(pool.map(_offsets, paths, counts))
        return cls(
            tuple(map(str, paths)),
            _first_records(infos),
            np.repeat(np.arange(len(paths)), counts),
            np.concatenate([np.arange(count) for count in counts]),
            np.concatenate(offsets),
        )

    def location(self, record: int) -> str:
        """Returns the shard and number of a record in words."""
        return f"{self.paths[self.shards[record]]}, record {self.numbers[record]}"

    def describe(self, record: int) -> str:
        """Returns the shard, number and, if it can be read, id of a record in words."""
        payload = self.payload(record)
        if not (match := _ID.search(payload)):
            return self.location(record)
        text = payload[match.end() : match.end() + match[1][0]]
        return f"{self.location(record)} (sample {text.decode(errors='replace')!r})"

    def unreadable(self) -> Iterator[tuple[str, list[int]]]:
        """Yields, in words and by number, the unreadable records of every shard that has some."""
        lost = np.flatnonzero(self.offsets == UNREADABLE)
        for shard in np.unique(self.shards[lost]):
            numbers = lost[self.shards[lost] == shard].tolist()
            more = f", with the {len(numbers) - 1} after it in this file," if numbers[1:] else ""
            yield f"{self.location(numbers[0])}{more}", numbers

    def payload(self, record: int) -> bytes:
        """Returns the bytes of a record, damaged or not."""
        path, offset = self.paths[self.shards[record]], int(self.offsets[record])
        with open_bytes(as_path(path)) as file:
            file.seek(offset)
            length = int.from_bytes(file.read(_HEADER)[:8], "little")
            return file.read(length)


def _first_records(infos: Sequence[Any]) -> np.ndarray:
    """Returns the number of the first record of each image, which is that of the image."""
    num_tiles = np.zeros(sum(info.num_images for info in infos), np.int64)
    before = 0
    for info in infos:
        for number, tiles in info.tiled:
            num_tiles[before + number] = tiles
        before += info.num_images
    return np.arange(len(num_tiles)) + np.cumsum(num_tiles) - num_tiles


def _offsets(path: DataPath, count: int) -> np.ndarray:
    """Returns the offsets of the first `count` frames, `UNREADABLE` from a broken one on."""
    offsets, end = intact_frames(path, count)
    if len(offsets) == count and end < num_bytes(path):
        raise InputError(
            f"{path} must end after the {count} records of dataset.json; it has more. Convert the "
            "data again."
        )
    return np.array(offsets + [UNREADABLE] * (count - len(offsets)), np.int64)


def intact_frames(path: DataPath, limit: int = sys.maxsize) -> tuple[list[int], int]:
    """Returns the offsets of the frames before the first broken one, and where the last one ends.

    TensorFlow may end the process where it reads a broken frame, so this comes before it.

    Args:
        path: of a shard.
        limit: number of frames to read at most.
    """
    offsets: list[int] = []
    headers, offset, size = [], 0, num_bytes(path)
    with open_bytes(path) as file:
        while offset < size and len(offsets) < limit:
            file.seek(offset)
            header = file.read(_HEADER)
            following = offset + _HEADER + int.from_bytes(header[:8], "little") + _FOOTER
            if following > size:
                break
            offsets.append(offset)
            headers.append(header)
            offset = following
    num_intact = _num_intact(b"".join(headers))
    end = offset if num_intact == len(offsets) else offsets[num_intact]
    return offsets[:num_intact], end


def _num_intact(headers: bytes) -> int:
    """Returns the number of headers before the first one with a wrong checksum."""
    rows = np.frombuffer(headers, np.uint8).reshape(-1, _HEADER)
    stored = rows[:, 8:].copy().view("<u4")[:, 0]
    crc = np.full(len(rows), 0xFFFFFFFF, np.uint32)
    for column in rows[:, :8].T:
        crc = _TABLE[(crc ^ column) & 0xFF] ^ (crc >> 8)
    crc ^= np.uint32(0xFFFFFFFF)
    wrong = (((crc >> 15) | (crc << 17)) + np.uint32(_MASK)) != stored
    return int(np.argmax(wrong)) if wrong.any() else len(rows)


def _table() -> np.ndarray:
    """Returns the CRC-32C of every byte.

    Source: RFC 3720, appendix B.4 (polynomial 0x82F63B78, bits reversed).
    """
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0x82F63B78), table >> 1)
    return table.astype(np.uint32)


_TABLE = _table()
