"""Looking for what is wrong with a data set on disk."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from typing import Literal, NamedTuple

import tensorflow as tf

from tfseg.checks import InputError, listed
from tfseg.data.conversion import sample_faults
from tfseg.data.dataset import statistics
from tfseg.data.dataset.dataset import (
    INFO_FILE,
    Dataset,
    DatasetInfo,
    ShardInfo,
    SplitInfo,
    file_sha256,
)
from tfseg.data.dataset.records import count_instances, parse
from tfseg.data.dataset.statistics import Counts, Statistics
from tfseg.data.files.paths import Place
from tfseg.ordered_map import ordered

_AGAIN = "Convert the data again."
_NUMBERS = ("num_images", "num_instances")


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something wrong: an "error" makes the data set unfit, a "warning" may be meant.

    Attributes:
        level: "error" or "warning".
        place: the file, or SPLIT/ID of the sample.
        message: what is wrong.
        remedy: what to do about it.
    """

    level: Literal["error", "warning"]
    place: str
    message: str
    remedy: str


def check(path: str | Place, *, quick: bool = False) -> list[Finding]:
    """Reads a whole data set and returns what is wrong with it, in stored order.

    Errors: a shard is missing, was changed or cannot be read; a record does not decode, has another
    type or size than it says, an id outside [0, 2147483647] or a class that there is not; counts,
    least sides or statistics differ from dataset.json; an id of a sample twice in a split; the same
    image or group in two splits. Warnings: an image without instances, very long, of one colour or
    nearly all black or white; the same image twice in a split; an instance in several pieces, of a
    single pixel, or so large that the label may be inverted; one id in two splits.

    Args:
        path: of the data set.
        quick: looks at the files alone: are they there, and do they have their checksums?

    Raises:
        InputError: no data set there, one of a newer tfseg, or a damaged dataset.json.
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
    seen, findings = _Seen(), []
    for name, split in splits.items():
        findings += _check_split(dataset, name, split, seen)
    if not _has_errors(findings):
        findings += _check_statistics(dataset.info, sum(seen.counts.values(), Counts()))
    return [*findings, *_check_ids(seen), *_check_groups(seen), *_check_duplicates(seen)]


class _Checked(NamedTuple):
    findings: list[Finding]
    id: str | None
    num_instances: int
    counts: Counts
    digest: bytes | None
    group: str = ""


@dataclasses.dataclass
class _Seen:
    """What the records had.

    Numbers of samples by split and id, places by digest, splits by group, and counts by split.
    """

    ids: Counter[tuple[str, str]] = dataclasses.field(default_factory=Counter)
    images: dict[bytes, list[tuple[str, str]]] = dataclasses.field(default_factory=dict)
    groups: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    counts: dict[str, Counts] = dataclasses.field(default_factory=dict)


def _check_split(dataset: Dataset, name: str, split: SplitInfo, seen: _Seen) -> list[Finding]:
    findings: list[Finding] = []
    seen.counts[name] = Counts()
    for shard in split.shards:
        findings += _check_shard(dataset, name, shard, seen)
    stated = {what: getattr(split, what) for what in ("num_images", "num_instances", "min_side")}
    found = {what: sum(getattr(shard, what) for shard in split.shards) for what in _NUMBERS}
    if not _has_errors(findings):
        found["min_side"] = min(map(min, seen.counts[name].sizes), default=split.min_side)
    for what, number in found.items():
        if number != stated[what]:
            message = f"{what} of the split {name} is {stated[what]}, but its shards have {number}."
            findings.append(Finding("error", INFO_FILE, message, _AGAIN))
    return findings


def _check_file(path: Place, shard: ShardInfo) -> Iterator[Finding]:
    if not path.is_file():
        yield Finding("error", shard.name, "The file is missing.", _AGAIN)
    elif file_sha256(path) != shard.sha256:
        yield Finding("error", shard.name, "The file was changed: its SHA-256 differs.", _AGAIN)


def _check_shard(dataset: Dataset, split: str, shard: ShardInfo, seen: _Seen) -> Iterator[Finding]:
    path = dataset.path / shard.name
    yield from _check_file(path, shard)
    if not path.is_file():
        return
    num_images = num_instances = 0
    unreadable: list[Finding] = []
    numbered = enumerate(_read(path, unreadable))
    for checked in ordered(lambda pair: _check_record(dataset.info, split, shard, *pair), numbered):
        num_images += 1
        num_instances += checked.num_instances
        seen.counts[split] += checked.counts
        if checked.id is not None:
            seen.ids[split, checked.id] += 1
            if checked.group:
                seen.groups.setdefault(checked.group, []).append(split)
            if checked.digest is not None:
                seen.images.setdefault(checked.digest, []).append((split, checked.id))
        yield from checked.findings
    yield from unreadable
    for what, found in zip(_NUMBERS, (num_images, num_instances), strict=True):
        if found != getattr(shard, what):
            message = f"{what} is {found}, but {INFO_FILE} says {getattr(shard, what)}."
            yield Finding("error", shard.name, message, _AGAIN)


def _read(path: Place, unreadable: list[Finding]) -> Iterator[bytes]:
    """Yields the records of a shard; where they stop being readable, notes that and ends."""
    try:
        yield from tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    except tf.errors.OpError as error:
        # TensorFlow sets the names of its functions and operations around the reason.
        reason = re.sub(r"^\{\{.*\}\} | \[Op:.*", "", error.message.splitlines()[0]).rstrip(".")
        message = f"Cannot be read to the end: {reason}."
        unreadable.append(Finding("error", path.name, message, _AGAIN))


def _check_record(
    info: DatasetInfo, split: str, shard: ShardInfo, index: int, serialized: bytes
) -> _Checked:
    try:
        record = parse(serialized)
    except InputError as error:
        place = f"{shard.name}, record {index}"
        return _Checked([Finding("error", place, str(error), _AGAIN)], None, 0, Counts(), None)
    place, image, label = f"{split}/{record.id}", record.image, record.label
    findings = [
        Finding("error", place, each, _AGAIN) for each in sample_faults.errors(info, record)
    ]
    counts = Counts()
    if not findings:
        findings = [Finding("warning", place, *each) for each in sample_faults.doubts(record)]
        counts = statistics.count(image, label, record.class_of)
    digest = None
    if not sample_faults.is_constant(image):  # two images of one colour are no copies
        what = f"{image.shape} {image.dtype}".encode()
        digest = hashlib.sha256(what + image.tobytes()).digest()
    return _Checked(findings, record.id, count_instances(label), counts, digest, record.group)


def _check_statistics(info: DatasetInfo, counts: Counts) -> Iterator[Finding]:
    if info.statistics is None:
        return
    if not counts.num_instances:  # convert refuses that
        message = f"There are no instances at all, but statistics in {INFO_FILE}."
        yield Finding("error", INFO_FILE, message, _AGAIN)
        return
    found = dataclasses.asdict(Statistics.of(counts, num_classes=len(info.class_names)))
    stated = dataclasses.asdict(info.statistics)
    for name in found:
        if found[name] != stated[name]:
            message = f"statistics.{name} is not that of the records."
            yield Finding("error", INFO_FILE, message, _AGAIN)


def _check_ids(seen: _Seen) -> Iterator[Finding]:
    splits_of: dict[str, list[str]] = {}
    for (split, id), times in seen.ids.items():
        splits_of.setdefault(id, []).append(split)
        if times > 1:
            message = f"{times} samples have this id."
            yield Finding("error", f"{split}/{id}", message, "Rename, and convert again.")
    for id, names in splits_of.items():
        if len(names) > 1:
            message = f"The splits {' and '.join(names)} have a sample of this id."
            remedy = "Make sure that it is not the same image."
            yield Finding("warning", f"{names[0]}/{id}", message, remedy)


def _check_groups(seen: _Seen) -> Iterator[Finding]:
    for group, splits in seen.groups.items():
        if len(names := list(dict.fromkeys(splits))) > 1:
            message = f"The splits {' and '.join(names)} have images of this group."
            yield Finding("error", f"group {group}", message, "Keep it in one split.")


def _check_duplicates(seen: _Seen) -> Iterator[Finding]:
    for first, *others in seen.images.values():
        parted = any(split != first[0] for split, _ in others)
        if others:
            yield Finding(
                "error" if parted else "warning",
                "/".join(first),
                f"The same image as {listed(['/'.join(other) for other in others])}.",
                "Keep it in one split." if parted else "Keep one of them.",
            )


def _has_errors(findings: list[Finding]) -> bool:
    return any(finding.level == "error" for finding in findings)
