"""Predicted instances of an image: an id map with scores and classes, and a table of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from tfseg import calls, large_arrays, notebook
from tfseg.checks import InputError
from tfseg.drawing.colors import color_neighbours
from tfseg.drawing.overlays import thinned


class _Arrays(NamedTuple):
    labels: np.ndarray
    scores: np.ndarray
    classes: np.ndarray


class Instances(_Arrays, metaclass=calls.Public):
    """The instances of one image: an id map, and a score and a class for each id.

    `labels` `[H, W]` int32 has the ids 1 to N, 0 = background. `scores` `[N]` float32 in [0, 1] and
    `classes` `[N]` int32 from 1 on: id k is at index k - 1.

    If an image of more than 16 million pixels was predicted in tiles, `labels` is an array in a
    temporary file (`numpy.memmap`), which is removed with it: only the parts in use are in memory.

    Examples:
        >>> instances = tfseg.load("run").predict(np.eye(64)[..., None])
        >>> instances.labels.shape
        (64, 64)
    """

    __slots__ = ()

    def to_pandas(self) -> pd.DataFrame:
        """Returns a table with a row per instance, the pixels of instances.csv.

        Returns:
            Columns `id`; `area` in pixels; `centroid_y`, `centroid_x` in pixels, pixel centres on
            integers, two decimals; `box_top`, `box_left`, `box_bottom`, `box_right` in pixels, the
            last two one past the instance (`labels[top:bottom, left:right]` contains it); `score`,
            six decimals; `class_id`.
            Ascending ids; an id without pixels has no row.

        Raises:
            InputError: an id has no score.
        """
        area, sums, top_left, bottom_right = _measure(self.labels, len(self.scores))
        present = np.flatnonzero(area)
        centroid_y, centroid_x = (sums[:, present] / area[present]).round(2)
        return pd.DataFrame(
            {
                "id": present,
                "area": area[present],
                "centroid_y": centroid_y,
                "centroid_x": centroid_x,
                "box_top": top_left[0, present],
                "box_left": top_left[1, present],
                "box_bottom": bottom_right[0, present],
                "box_right": bottom_right[1, present],
                "score": np.asarray(self.scores, np.float64)[present - 1].round(6),
                "class_id": np.asarray(self.classes)[present - 1],
            }
        )

    def _repr_html_(self) -> str:
        """Returns the number of instances and a picture of them, for notebooks."""
        label = thinned(self.labels, notebook.SIDE)
        count = np.count_nonzero(areas(self.labels, len(self.scores))[1:])
        return notebook.picture(color_neighbours(label), f"instances: {count}")


def areas(label: np.ndarray, count: int) -> np.ndarray:
    """Returns the pixels of each id of `label` `[H, W]`, up to `count` or to the highest id."""
    total = np.zeros(count + 1, np.int64)
    for _, rows in large_arrays.bands(label):
        counted = np.bincount(rows.ravel(), minlength=len(total))
        counted[: len(total)] += total
        total = counted
    return total


def _measure(
    label: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns of the ids up to `count` the area, sums of positions, and first and last corners."""
    size = count + 1
    area = np.zeros(size, np.int64)
    sums = np.zeros((2, size))
    top_left, bottom_right = np.full((2, size), max(label.shape)), np.zeros((2, size), np.int64)
    for top, rows in large_arrays.bands(label):
        highest = rows.max(initial=0)
        if highest > count:
            raise InputError(
                f"Every id must have a score; got the id {highest} and {count} scores."
            )
        y, x = np.nonzero(rows > 0)
        ids = rows[y, x]
        area += np.bincount(ids, minlength=size)
        for axis, position in enumerate((y + top, x)):
            sums[axis] += np.bincount(ids, weights=position, minlength=size)
            np.minimum.at(top_left[axis], ids, position)
            np.maximum.at(bottom_right[axis], ids, position + 1)
    return area, sums, top_left, bottom_right
