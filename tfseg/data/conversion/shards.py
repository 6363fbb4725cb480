"""Writing records into files of a limited number."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import tensorflow as tf

from tfseg.data.conversion.atomic_folder import SHARD_SUFFIX, sync, writing
from tfseg.data.dataset.info import ShardInfo
from tfseg.data.dataset.integrity import file_sha256
from tfseg.data.files.paths import DataPath


@dataclasses.dataclass
class _Shard:
    """A shard that is being written; its entries are those of `ShardInfo`."""

    path: DataPath
    num_images: int = 0
    num_instances: int = 0
    num_records: int = 0
    tiled: list[tuple[int, int]] = dataclasses.field(default_factory=list)

    def info(self) -> ShardInfo:
        """Returns its description, once it is on the disk."""
        return ShardInfo(
            self.path.name,
            self.num_images,
            self.num_instances,
            file_sha256(self.path),
            self.num_records,
            tuple(self.tiled),
        )


class Shards:
    """The shards of a part, written one after the other with at most `size` records each."""

    def __init__(self, folder: DataPath, name: str, size: int, destination: DataPath) -> None:
        self._folder, self._name, self._size = folder, name, size
        self._destination = destination
        self._written: list[_Shard] = []
        self._begin()

    def add(self, record: bytes, tiles: Iterable[bytes], num_instances: int) -> None:
        """Writes the record of an image, and those of its tiles, into this shard and the next."""
        self._write(record)
        shard = self._written[-1]
        num_tiles = 0
        for tile in tiles:
            self._write(tile)
            num_tiles += 1
        if num_tiles:
            shard.tiled.append((shard.num_images, num_tiles))
        shard.num_images += 1
        shard.num_instances += num_instances

    def infos(self) -> list[ShardInfo]:
        """Returns the descriptions of all shards, once they are closed."""
        return [shard.info() for shard in self._written]

    def close(self) -> None:
        """Completes the last shard, on the disk."""
        with writing(self._destination):
            self._writer.close()
            sync(self._written[-1].path)

    def _write(self, record: bytes) -> None:
        if self._written[-1].num_records == self._size:
            self.close()
            self._begin()
        with writing(self._destination):
            self._writer.write(record)
        self._written[-1].num_records += 1

    def _begin(self) -> None:
        number = len(self._written)
        stem = self._name.removesuffix(SHARD_SUFFIX)
        name = f"{stem}-{number}{SHARD_SUFFIX}" if number else self._name
        self._written.append(_Shard(self._folder / name))
        with writing(self._destination):
            self._writer = tf.io.TFRecordWriter(str(self._written[-1].path))
