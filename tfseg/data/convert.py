"""From image files with instance annotations to a data set of sharded records."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfseg import checks
from tfseg.checks import InputError
from tfseg.data import records
from tfseg.data.formats import FORMATS, detect
from tfseg.data.formats.base import SPLITS, Format, Item
from tfseg.data.images import to_channels
from tfseg.data.parallel import ordered
from tfseg.data.staging import SHARD_SUFFIX, check_destination, staged, sync, writing
from tfseg.data.store import INFO_FILE, Dataset, DatasetInfo, ShardInfo, SplitInfo, file_sha256
from tfseg.version import __version__


def convert(
    source: str | Path,
    destination: str | Path,
    *,
    format: str | None = None,
    val_fraction: float = 0.0,
    seed: int = 0,
    shard_size: int = 256,
    class_name: str = "object",
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Dataset:
    """Converts a folder of images with instances into a data set.

    The result is there whole or not at all, and the same files give the same bytes.

    Args:
        source: folder in one of the layouts of `tfseg.data.formats`.
        destination: folder of the data set; new or empty.
        format: name of the layout; found out where it is not given.
        val_fraction: share of the images of `train` that go to `val`, in [0, 1). Whether an image
            goes depends on its id and `seed` alone, so images added later move no other.
        seed: of that choice.
        shard_size: most images in one file, from 1 on.
        class_name: what the instances are.
        overwrite: replaces a data set at `destination`, once the new one is whole.
        on_progress: called with (images done, images in all).

    Raises:
        InputError: a file, option or place that cannot be used; names it, the rule and the remedy.
    """
    source, destination = Path(source), Path(destination)
    checks.in_range("val_fraction", val_fraction, low=0, high=1)
    checks.whole("shard_size", shard_size, low=1)
    if not class_name.strip():
        raise InputError("class_name must not be empty. Name what the instances are.")
    if format is not None:
        checks.one_of("format", format, FORMATS)
    layout = detect(source) if format is None else format
    splits = _set_aside(FORMATS[layout].find(source), val_fraction, seed)
    check_destination(destination, overwrite=overwrite)
    total = sum(map(len, splits.values()))
    with staged(destination) as folder:
        writer = _Writer(folder, destination, shard_size, total, on_progress)
        infos = {split: writer.write(split, FORMATS[layout], splits[split]) for split in splits}
        if not sum(info.num_instances for info in infos.values()):
            raise InputError(
                f"{source} has no instances: every label is 0 everywhere. Check the annotations."
            )
        writer.finish(source_format=layout, class_name=class_name, splits=infos)
    return Dataset.open(destination)


def _set_aside(splits: dict[str, list[Item]], fraction: float, seed: int) -> dict[str, list[Item]]:
    """Moves a share of the split train to val."""
    if not fraction:
        return splits
    if "val" in splits or "train" not in splits:
        raise InputError(
            f"val_fraction needs a source with images to train on and no split val; got the splits "
            f"{', '.join(splits)}. Leave val_fraction out."
        )
    moved = [item for item in splits["train"] if _share(item.id, seed) < fraction]
    kept = [item for item in splits["train"] if _share(item.id, seed) >= fraction]
    if not moved or not kept:
        raise InputError(
            f"val_fraction must leave images in train and in val; {fraction:g} of "
            f"{len(moved) + len(kept)} images gave {len(kept)} and {len(moved)} with seed {seed}. "
            "Change val_fraction or seed."
        )
    parted = splits | {"train": kept, "val": moved}
    return {name: parted[name] for name in SPLITS if name in parted}


def _share(id: str, seed: int) -> float:
    """Returns the place of an image in [0, 1)."""
    digest = hashlib.sha256(f"{id}/{seed}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


@dataclasses.dataclass(frozen=True)
class _Encoded:
    """A record, and what dataset.json sums up of it."""

    record: bytes
    num_instances: int
    side: int
    channels: int
    bits: int
    overlap_pixels: int


def _encode(item: Item, format: Format) -> _Encoded:
    image, label, overlap_pixels = format.read(item)
    if image.dtype == np.float32:
        raise InputError(
            f"{item.image} has float pixels; a data set holds 8 or 16 bits. Save it as 16-bit TIFF "
            "or PNG, scaled to 0..65535."
        )
    image = to_channels(image, 3 if image.shape[-1] >= 3 else 1)
    if (image == image[..., :1]).all():
        image = image[..., :1]
    return _Encoded(
        records.encode(item.id, image, label),
        records.count_instances(label),
        min(label.shape),
        image.shape[-1],
        image.dtype.itemsize * 8,
        overlap_pixels,
    )


class _Writer:
    """Writes shards into `folder`, and sums up what went into them."""

    def __init__(
        self,
        folder: Path,
        destination: Path,
        shard_size: int,
        total: int,
        on_progress: Callable[[int, int], None] | None,
    ) -> None:
        self.folder, self.destination, self.shard_size = folder, destination, shard_size
        self.total, self.done, self.on_progress = total, 0, on_progress
        self.channels, self.bits, self.overlap_pixels = 1, 8, 0
        self.sides: list[int] = []

    def write(self, split: str, format: Format, items: list[Item]) -> SplitInfo:
        """Writes one split into shards of nearly the same number of images."""
        count = math.ceil(len(items) / self.shard_size)
        stops = [len(items) * index // count for index in range(count + 1)]
        encoded = ordered(lambda item: _encode(item, format), items)
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

    def finish(self, *, source_format: str, class_name: str, splits: dict[str, SplitInfo]) -> None:
        """Writes dataset.json."""
        info = DatasetInfo(
            tfseg_version=__version__,
            source_format=source_format,
            channels=self.channels,
            dtype="uint16" if self.bits == 16 else "uint8",
            class_names=(class_name,),
            overlap_pixels=self.overlap_pixels,
            splits=splits,
        )
        with writing(self.destination):
            (self.folder / INFO_FILE).write_text(info.to_json(), encoding="utf-8")
            sync(self.folder / INFO_FILE)

    def _shard(self, name: str, samples: Iterator[_Encoded]) -> ShardInfo:
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

    def _count(self, sample: _Encoded) -> None:
        self.sides.append(sample.side)
        self.channels = max(self.channels, sample.channels)
        self.bits = max(self.bits, sample.bits)
        self.overlap_pixels += sample.overlap_pixels
        self.done += 1
        if self.on_progress:
            self.on_progress(self.done, self.total)
