"""Decoded samples kept in memory or on disk, so that each is decoded once.

Order, draws and bits are those of a training without it: what is kept is the sample before all that
is random.
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

from tfseg import atomic, checks
from tfseg.augment.base import Example
from tfseg.autograph import no_autograph
from tfseg.checks import InputError
from tfseg.config import CACHES
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.dataset.mixture import Mixture

Values = tuple[Any, ...]  # arrays, and bytes for a text
_LABEL_BYTES = 4  # of a pixel


class Memory:
    """Keeps samples by their numbers."""

    def __init__(self) -> None:
        self._kept: dict[int, Values] = {}

    def has(self, number: np.ndarray) -> np.bool_:
        """Says whether a sample is kept."""
        return np.bool_(int(number) in self._kept)

    def get(self, number: np.ndarray) -> Values:
        """Returns a sample that is kept."""
        return self._kept[int(number)]

    def put(self, number: np.ndarray, *values: Any) -> None:
        """Keeps a sample."""
        # Copies: the arrays are TensorFlow's, which may use their memory again.
        self._kept[int(number)] = tuple(np.array(value) for value in values)


class Disk:
    """Keeps samples in a folder for temporary files, which goes when this object goes."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="tfseg-cache-"))
        self._begun: set[int] = set()
        self._kept: set[int] = set()
        self._lock = threading.Lock()
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def has(self, number: np.ndarray) -> np.bool_:
        """Says whether a sample is kept."""
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
        # At the seam of two epochs two threads may bring the same sample: the first one writes it,
        # and who reads it does not see it written again.
        with self._lock:
            if int(number) in self._begun:
                return
            self._begun.add(int(number))
        path = self._folder / str(number)
        with atomic.replacing(path, durable=False) as partial, partial.open("wb") as file:
            for value in values:
                np.save(file, value)
        self._kept.add(int(number))


def make(dataset: Dataset, where: str) -> Memory | Disk:
    """Returns an empty cache for the split train of a data set.

    Args:
        dataset: to be kept.
        where: "memory" or "disk".

    Raises:
        InputError: there is no room for it.
    """
    checks.one_of("data.cache", where, CACHES[1:])
    size, room = num_bytes(dataset), _room(where)
    if size is not None and size > room:
        raise InputError(
            f"data.cache {where} takes about {_amount(size)}, and there are {_amount(room)}. "
            f"Choose {'disk or none' if where == 'memory' else 'none'}."
        )
    return Memory() if where == "memory" else Disk()


def through(
    cache: Memory | Disk, load: Callable[[Example], Example]
) -> Callable[[tf.data.Dataset], tf.data.Dataset]:
    """Returns the stage that makes samples of {"epoch", "index"}, by `load` where they are new."""

    def stage(places: tf.data.Dataset) -> tf.data.Dataset:
        spec = dict(places.map(no_autograph(load)).element_spec)
        del spec["epoch"]

        def new(place: Example) -> Example:
            sample = load(place)
            values = [sample[name] for name in spec]
            put = tf.numpy_function(cache.put, [place["index"], *values], [])
            with tf.control_dependencies([put]):
                return dict(zip(spec, map(tf.identity, values), strict=True))

        def kept(place: Example) -> Example:
            types = [each.dtype for each in spec.values()]
            values = tf.numpy_function(cache.get, [place["index"]], types)
            return {
                name: tf.ensure_shape(value, each.shape)
                for (name, each), value in zip(spec.items(), values, strict=True)
            }

        def sample(place: Example) -> Example:
            is_kept = tf.numpy_function(cache.has, [place["index"]], tf.bool)
            found = tf.cond(is_kept, lambda: kept(place), lambda: new(place))
            return found | {"epoch": place["epoch"]}

        return places.map(no_autograph(sample), tf.data.AUTOTUNE)

    return stage


def num_bytes(dataset: Dataset) -> int | None:
    """Returns about how large the decoded split train is; None where dataset.json is too old.

    Of images whose sizes dataset.json does not list, the mean of those that it does is taken.
    """
    if isinstance(dataset, Mixture):
        sizes = [num_bytes(part) for part in dataset.parts]
        return None if None in sizes else sum(size or 0 for size in sizes)
    info = dataset.info
    if info.statistics is None:
        return None
    listed = {size: n for size, n in info.statistics.sizes.items() if size != "other"}
    pixels = sum(np.prod([int(side) for side in size.split("x")]) * n for size, n in listed.items())
    of_pixel = info.channels * np.dtype(info.dtype).itemsize + _LABEL_BYTES
    return int(dataset.split("train").num_images * pixels / sum(listed.values()) * of_pixel)


def described(dataset: Dataset, where: str) -> str:
    """Returns in words how much is kept."""
    size = num_bytes(dataset)
    amount = "an unknown amount" if size is None else f"about {_amount(size)}"
    return f"decoded images are kept: {amount} ({where})"


def _room(where: str) -> int:
    if where == "disk":
        return shutil.disk_usage(tempfile.gettempdir()).free
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _amount(size: int) -> str:
    return f"{size / 1e9:.3g} GB" if size >= 1e9 else f"{size / 1e6:.3g} MB"
