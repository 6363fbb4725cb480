"""Checking a data set on disk for errors and for what looks like a mistake."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Literal, NamedTuple, cast

import numpy as np
import tensorflow as tf

from tfseg import calls
from tfseg.checks import InputError, listed
from tfseg.data.conversion import sample_faults
from tfseg.data.dataset.counts import Counts, count
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.dataset.index import UNREADABLE, Index, intact_frames
from tfseg.data.dataset.info import INFO_FILE, DatasetInfo, ShardInfo, SplitInfo
from tfseg.data.dataset.integrity import file_sha256
from tfseg.data.dataset.parsed_records import Record, num_tiles, parse
from tfseg.data.dataset.statistics import Statistics
from tfseg.data.files.paths import DataPath, num_bytes
from tfseg.ordered_map import ordered

_AGAIN = "Convert the data again."
_NUMBERS = ("num_images", "num_instances")


@dataclasses.dataclass(frozen=True)
class Finding(metaclass=calls.Public):
    """A problem of a data set: an "error" makes it unusable, a "warning" may be intended.

    Attributes:
        level: "error" or "warning".
        place: the file, or SPLIT/ID of the sample.
        message: what is wrong.
        remedy: what to do about it.

    Examples:
        >>> tfseg.Finding("error", "train-00000.tfrecord", "It is missing.", "Convert again.").level
        'error'
    """

    level: Literal["error", "warning"]
    place: str  # words: allow
    message: str
    remedy: str


@calls.check
def check(path: str | DataPath, *, quick: bool = False) -> list[Finding]:
    """Reads a whole data set and returns its errors and warnings, in stored order.

    Errors: a shard is missing, was changed or cannot be read; a record cannot be decoded, its type
    or size differs from what is stored beside it, or it has an id outside [0, 2147483647] or an
    unknown class; counts, smallest sides or statistics differ from dataset.json; two samples of a
    split have one id; the same image or group is in two splits. Warnings: an image without
    instances, very long, of one colour, or nearly all black, white or of another value; the same
    image twice in a split; an instance of several connected components, of a single pixel, or so
    large that the label may be inverted; one id in two splits; a split without instances, or a
    class without instances in the split train.

    Args:
        path: folder of the data set.
        quick: only checks that the files exist and have their checksums.

    Raises:
        InputError: not a data set, one of a newer tfseg, or a damaged dataset.json.

    Examples:
        >>> tfseg.check("nuclei", quick=True)
        []
    """
    dataset = Dataset.open(path)
    splits = dataset.info.splits
    if quick:
        return [
            finding
            for split in splits.values()
            for shard in split.shards
            for finding in _check_file(dataset.path / shard.name, shard)
        ]
    totals, findings = _Totals(), []
    for name, split in splits.items():
        findings += _check_split(dataset, name, split, totals)
    if not _has_errors(findings):
        counts = sum(totals.counts.values(), Counts())
        findings += _check_statistics(dataset.info, counts)
        if counts.pixel_size_texts() != dataset.info.pixel_sizes:
            message = "pixel_sizes are not those of the records."
            findings.append(Finding("error", INFO_FILE, message, _AGAIN))
        findings += _check_instances(dataset.info, totals)
    return [*findings, *_check_ids(totals), *_check_groups(totals), *_check_duplicates(totals)]


class _Checked(NamedTuple):
    findings: list[Finding]
    id: str | None
    num_instances: int
    counts: Counts
    digest: bytes | None
    group: str = ""


@dataclasses.dataclass
class _Totals:
    """What is known of all records so far.

    Attributes:
        ids: number of samples by (split, id).
        images: the (split, id) of each sample, by the digest of its image.
        groups: the split of each sample, by its group.
        counts: counts by split.
    """

    ids: Counter[tuple[str, str]] = dataclasses.field(default_factory=Counter)
    images: dict[bytes, list[tuple[str, str]]] = dataclasses.field(default_factory=dict)
    groups: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    counts: dict[str, Counts] = dataclasses.field(default_factory=dict)


def _check_split(dataset: Dataset, name: str, split: SplitInfo, totals: _Totals) -> list[Finding]:
    findings: list[Finding] = []
    totals.counts[name] = Counts()
    reader = _Reader(dataset, name)
    for number in range(len(split.shards)):
        findings += _check_shard(reader, number, totals)
    stated = {what: getattr(split, what) for what in ("num_images", "num_instances", "min_side")}
    actual = {what: sum(getattr(shard, what) for shard in split.shards) for what in _NUMBERS}
    if not _has_errors(findings):
        actual["min_side"] = min(map(min, totals.counts[name].sizes), default=split.min_side)
    for what, number in actual.items():
        if number != stated[what]:
            message = f"{what} of the split {name} is {stated[what]}, but its shards have {number}."
            findings.append(Finding("error", INFO_FILE, message, _AGAIN))
    return findings


def _check_file(path: DataPath, shard: ShardInfo) -> Iterator[Finding]:
    if not path.is_file():
        yield Finding("error", shard.name, "The file is missing.", _AGAIN)
    elif file_sha256(path) != shard.sha256:
        yield Finding("error", shard.name, "The file was changed: its SHA-256 differs.", _AGAIN)


class _Reader:
    """Reads the records of a split, those of images in tiles with them.

    Attributes:
        dataset: the data set.
        split: name of the split.
        left: tiles of the last image that come in the next shards.
    """

    def __init__(self, dataset: Dataset, split: str) -> None:
        self.dataset, self.split, self.left = dataset, split, 0
        self.shards = dataset.split(split).shards
        self._first = np.cumsum([0, *(shard.num_records for shard in self.shards)])
        self._index: Index | None = None
        if dataset.info.has_tiles:
            with contextlib.suppress(InputError):  # of a shard, which has a finding
                self._index = Index.read(dataset, split)

    def images(self, shard: int, unreadable: list[Finding]) -> Iterator[tuple[int, bytes]]:
        """Yields the records of images in a shard, with their numbers, and reads all others."""
        path = self.dataset.path / self.shards[shard].name
        for number, serialized in enumerate(_read(path, unreadable)):
            if self.left:
                self.left -= 1
            else:
                self.left = num_tiles(serialized)
                yield number, serialized

    def parse(self, shard: int, number: int, serialized: bytes) -> Record:
        """Reads a record, and those of its tiles when they are needed.

        Raises:
            InputError: one cannot be decoded, or a shard with them cannot be read.
        """
        first = int(self._first[shard]) + number + 1

        def tile(index: int) -> bytes:
            if self._index is None or self._index.offsets[first + index] == UNREADABLE:
                raise InputError("A shard with its tiles cannot be read. Write it again.")
            return self._index.payload(first + index)

        return parse(serialized, tile)


def _check_shard(reader: _Reader, number: int, totals: _Totals) -> Iterator[Finding]:
    dataset, split, shard = reader.dataset, reader.split, reader.shards[number]
    path = dataset.path / shard.name
    yield from _check_file(path, shard)
    if not path.is_file():
        return
    num_images = num_instances = 0
    unreadable: list[Finding] = []
    images = reader.images(number, unreadable)
    for checked in ordered(lambda pair: _check_record(reader, number, *pair), images):
        num_images += 1
        num_instances += checked.num_instances
        totals.counts[split] += checked.counts
        if checked.id is not None:
            totals.ids[split, checked.id] += 1
            if checked.group:
                totals.groups.setdefault(checked.group, []).append(split)
            if checked.digest is not None:
                totals.images.setdefault(checked.digest, []).append((split, checked.id))
        yield from checked.findings
    yield from unreadable
    for what, actual in zip(_NUMBERS, (num_images, num_instances), strict=True):
        if actual != getattr(shard, what):
            message = f"{what} is {actual}, but {INFO_FILE} says {getattr(shard, what)}."
            yield Finding("error", shard.name, message, _AGAIN)


def _read(path: DataPath, unreadable: list[Finding]) -> Iterator[bytes]:
    """Yields the records of a shard; ends at the first that is unreadable, with a finding."""
    offsets, end = intact_frames(path)
    number = 0
    try:
        for record in tf.data.TFRecordDataset(str(path)).take(len(offsets)).as_numpy_iterator():
            yield record
            number += 1
    except tf.errors.OpError:
        end = offsets[number]
    if end < num_bytes(path):
        message = f"Cannot be read to the end: record {number} is damaged."
        unreadable.append(Finding("error", path.name, message, _AGAIN))


def _check_record(reader: _Reader, shard: int, number: int, serialized: bytes) -> _Checked:
    info = reader.dataset.info
    try:
        record = reader.parse(shard, number, serialized)
        return _check_pixels(info, reader.split, record)
    except InputError as error:  # of the record, or of a tile that is read later
        position = f"{reader.shards[shard].name}, record {number}"
        return _Checked([Finding("error", position, str(error), _AGAIN)], None, 0, Counts(), None)


def _check_pixels(info: DatasetInfo, split: str, record: Record) -> _Checked:
    name, image = f"{split}/{record.id}", record.image
    findings = [
        Finding("error", name, message, _AGAIN) for message in sample_faults.errors(info, record)
    ]
    counts = Counts()
    if not findings:
        findings = [
            Finding("warning", name, *doubt) for doubt in sample_faults.doubts(info, record)
        ]
        label = cast(np.ndarray, record.label)  # or what is read like one
        counts = count(image, label, record.class_of, info.channel_names) + Counts(
            pixel_sizes=Counter([record.pixel_size] if record.pixel_size else [])
        )
    digest = None
    if not sample_faults.is_constant(image):  # two images of one colour are not duplicates
        sha256 = hashlib.sha256(f"{image.shape} {image.dtype}".encode())
        for part in sample_faults.parts(image):
            sha256.update(np.ascontiguousarray(part).data)
        digest = sha256.digest()
    num_instances = len(record.ids_and_areas()[0])
    return _Checked(findings, record.id, num_instances, counts, digest, record.group)


def _check_statistics(info: DatasetInfo, counts: Counts) -> Iterator[Finding]:
    if info.statistics is None:
        return
    if not counts.num_instances:  # convert refuses such a data set
        message = f"There are no instances at all, but statistics in {INFO_FILE}."
        yield Finding("error", INFO_FILE, message, _AGAIN)
        return
    actual = dataclasses.asdict(Statistics.of(counts, num_classes=len(info.class_names)))
    stated = dataclasses.asdict(info.statistics)
    for name in actual:
        is_older = name == "min_contrast" and not stated[name]
        if actual[name] != stated[name] and not is_older:
            message = f"statistics.{name} is not that of the records."
            yield Finding("error", INFO_FILE, message, _AGAIN)


def _check_instances(info: DatasetInfo, totals: _Totals) -> Iterator[Finding]:
    for split, counts in totals.counts.items():
        if counts.num_images and not counts.num_instances:
            message = f"The split {split} has no instances: every metric but the loss is undefined."
            yield Finding("warning", split, message, "Split the images differently.")
        elif split == "train":
            numbered = enumerate(info.class_names, start=1)
            if absent := [name for number, name in numbered if not counts.class_instances[number]]:
                message = f"The split train has no instance of {listed(absent)}."
                remedy = "Split the images differently, or leave these classes out."
                yield Finding("warning", split, message, remedy)


def _check_ids(totals: _Totals) -> Iterator[Finding]:
    splits_of: dict[str, list[str]] = {}
    for (split, id), times in totals.ids.items():
        splits_of.setdefault(id, []).append(split)
        if times > 1:
            message = f"{times} samples have this id."
            yield Finding("error", f"{split}/{id}", message, "Rename, and convert again.")
    for id, names in splits_of.items():
        if len(names) > 1:
            message = f"The splits {' and '.join(names)} have a sample of this id."
            remedy = "Make sure that it is not the same image."
            yield Finding("warning", f"{names[0]}/{id}", message, remedy)


def _check_groups(totals: _Totals) -> Iterator[Finding]:
    for group, splits in totals.groups.items():
        if len(names := list(dict.fromkeys(splits))) > 1:
            message = f"The splits {' and '.join(names)} have images of this group."
            yield Finding("error", f"group {group}", message, "Keep it in one split.")


def _check_duplicates(totals: _Totals) -> Iterator[Finding]:
    for first, *others in totals.images.values():
        in_two_splits = any(split != first[0] for split, _ in others)
        if others:
            yield Finding(
                "error" if in_two_splits else "warning",
                "/".join(first),
                f"The same image again: {listed(['/'.join(other) for other in others])}.",
                "Keep it in one split." if in_two_splits else "Keep one of them.",
            )


def _has_errors(findings: list[Finding]) -> bool:
    return any(finding.level == "error" for finding in findings)
