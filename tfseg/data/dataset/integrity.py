"""Compares shards with dataset.json, and names the record that is damaged."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import tensorflow as tf

from tfseg.checks import InputError
from tfseg.data.dataset.dataset import INFO_FILE, Dataset, file_sha256
from tfseg.data.dataset.index import Index


def verify(dataset: Dataset, split: str) -> None:
    """Compares counts and SHA-256 of all shards of a split with dataset.json.

    Every byte is read once, which takes one to two seconds per gigabyte and processor core.

    Raises:
        InputError: no such split, a shard is missing, or it is not the one that dataset.json
            describes; the message names the shard, and the record where one is damaged.
    """
    paths, shards = dataset.shard_paths(split), dataset.split(split).shards
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        digests = list(pool.map(file_sha256, paths))
    for path, shard, digest in zip(paths, shards, digests, strict=True):
        if digest != shard.sha256:
            with named_damage(dataset, split):
                for _ in dataset.records(split):
                    pass
            raise InputError(
                f"{path} must be the file that {INFO_FILE} describes; its SHA-256 differs. Copy "
                "the data set again, or convert the data again."
            )


@contextlib.contextmanager
def named_damage(dataset: Dataset, split: str) -> Iterator[None]:
    """Raises TensorFlow's error of a damaged record of a split as one that names the record.

    Raises:
        InputError: the block read such a record.
    """
    try:
        yield
    except tf.errors.DataLossError as error:
        number = 0
        with contextlib.suppress(tf.errors.DataLossError):
            for _ in dataset.records(split):
                number += 1
        index = Index.read(dataset, split)
        if number == len(index.offsets):  # this split is intact
            raise
        raise InputError(f"{index.describe(number)} is damaged. Convert the data again.") from error
