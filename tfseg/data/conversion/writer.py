"""Writing the shards of a data set from encoded samples, and dataset.json last."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from tfseg import checks
from tfseg.checks import InputError
from tfseg.data.conversion import finished_shards
from tfseg.data.conversion.atomic_folder import (
    SHARD_SUFFIX,
    check_destination,
    staged,
    sync,
    writing,
)
from tfseg.data.conversion.finished_shards import FinishedPart, Skipped
from tfseg.data.conversion.shards import Shards
from tfseg.data.dataset.counts import Counts
from tfseg.data.dataset.dataset import (
    INFO_FILE,
    SKIPPED_FILE,
    Dataset,
    DatasetInfo,
    ShardInfo,
    SplitInfo,
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
    """The record of an image, those of its tiles, which are taken once, and its counts."""

    record: bytes
    counts: Counts
    tiles: Iterable[bytes] = ()


def _one(_: Source) -> int:
    return 1


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
        shard_size: largest number of records in one file: of images, and of tiles.
        num_records: about how many records the source of a sample becomes; parts are about equally
            large.
        key: equal for two runs that write the same data set; None if the run cannot be resumed.
    """

    source_name: object
    splits: Mapping[str, Sequence[Source]]
    encode: Callable[[Source], Encoded | Skipped]
    source_format: str
    class_names: tuple[str, ...]
    options: Mapping[str, Any]
    shard_size: int
    notes: tuple[str, ...] = ()
    num_records: Callable[[Source], int] = _one
    key: str | None = None


def write_dataset(
    contents: Contents,
    destination: DataPath,
    *,
    overwrite: bool,
    on_progress: OnProgress | None = None,
    write_parts: Callable[[Contents, DataPath, Parts], None] | None = None,
) -> Dataset:
    """Writes a data set completely or not at all.

    Args:
        contents: what is written.
        destination: folder, new or empty.
        overwrite: replaces a data set at `destination`.
        on_progress: called with (images done, images in total).
        write_parts: called with the folder and the sources of the samples of each missing part;
            writes them by `write_part`. None: they are written in this process.

    Raises:
        InputError: a sample or path that cannot be used, or no instances at all.
    """
    checks.integer("shard_size", contents.shard_size, low=1)
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
            writer = _Writer(folder, destination, contents, on_progress)
        if write_parts:
            write_parts(contents, folder, writer.missing())
            writer.look_for_finished()
        splits = {name: writer.write(name) for name in contents.splits}
        if not sum(info.num_instances for info in splits.values()):
            raise InputError(_no_instances(contents.source_name, writer.counts.ignored_crowds))
        with writing(destination):
            writer.finish(splits)
    return Dataset.open(destination)


def write_part(
    contents: Contents,
    folder: DataPath,
    name: str,
    samples: Iterable[Encoded | Skipped],
    *,
    destination: DataPath,
) -> FinishedPart:
    """Writes the shards of a part into a folder, the first of them called `name`, and its note.

    Raises:
        InputError: a sample or path that cannot be used.
    """
    counts = Counts()
    skipped: list[Skipped] = []
    with contextlib.closing(Shards(folder, name, contents.shard_size, destination)) as shards:
        for sample in samples:
            if isinstance(sample, Skipped):
                skipped.append(sample)
            else:
                shards.add(sample.record, sample.tiles, sample.counts.num_instances)
                counts += sample.counts
    with writing(destination):
        part = FinishedPart(shards.infos(), counts, skipped)
        if contents.key is not None:
            finished_shards.write(folder / name, part, contents.key)
    return part


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


def _notes_on_pixel_sizes(ignored: Counter[str]) -> tuple[str, ...]:
    return tuple(
        f"The files of {number} images state {reason}: that is not taken as their pixel size."
        for reason, number in sorted(ignored.items())
    )


class _Writer:
    """Writes the parts that a killed run has not finished, and adds up the counts of all."""

    def __init__(
        self,
        folder: DataPath,
        destination: DataPath,
        contents: Contents,
        on_progress: OnProgress | None,
    ) -> None:
        self.folder, self.destination, self.contents = folder, destination, contents
        self.on_progress, self.done = on_progress, 0
        self.total = sum(map(len, contents.splits.values()))
        self.parts = {split: self._parts(split) for split in contents.splits}
        self.look_for_finished()
        self.counts = Counts()
        self.skipped: list[Skipped] = []

    def look_for_finished(self) -> None:
        """Reads which parts in the folder are finished, and removes all other files."""
        self.finished = finished_shards.finished(self.folder, self.contents.key)

    def missing(self) -> Parts:
        """Returns the sources of the samples of each part that is not finished, by its name."""
        parts = (pair for split in self.parts.values() for pair in split.items())
        return {name: part for name, part in parts if name not in self.finished}

    def write(self, split: str) -> SplitInfo:
        """Writes one split into shards."""
        parts = self.parts[split]
        to_do = [item for name, part in parts.items() if name not in self.finished for item in part]
        encoded = ordered(self.contents.encode, to_do)
        counts = Counts()
        shards: list[ShardInfo] = []
        skipped: list[Skipped] = []
        with contextlib.closing(encoded):
            for name, part in parts.items():
                done = self.finished.get(name) or self._part(name, islice(encoded, len(part)))
                if name in self.finished:
                    self._count_done(len(part))
                counts += done.counts
                _check_same_kind(self.contents.source_name, counts)
                skipped += done.skipped
                shards += done.shards
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
        """Divides a split into parts with nearly the same number of records.

        An image of more than a shard ends its part.
        """
        items, size = self.contents.splits[split], self.contents.shard_size
        ends = np.cumsum([self.contents.num_records(item) for item in items])
        count = math.ceil(ends[-1] / size)
        numbers = -(-ends * count // ends[-1]) - 1  # of the parts, some of them empty
        starts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(items)]
        total = len(starts) - 1
        return {
            f"{split}-{index:05d}-of-{total:05d}{SHARD_SUFFIX}": items[start:stop]
            for index, (start, stop) in enumerate(itertools.pairwise(starts))
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
            cut_instances=counts.cut_instances,
            skipped_images=len(self.skipped),
            statistics=Statistics.of(counts, num_classes=len(names)),
            image_formats=tuple(format for format in IMAGE_FORMATS if counts.image_formats[format]),
            options={name: value for name, value in options if value is not None},
            notes=(*self.contents.notes, *_notes_on_pixel_sizes(counts.ignored_pixel_sizes)),
            channel_names=next(iter(counts.channel_names)),
            pixel_sizes=counts.pixel_size_texts(),
            splits=splits,
        )
        if self.skipped:
            with (self.folder / SKIPPED_FILE).open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows([Skipped._fields, *self.skipped])
            sync(self.folder / SKIPPED_FILE)
        (self.folder / INFO_FILE).write_text(info.to_json(), encoding="utf-8")
        sync(self.folder / INFO_FILE)
        finished_shards.forget(self.folder)

    def _part(self, name: str, samples: Iterator[Encoded | Skipped]) -> FinishedPart:
        def taken() -> Iterator[Encoded | Skipped]:
            for sample in samples:
                yield sample
                self._count_done(1)  # after the yield: the sample is written

        return write_part(self.contents, self.folder, name, taken(), destination=self.destination)

    def _count_done(self, number: int) -> None:
        self.done += number
        if self.on_progress:
            self.on_progress(self.done, self.total)
