"""Writing the shards of a data set from encoded samples, and dataset.json last."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import tensorflow as tf

from tfseg import checks
from tfseg.channels import is_grey_or_rgb, numbered
from tfseg.checks import InputError
from tfseg.data.conversion import finished_shards
from tfseg.data.conversion.atomic_folder import (
    SHARD_SUFFIX,
    check_destination,
    staged,
    sync,
    writing,
)
from tfseg.data.conversion.finished_shards import FinishedShard, Skipped
from tfseg.data.conversion.formats.base import Sample
from tfseg.data.dataset import image_codec, records
from tfseg.data.dataset.counts import Counts, count, is_repeated
from tfseg.data.dataset.dataset import (
    INFO_FILE,
    SKIPPED_FILE,
    Dataset,
    DatasetInfo,
    ShardInfo,
    SplitInfo,
    file_sha256,
)
from tfseg.data.dataset.image_codec import IMAGE_FORMATS
from tfseg.data.dataset.statistics import Statistics
from tfseg.data.files.paths import DataPath
from tfseg.ordered_map import ordered
from tfseg.progress import OnProgress
from tfseg.version import __version__

Source = Any
_DTYPES = {8: "uint8", 16: "uint16", 32: "float32"}
_FLOAT_BITS = 32
Parts = dict[str, Sequence[Source]]


@dataclasses.dataclass(frozen=True)
class Encoded:
    """A record, and the counts of its sample."""

    record: bytes
    counts: Counts


class Contents(NamedTuple):
    """What is written into a data set.

    Attributes:
        source_name: name of the source, for errors.
        splits: the sources of the samples of each split, such as items of a format.
        encode: makes a record from the source of a sample, or skips it; runs in several threads.
        source_format: as in `DatasetInfo`.
        class_names: as in `DatasetInfo`.
        options: as in `DatasetInfo`; options that are None are left out.
        notes: as in `DatasetInfo`.
        key: equal for two runs that write the same data set; None if the run cannot be resumed.
    """

    source_name: object
    splits: Mapping[str, Sequence[Source]]
    encode: Callable[[Source], Encoded | Skipped]
    source_format: str
    class_names: tuple[str, ...]
    options: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    key: str | None = None


def encode(
    id: str,
    sample: Sample,
    *,
    name: object,
    channel_names: Sequence[str] = (),
    store: str = "png",
    original: bytes = b"",
) -> tuple[records.Features, Counts]:
    """Encodes a sample.

    Args:
        id: id of the sample.
        sample: what a format has read.
        name: name of the image, for errors.
        channel_names: of the image; empty: it has none.
        store: how the image is stored, see `image_codec.encode`.
        original: bytes of the image file, see `image_codec.encode`.

    Returns:
        The entries of its record, see `records.features`, and its counts.

    Raises:
        InputError: another number of channels than names, or pixels that `store` cannot hold.
    """
    image, num_channels = sample.image, sample.image.shape[-1]
    if len(channel_names or range(num_channels)) != num_channels:
        raise InputError(
            f"{name} must have the {len(channel_names)} channels {', '.join(channel_names)}; it "
            f"has {num_channels}. Give their names, or take the image out."
        )
    channel_names = channel_names or (() if num_channels in (1, 3) else numbered(num_channels))
    if is_grey_or_rgb(num_channels, channel_names) and is_repeated(image):
        image = image[..., :1]
    picture = image_codec.encode(image, store, original=original, name=name)
    if picture.format == "jpeg":  # count the pixels that will be read
        image = image_codec.decode_array(picture, image.shape[:2])
    counts = count(image, sample.label, sample.class_of, channel_names) + Counts(
        image_formats=Counter([picture.format]),
        overlap_pixels=sample.overlap_pixels,
        hidden_instances=sample.hidden_instances,
        turned_images=int(sample.turned is True),
        unturned_images=int(sample.turned is False),
        ignored_crowds=sample.ignored_crowds,
    )
    return records.features(id, image, sample.label, sample.class_of, picture=picture), counts


def write_dataset(
    contents: Contents,
    destination: DataPath,
    *,
    shard_size: int,
    overwrite: bool,
    on_progress: OnProgress | None = None,
    write_shards: Callable[[Contents, DataPath, Parts], None] | None = None,
) -> Dataset:
    """Writes a data set completely or not at all.

    Args:
        contents: what is written.
        destination: folder, new or empty.
        shard_size: largest number of images in one file.
        overwrite: replaces a data set at `destination`.
        on_progress: called with (images done, images in total).
        write_shards: called with the folder and the sources of the samples of each missing shard;
            writes these shards by `write_shard`. None: they are written in this process.

    Raises:
        InputError: a sample or path that cannot be used, or no instances at all.
    """
    checks.integer("shard_size", shard_size, low=1)
    for name in contents.class_names:
        if not name.strip() or name != name.encode("utf-8", "ignore").decode():
            raise InputError(
                f"{contents.source_name} must have a name in UTF-8 for each class; got "
                f"{name!r}. Name it."
            )
    check_destination(destination, overwrite=overwrite)
    with staged(destination, resumable=contents.key is not None) as folder:
        check_destination(destination, overwrite=overwrite)  # again: another run may have ended
        with writing(destination):
            writer = _Writer(folder, destination, contents, shard_size, on_progress)
        if write_shards:
            write_shards(contents, folder, writer.missing())
            writer.look_for_finished()
        splits = {name: writer.write(name) for name in contents.splits}
        if not sum(info.num_instances for info in splits.values()):
            raise InputError(_no_instances(contents.source_name, writer.counts.ignored_crowds))
        with writing(destination):
            writer.finish(splits)
    return Dataset.open(destination)


def write_shard(
    contents: Contents,
    path: DataPath,
    samples: Iterable[Encoded | Skipped],
    *,
    destination: DataPath,
) -> FinishedShard:
    """Writes a shard and its note.

    Raises:
        InputError: a sample or path that cannot be used.
    """
    counts = Counts()
    skipped: list[Skipped] = []
    with writing(destination):
        writer = tf.io.TFRecordWriter(str(path))
    try:
        for sample in samples:
            if isinstance(sample, Skipped):
                skipped.append(sample)
            else:
                with writing(destination):
                    writer.write(sample.record)
                counts += sample.counts
    finally:
        with writing(destination):
            writer.close()
    with writing(destination):
        sync(path)
        shard = FinishedShard(file_sha256(path), counts, skipped)
        if contents.key is not None:
            finished_shards.write(path, shard, contents.key)
    return shard


def _check_same_kind(name: object, counts: Counts) -> None:
    """Refuses images with different channels, other than grey and RGB, and floats beside integers.

    Raises:
        InputError: there are both.
    """
    if len(counts.channel_names) > 1:
        kinds = (
            f"{number} with {', '.join(names) or 'grey or RGB'}"
            for names, number in counts.channel_names.most_common()
        )
        raise InputError(
            f"{name} must have images of the same channels; got {checks.listed(list(kinds))}. If "
            "only the names differ, give them: --channels NAME,NAME; otherwise convert the images "
            "into several data sets."
        )
    if len({bits == _FLOAT_BITS for _, bits, _, _ in counts.pixels}) > 1:
        raise InputError(
            f"{name} must have images of integers or of floats; it has both. Convert them into two "
            "data sets, or save all with the same type."
        )


def _no_instances(name: object, ignored_crowds: int) -> str:
    if not ignored_crowds:
        return f"{name} has no instances: no pixel has an id above 0. Check the annotations."
    return (
        f"{name} has no instances: all {ignored_crowds} annotations are crowds (iscrowd 1), "
        "which are ignored. If they are single objects, convert with crowd instance."
    )


class _Writer:
    """Writes the shards that a killed run has not finished, and adds up the counts of all."""

    def __init__(
        self,
        folder: DataPath,
        destination: DataPath,
        contents: Contents,
        shard_size: int,
        on_progress: OnProgress | None,
    ) -> None:
        self.folder, self.destination, self.contents = folder, destination, contents
        self.shard_size, self.on_progress, self.done = shard_size, on_progress, 0
        self.total = sum(map(len, contents.splits.values()))
        self.look_for_finished()
        self.counts = Counts()
        self.skipped: list[Skipped] = []

    def look_for_finished(self) -> None:
        """Reads which shards in the folder are finished, and removes all other files."""
        self.finished = finished_shards.finished(self.folder, self.contents.key)

    def missing(self) -> Parts:
        """Returns the sources of the samples of each shard that is not finished, by its name."""
        parts = {n: p for split in self.contents.splits for n, p in self._parts(split).items()}
        return {name: part for name, part in parts.items() if name not in self.finished}

    def write(self, split: str) -> SplitInfo:
        """Writes one split into shards."""
        parts = self._parts(split)
        to_do = [item for name, part in parts.items() if name not in self.finished for item in part]
        encoded = ordered(self.contents.encode, to_do)
        counts = Counts()
        shards: list[ShardInfo] = []
        skipped: list[Skipped] = []
        with contextlib.closing(encoded):
            for name, part in parts.items():
                shard = self.finished.get(name) or self._shard(name, islice(encoded, len(part)))
                if name in self.finished:
                    self._count_done(len(part))
                done = shard.counts
                counts += done
                _check_same_kind(self.contents.source_name, counts)
                skipped += shard.skipped
                shards.append(ShardInfo(name, done.num_images, done.num_instances, shard.sha256))
        if not counts.num_images:
            raise InputError(
                f"No image of the split {split} can be used. The first: {skipped[0].reason}"
            )
        self.counts += counts
        _check_same_kind(self.contents.source_name, self.counts)
        self.skipped += skipped
        min_side = min(map(min, counts.sizes))
        return SplitInfo(tuple(shards), counts.num_images, counts.num_instances, min_side)

    def _parts(self, split: str) -> Parts:
        """Divides a split into shards with nearly the same number of images."""
        items = self.contents.splits[split]
        count = math.ceil(len(items) / self.shard_size)
        stops = [len(items) * index // count for index in range(count + 1)]
        return {
            f"{split}-{index:05d}-of-{count:05d}{SHARD_SUFFIX}": items[stops[index] : stop]
            for index, stop in enumerate(stops[1:])
        }

    def finish(self, splits: dict[str, SplitInfo]) -> None:
        """Writes skipped.csv, if images were skipped, and dataset.json."""
        counts = self.counts
        channels, bits = counts.image_type
        names, options = self.contents.class_names, self.contents.options.items()
        info = DatasetInfo(
            tfseg_version=__version__,
            source_format=self.contents.source_format,
            channels=channels,
            dtype=_DTYPES[bits],
            class_names=names,
            overlap_pixels=counts.overlap_pixels,
            hidden_instances=counts.hidden_instances,
            turned_images=counts.turned_images,
            unturned_images=counts.unturned_images,
            ignored_crowds=counts.ignored_crowds,
            skipped_images=len(self.skipped),
            statistics=Statistics.of(counts, num_classes=len(names)),
            image_formats=tuple(format for format in IMAGE_FORMATS if counts.image_formats[format]),
            options={name: value for name, value in options if value is not None},
            notes=self.contents.notes,
            channel_names=next(iter(counts.channel_names)),
            splits=splits,
        )
        if self.skipped:
            with (self.folder / SKIPPED_FILE).open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows([Skipped._fields, *self.skipped])
            sync(self.folder / SKIPPED_FILE)
        (self.folder / INFO_FILE).write_text(info.to_json(), encoding="utf-8")
        sync(self.folder / INFO_FILE)
        finished_shards.forget(self.folder)

    def _shard(self, name: str, samples: Iterator[Encoded | Skipped]) -> FinishedShard:
        def taken() -> Iterator[Encoded | Skipped]:
            for sample in samples:
                yield sample
                self._count_done(1)  # after the yield: the sample is written

        return write_shard(self.contents, self.folder / name, taken(), destination=self.destination)

    def _count_done(self, number: int) -> None:
        self.done += number
        if self.on_progress:
            self.on_progress(self.done, self.total)
