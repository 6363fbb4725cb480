"""One id map from windows that were decoded one by one."""

from __future__ import annotations

import numpy as np

from tfseg.inference.instances import Instances

_SAME = 0.5  # IoU above which two instances are one: no instance can have two such partners


class Joined:
    """An id map that grows window by window, in reading order.

    A window is decoded with pixels around its core. Where those were written before, the instances
    of the window are compared with those that are there: the same one keeps its id.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._label = np.zeros(shape, np.int32)
        self._scores: list[np.float32] = []
        self._classes: list[np.int32] = []

    def add(self, found: Instances, top: int, left: int, core: tuple[slice, slice]) -> None:
        """Writes the core of a window.

        Args:
            found: instances of the window `[h, w]`.
            top: row of the window's first pixel in the whole map.
            left: its column.
            core: rows and columns of the window that are written; those above them, and those to
                the left of them, were written before.
        """
        height, width = found.label.shape
        rows, columns = core
        written = self._label[top : top + height, left : left + width]
        before = np.zeros(found.label.shape, bool)
        before[: rows.start] = True
        before[rows, : columns.start] = True
        number = _partners(found.label[before], written[before], len(found.scores))
        ids = np.unique(found.label[core])
        fresh = ids[(ids > 0) & (number[ids] == 0)]
        number[fresh] = len(self._scores) + np.arange(1, len(fresh) + 1)
        self._scores += list(found.scores[fresh - 1])
        self._classes += list(found.classes[fresh - 1])
        written[core] = number[found.label[core]]

    def instances(self) -> Instances:
        """Returns what was written, ids from 1 without gaps."""
        scores, classes = np.array(self._scores, np.float32), np.array(self._classes, np.int32)
        return Instances(self._label, scores, classes)


def _partners(own: np.ndarray, known: np.ndarray, count: int) -> np.ndarray:
    """Returns for each id from 0 to `count` of `own` the same instance's id in `known`, or 0."""
    ids, place = np.unique(known, return_inverse=True)
    pairs = np.bincount(own * len(ids) + place, minlength=(count + 1) * len(ids))
    shared = pairs.reshape(count + 1, len(ids))
    union = shared.sum(axis=1, keepdims=True) + shared.sum(axis=0, keepdims=True) - shared
    same = (shared > _SAME * union) & (np.arange(count + 1) > 0)[:, None] & (ids > 0)
    number = np.zeros(count + 1, np.int32)
    first, second = np.nonzero(same)
    number[first] = ids[second]
    return number
