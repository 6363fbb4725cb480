"""Joins separately decoded windows into a single id map."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfseg import large_arrays
from tfseg.inference.instances import Instances

_SAME = 0.5  # IoU above which two instances are the same; at most one partner exceeds it


class Joined:
    """An id map that is written window by window, in reading order.

    A window is decoded with some context around its core. In the part of the context that was
    written before, instances are matched with the written ones: a match keeps the written id.

    Args:
        shape: height and width of the map.
        folder: of the temporary file of a large map; None for that of temporary files.
    """

    def __init__(self, shape: tuple[int, int], folder: Path | None = None) -> None:
        self._label = large_arrays.zeros(shape, np.int32, folder)
        self._scores, self._classes = [np.zeros(0, np.float32)], [np.zeros(0, np.int32)]
        self._count = 0

    def add(self, instances: Instances, top: int, left: int, core: tuple[slice, slice]) -> None:
        """Writes the core of a window.

        Args:
            instances: of the window `[h, w]`.
            top: row of the window's first pixel in the map.
            left: column of the window's first pixel in the map.
            core: rows and columns of the window to write; pixels above and to the left of the core
                were written before.
        """
        height, width = instances.labels.shape
        rows, columns = core
        written = self._label[top : top + height, left : left + width]
        before = np.zeros(instances.labels.shape, bool)
        before[: rows.start] = True
        before[rows, : columns.start] = True
        number = _partners(instances.labels[before], written[before], len(instances.scores))
        ids = np.unique(instances.labels[core])
        fresh = ids[(ids > 0) & (number[ids] == 0)]
        number[fresh] = self._count + np.arange(1, len(fresh) + 1)
        self._count += len(fresh)
        self._scores.append(instances.scores[fresh - 1])
        self._classes.append(instances.classes[fresh - 1])
        written[core] = number[instances.labels[core]]
        large_arrays.release(self._label)

    def instances(self) -> Instances:
        """Returns the instances of the map, with ids from 1 without gaps."""
        scores, classes = np.concatenate(self._scores), np.concatenate(self._classes)
        return Instances(self._label, scores.astype(np.float32), classes.astype(np.int32))


def _partners(window: np.ndarray, written: np.ndarray, count: int) -> np.ndarray:
    """Returns for each id of `window`, from 0 to `count`, its matching id in `written`, or 0."""
    ids, index = np.unique(written, return_inverse=True)
    pairs = np.bincount(window * len(ids) + index, minlength=(count + 1) * len(ids))
    shared = pairs.reshape(count + 1, len(ids))
    union = shared.sum(axis=1, keepdims=True) + shared.sum(axis=0, keepdims=True) - shared
    same = (shared > _SAME * union) & (np.arange(count + 1) > 0)[:, None] & (ids > 0)
    number = np.zeros(count + 1, np.int32)
    first, second = np.nonzero(same)
    number[first] = ids[second]
    return number
