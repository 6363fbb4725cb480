"""Looking for what is wrong with a data set on disk."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import tensorflow as tf
from skimage import measure

from tfseg.checks import InputError
from tfseg.data.images import MAX_ID
from tfseg.data.parallel import ordered
from tfseg.data.records import Record, count_instances, parse
from tfseg.data.store import INFO_FILE, Dataset, DatasetInfo, ShardInfo, SplitInfo, file_sha256

_AGAIN = "Convert the data again."


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


def check(path: str | Path) -> list[Finding]:
    """Reads a whole data set and returns what is wrong with it, in stored order.

    Errors: a shard is missing, was changed or cannot be read; a record does not decode, has another
    type or size than it says, or an id outside [0, 2147483647]; counts differ from dataset.json; an
    id of a sample twice in a split. Warnings: an image without instances; an instance in several
    pieces; one id in two splits.

    Raises:
        InputError: no data set there, one of a newer tfseg, or a damaged dataset.json.
    """
    dataset = Dataset.open(path)
    findings: list[Finding] = []
    splits_of: dict[str, list[str]] = {}
    for name, split in dataset.info.splits.items():
        ids: Counter[str] = Counter()
        findings += _check_split(dataset, name, split, ids)
        for id, times in ids.items():
            splits_of.setdefault(id, []).append(name)
            if times > 1:
                message = f"{times} samples have this id."
                findings.append(
                    Finding("error", f"{name}/{id}", message, "Rename, and convert again.")
                )
    for id, names in splits_of.items():
        if len(names) > 1:
            message = f"The splits {' and '.join(names)} have a sample of this id."
            remedy = "Make sure that it is not the same image."
            findings.append(Finding("warning", f"{names[0]}/{id}", message, remedy))
    return findings


class _Checked(NamedTuple):
    id: str | None
    num_instances: int
    findings: list[Finding]


def _check_split(
    dataset: Dataset, name: str, split: SplitInfo, ids: Counter[str]
) -> Iterator[Finding]:
    for shard in split.shards:
        yield from _check_shard(dataset, name, shard, ids)
    for what in ("num_images", "num_instances"):
        stated, total = getattr(split, what), sum(getattr(shard, what) for shard in split.shards)
        if stated != total:
            message = f"{what} of the split {name} is {stated}, but its shards have {total}."
            yield Finding("error", INFO_FILE, message, _AGAIN)


def _check_shard(
    dataset: Dataset, split: str, shard: ShardInfo, ids: Counter[str]
) -> Iterator[Finding]:
    path = dataset.path / shard.name
    if not path.is_file():
        yield Finding("error", shard.name, "The file is missing.", _AGAIN)
        return
    if file_sha256(path) != shard.sha256:
        yield Finding("error", shard.name, "The file was changed: its SHA-256 differs.", _AGAIN)
    num_images = num_instances = 0
    unreadable: list[Finding] = []
    numbered = enumerate(_read(path, unreadable))
    for checked in ordered(lambda pair: _check_record(dataset.info, split, shard, *pair), numbered):
        num_images, num_instances = num_images + 1, num_instances + checked.num_instances
        if checked.id is not None:
            ids[checked.id] += 1
        yield from checked.findings
    yield from unreadable
    for what, found in (("num_images", num_images), ("num_instances", num_instances)):
        if found != getattr(shard, what):
            message = f"{what} is {found}, but {INFO_FILE} says {getattr(shard, what)}."
            yield Finding("error", shard.name, message, _AGAIN)


def _read(path: Path, unreadable: list[Finding]) -> Iterator[bytes]:
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
        return _Checked(None, 0, [Finding("error", place, str(error), _AGAIN)])
    place = f"{split}/{record.id}"
    num_instances = count_instances(record.label)
    errors = [Finding("error", place, message, _AGAIN) for message in _errors(info, record)]
    warnings = list(_warnings(place, record.label)) if not errors else []
    return _Checked(record.id, num_instances, errors + warnings)


def _errors(info: DatasetInfo, record: Record) -> Iterator[str]:
    image, label = record.image, record.label
    if image.shape[-1] not in (1, info.channels):
        yield f"The image has {image.shape[-1]} channels in a data set with {info.channels}."
    if image.dtype not in (np.uint8, info.dtype):
        yield f"The image is {image.dtype} in a data set of {info.dtype}."
    if not image.shape[:2] == label.shape == (record.height, record.width):
        yield (
            f"Sizes differ: image {image.shape[:2]}, label {label.shape}, stored "
            f"{(record.height, record.width)}."
        )
    if label.max() > MAX_ID:
        yield f"An id is above {MAX_ID}: it would become negative."
    classes, known = record.class_of, len(info.class_names)
    if len(classes) != count_instances(label) or not ((classes >= 1) & (classes <= known)).all():
        yield (
            f"There must be a class from 1 to {known} for each of {count_instances(label)} "
            f"instances; there are {len(classes)}, {sorted(set(classes.tolist()))}."
        )
    if count_instances(label) != record.num_instances:
        yield f"The label has {count_instances(label)} instances, stored is {record.num_instances}."


def _warnings(place: str, label: np.ndarray) -> Iterator[Finding]:
    components = measure.label(label, background=0, connectivity=2)
    first = np.unique(components, return_index=True)[1]
    ids, pieces = np.unique(label.flat[first], return_counts=True)
    if not (ids > 0).any():
        remedy = "Check that nothing is to be seen in it."
        yield Finding("warning", place, "The image has no instances.", remedy)
    broken = ids[(pieces > 1) & (ids > 0)]
    if broken.size:
        shown = ", ".join(map(str, broken[:5])) + (" and more" if broken.size > 5 else "")
        message = (
            f"Several pieces in {broken.size} of {np.count_nonzero(ids > 0)} instances: {shown}."
        )
        remedy = "Give each piece an id of its own if they are separate objects."
        yield Finding("warning", place, message, remedy)
