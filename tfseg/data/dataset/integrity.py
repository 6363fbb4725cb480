"""Compares shards with dataset.json, names a damaged record, and identifies the content."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from tfseg.checks import InputError
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.dataset.index import UNREADABLE, Index
from tfseg.data.dataset.info import INFO_FILE
from tfseg.data.dataset.stored_records import all_records
from tfseg.data.files.paths import DataPath, is_remote, num_bytes, open_bytes

_SMALL = 2**30  # bytes, hashed in 0.9 s by one core, and read in a few seconds from a slow disk
_REMEDY = "Convert the data again."
_CHECKSUM = 4  # bytes at the end of a frame: the CRC-32C of its record


def verify_small(dataset: Dataset, splits: Sequence[str]) -> None:
    """Verifies the splits before a training if their shards have at most 1 GiB together.

    Of a larger data set training compares counts and framing before its first step, and the
    checksum of a record when it reads it; an intact shard in the place of another is not noticed.

    Raises:
        InputError: as `verify`.
    """
    paths = [path for split in splits for path in dataset.shard_paths(split)]
    if sum(map(num_bytes, paths)) <= _SMALL:
        for split in splits:
            remedy = "Convert the data again, or leave such records out: --data.on_corrupt skip."
            verify(dataset, split, remedy=remedy)


def verify(dataset: Dataset, split: str, *, remedy: str = _REMEDY) -> None:
    """Compares counts and SHA-256 of all shards of a split with dataset.json.

    Every byte is read once, which takes one to two seconds per gigabyte and processor core.

    Args:
        dataset: the data set.
        split: name of the split.
        remedy: what to do about a damaged record, for the error.

    Raises:
        InputError: no such split, a shard is missing, or it is not the one that dataset.json
            describes; the message names the shard, and the record where one is damaged.
    """
    paths, shards = dataset.shard_paths(split), dataset.split(split).shards
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        digests = list(pool.map(file_sha256, paths))
    for path, shard, digest in zip(paths, shards, digests, strict=True):
        if digest != shard.sha256:
            with named_damage(dataset, split, remedy=remedy):
                for _ in all_records(dataset, split):
                    pass
            raise InputError(
                f"{path} must be the file that {INFO_FILE} describes; its SHA-256 differs. Copy "
                "the data set again, or convert the data again."
            )


@contextlib.contextmanager
def named_damage(dataset: Dataset, split: str, *, remedy: str = _REMEDY) -> Iterator[None]:
    """Raises TensorFlow's error of a damaged record of a split as one that names the record.

    Raises:
        InputError: the block read such a record.
    """
    try:
        yield
    except tf.errors.DataLossError as error:
        number = 0
        with contextlib.suppress(tf.errors.DataLossError):
            for _ in all_records(dataset, split):
                number += 1
        index = Index.read(dataset, split)
        if number == len(index.offsets):  # this split is intact
            raise
        raise InputError(f"{index.describe(number)} is damaged. {remedy}") from error


def file_sha256(path: DataPath) -> str:
    """Returns the SHA-256 of a file's bytes in hex digits; of a folder, of its files and names."""
    digest = hashlib.sha256()
    if not is_remote(path) and path.is_dir():  # an OME-Zarr
        for name in sorted(path.rglob("*")):
            if name.is_file():
                digest.update(f"{file_sha256(name)} {name.relative_to(path)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as file:
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()


def info_sha256(dataset: Dataset) -> str:
    """Returns the SHA-256 of dataset.json, which has the SHA-256 of all shards, in hex digits."""
    return file_sha256(dataset.path / INFO_FILE)


def records_sha256(dataset: Dataset, split: str) -> str:
    """Returns a SHA-256 in hex digits of the records of a split, in any division into shards.

    It is that of their lengths and checksums, in stored order, so no record is read. Those behind a
    broken frame are left out.

    Raises:
        InputError: no such split, or a shard is missing or has too many records.
    """
    index, digest = Index.read(dataset, split), hashlib.sha256()
    offsets = [index.offsets[index.shards == shard] for shard in range(len(index.paths))]
    with ThreadPoolExecutor() as pool:
        for part in pool.map(_checksums, dataset.shard_paths(split), offsets):
            digest.update(part)
    return digest.hexdigest()


def _checksums(path: DataPath, offsets: np.ndarray) -> bytes:
    """Returns length and checksum of the records of a shard, 8 and 4 bytes each."""
    starts = offsets[offsets != UNREADABLE].tolist()
    parts = []
    with open_bytes(path) as file:
        for start, end in itertools.pairwise([*starts, num_bytes(path)]):
            file.seek(end - _CHECKSUM)
            parts += [(end - start).to_bytes(8, "little"), file.read(_CHECKSUM)]
    return b"".join(parts)
