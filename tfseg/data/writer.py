"""Writing encoded samples as the shards of a data set, and dataset.json last."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfseg import checks
from tfseg.checks import InputError
from tfseg.data import records
from tfseg.data.formats.base import Sample
from tfseg.data.images import to_channels
from tfseg.data.parallel import ordered
from tfseg.data.staging import SHARD_SUFFIX, check_destination, staged, sync, writing
from tfseg.data.store import INFO_FILE, Dataset, DatasetInfo, ShardInfo, SplitInfo, file_sha256
from tfseg.version import __version__

Source = Any
Progress = Callable[[int, int], None]


@dataclasses.dataclass(frozen=True)
class Encoded:
    """A record, and what dataset.json sums up of it."""

    record: bytes
    num_instances: int
    side: int
    channels: int
    bits: int
    overlap_pixels: int
    hidden_instances: int


class Contents(NamedTuple):
    """What a data set shall have in it.

    Attributes:
        name: of the source, for errors.
        splits: what each sample is made of, by split.
        encode: makes a sample of that; called from several threads.
        source_format: as in `DatasetInfo`.
        class_names: alike.
    """

    name: object
    splits: Mapping[str, Sequence[Source]]
    encode: Callable[[Source], Encoded]
    source_format: str
    class_names: tuple[str, ...]


def encode(id: str, sample: Sample, *, name: object) -> Encoded:
    """Makes a record of a sample.

    Args:
        id: of the sample.
        sample: as a format reads it.
        name: of its image, for errors.

    Raises:
        InputError: float pixels.
    """
    if sample.image.dtype == np.float32:
        raise InputError(
            f"{name} has float pixels; a data set holds 8 or 16 bits. Save it as 16-bit TIFF "
            "or PNG, scaled to 0..65535."
        )
    image = to_channels(sample.image, 3 if sample.image.shape[-1] >= 3 else 1)
    if (image == image[..., :1]).all():
        image = image[..., :1]
    ids = records.instance_ids(sample.label)
    classes = None if sample.class_of is None else [sample.class_of[id] for id in ids.tolist()]
    return Encoded(
        records.encode(id, image, sample.label, classes),
        len(ids),
        min(sample.label.shape),
        image.shape[-1],
        image.dtype.itemsize * 8,
        sample.overlap_pixels,
        sample.hidden_instances,
    )


def write_dataset(
    contents: Contents,
    destination: Path,
    *,
    shard_size: int,
    overwrite: bool,
    on_progress: Progress | None = None,
) -> Dataset:
    """Writes a data set, which is there whole or not at all.

    Raises:
        InputError: a sample or place that cannot be used, or no instances at all.
    """
    checks.whole("shard_size", shard_size, low=1)
    for name in contents.class_names:
        if not name.strip() or name != name.encode("utf-8", "ignore").decode():
            raise InputError(
                f"{contents.name} must have a name in UTF-8 for each class; got {name!r}. Name it."
            )
    check_destination(destination, overwrite=overwrite)
    total = sum(map(len, contents.splits.values()))
    with staged(destination) as folder:
        writer = _Writer(folder, destination, shard_size, total, on_progress)
        infos = {
            split: writer.write(split, items, contents.encode)
            for split, items in contents.splits.items()
        }
        if not sum(info.num_instances for info in infos.values()):
            raise InputError(
                f"{contents.name} has no instances: every label is 0 everywhere. Check the "
                "annotations."
            )
        writer.finish(contents, infos)
    return Dataset.open(destination)


class _Writer:
    """Writes shards into `folder`, and sums up what went into them."""

    def __init__(
        self,
        folder: Path,
        destination: Path,
        shard_size: int,
        total: int,
        on_progress: Progress | None,
    ) -> None:
        self.folder, self.destination, self.shard_size = folder, destination, shard_size
        self.total, self.done, self.on_progress = total, 0, on_progress
        self.channels, self.bits, self.overlap_pixels, self.hidden_instances = 1, 8, 0, 0
        self.sides: list[int] = []

    def write(
        self, split: str, items: Sequence[Source], encode: Callable[[Source], Encoded]
    ) -> SplitInfo:
        """Writes one split into shards of nearly the same number of images."""
        count = math.ceil(len(items) / self.shard_size)
        stops = [len(items) * index // count for index in range(count + 1)]
        encoded = ordered(encode, items)
        self.sides = []
        try:
            shards = tuple(
                self._shard(
                    f"{split}-{index:05d}-of-{count:05d}{SHARD_SUFFIX}",
                    islice(encoded, stops[index + 1] - stops[index]),
                )
                for index in range(count)
            )
        finally:
            encoded.close()
        num_instances = sum(shard.num_instances for shard in shards)
        return SplitInfo(shards, len(items), num_instances, min(self.sides))

    def finish(self, contents: Contents, splits: dict[str, SplitInfo]) -> None:
        """Writes dataset.json."""
        info = DatasetInfo(
            tfseg_version=__version__,
            source_format=contents.source_format,
            channels=self.channels,
            dtype="uint16" if self.bits == 16 else "uint8",
            class_names=contents.class_names,
            overlap_pixels=self.overlap_pixels,
            hidden_instances=self.hidden_instances,
            splits=splits,
        )
        with writing(self.destination):
            (self.folder / INFO_FILE).write_text(info.to_json(), encoding="utf-8")
            sync(self.folder / INFO_FILE)

    def _shard(self, name: str, samples: Iterator[Encoded]) -> ShardInfo:
        path, num_images, num_instances = self.folder / name, 0, 0
        with writing(self.destination):
            writer = tf.io.TFRecordWriter(str(path))
        try:
            for sample in samples:
                with writing(self.destination):
                    writer.write(sample.record)
                num_images, num_instances = num_images + 1, num_instances + sample.num_instances
                self._count(sample)
        finally:
            with writing(self.destination):
                writer.close()
        with writing(self.destination):
            sync(path)
        return ShardInfo(name, num_images, num_instances, file_sha256(path))

    def _count(self, sample: Encoded) -> None:
        self.sides.append(sample.side)
        self.channels = max(self.channels, sample.channels)
        self.bits = max(self.bits, sample.bits)
        self.overlap_pixels += sample.overlap_pixels
        self.hidden_instances += sample.hidden_instances
        self.done += 1
        if self.on_progress:
            self.on_progress(self.done, self.total)
