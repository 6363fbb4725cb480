"""Decoded samples kept in memory or on disk, so that each is decoded once.

Batches are bit for bit those of training without a cache: samples are kept as they are before any
random step.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfseg import atomic, checks, machine
from tfseg.augment.base import Example
from tfseg.autograph import no_autograph
from tfseg.checks import InputError
from tfseg.config import CACHES
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.dataset.mixture import Mixture

Values = tuple[Any, ...]  # arrays, and bytes for a string
_LABEL_BYTES = 4  # per pixel


class Memory:
    """Keeps samples in memory by their numbers."""

    def __init__(self) -> None:
        self._kept: dict[int, Values] = {}

    def has(self, number: np.ndarray) -> np.bool_:
        """Returns whether a sample is kept."""
        return np.bool_(int(number) in self._kept)

    def get(self, number: np.ndarray) -> Values:
        """Returns a sample that is kept."""
        return self._kept[int(number)]

    def put(self, number: np.ndarray, *values: Any) -> None:
        """Keeps a sample."""
        # Copies, because TensorFlow may reuse the memory of its arrays.
        self._kept[int(number)] = tuple(np.array(value) for value in values)


class Disk:
    """Keeps samples in a temporary folder, which is removed together with this object."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="tfseg-cache-"))
        self._begun: set[int] = set()
        self._kept: set[int] = set()
        self._lock = threading.Lock()
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def has(self, number: np.ndarray) -> np.bool_:
        """Returns whether a sample is kept."""
        return np.bool_(int(number) in self._kept)

    def get(self, number: np.ndarray) -> Values:
        """Returns a sample that is kept."""
        with (self._folder / str(number)).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            values = []
            while file.tell() < size:
                values.append(np.load(file))
        return tuple(values)

    def put(self, number: np.ndarray, *values: Any) -> None:
        """Keeps a sample."""
        # Where two epochs meet, two threads may put the same sample: the first one writes it, so
        # that a file is never written while it is read.
        with self._lock:
            if int(number) in self._begun:
                return
            self._begun.add(int(number))
        path = self._folder / str(number)
        with atomic.replacing(path, durable=False) as partial, partial.open("wb") as file:
            for value in values:
                np.save(file, value)
        self._kept.add(int(number))


def new_cache(dataset: Dataset, where: str) -> Memory | Disk:
    """Returns an empty cache for the split train of a data set.

    Args:
        dataset: of which the split train is kept.
        where: "memory" or "disk".

    Raises:
        InputError: it does not fit.
    """
    checks.one_of("data.cache", where, CACHES[1:])
    size, available = num_bytes(dataset), _available_bytes(where)
    if size is not None and size > available:
        raise InputError(
            f"data.cache {where} takes about {_amount(size)}; {_amount(available)} are available. "
            f"Choose {'disk or none' if where == 'memory' else 'none'}."
        )
    return Memory() if where == "memory" else Disk()


def keeping(
    cache: Memory | Disk, load: Callable[[tf.Tensor], Example]
) -> Callable[[tf.Tensor], Example]:
    """Returns the function of a number that loads a sample, or returns the one that is kept.

    Args:
        cache: of these samples.
        load: returns the sample of a number `[]` int64.
    """
    specs = dict(tf.data.Dataset.range(1).map(no_autograph(load)).element_spec)

    def new(number: tf.Tensor) -> Example:
        sample = load(number)
        values = [sample[name] for name in specs]
        put = tf.numpy_function(cache.put, [number, *values], [])
        with tf.control_dependencies([put]):
            return dict(zip(specs, map(tf.identity, values), strict=True))

    def kept(number: tf.Tensor) -> Example:
        dtypes = [spec.dtype for spec in specs.values()]
        values = tf.numpy_function(cache.get, [number], dtypes)
        return {
            name: tf.ensure_shape(value, spec.shape)
            for (name, spec), value in zip(specs.items(), values, strict=True)
        }

    def sample(number: tf.Tensor) -> Example:
        is_kept = tf.numpy_function(cache.has, [number], tf.bool)
        return tf.cond(is_kept, lambda: kept(number), lambda: new(number))

    return sample


def num_bytes(dataset: Dataset) -> int | None:
    """Returns the approximate size of the decoded split train; None where dataset.json is too old.

    Images whose sizes dataset.json does not list count as the mean of the listed ones.
    """
    if isinstance(dataset, Mixture):
        sizes = [num_bytes(part) for part in dataset.parts]
        return None if None in sizes else sum(size or 0 for size in sizes)
    info = dataset.info
    if info.statistics is None:
        return None
    listed = {size: n for size, n in info.statistics.sizes.items() if size != "other"}
    pixels = sum(np.prod([int(side) for side in size.split("x")]) * n for size, n in listed.items())
    bytes_per_pixel = info.channels * np.dtype(info.dtype).itemsize + _LABEL_BYTES
    return int(dataset.split("train").num_images * pixels / sum(listed.values()) * bytes_per_pixel)


def described(dataset: Dataset, where: str) -> str:
    """Returns a sentence about how much is kept."""
    size = num_bytes(dataset)
    amount = "an unknown amount" if size is None else f"about {_amount(size)}"
    return f"decoded images are kept: {amount} ({where})"


def _available_bytes(where: str) -> int:
    if where == "disk":
        return shutil.disk_usage(tempfile.gettempdir()).free
    return machine.usable_memory()


def _amount(size: int) -> str:
    return f"{size / 1e9:.3g} GB" if size >= 1e9 else f"{size / 1e6:.3g} MB"
