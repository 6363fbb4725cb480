"""The index of the instances of an image in tiles, which crops are drawn from without its pixels.

It is made once, at conversion. As raw numbers, that of 200,000 instances is read in a millisecond.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tfseg.data.dataset.tiles import Grid
from tfseg.large_arrays import Raster

COLUMNS = ("id", "class", "area", "row", "column")


class Instances(NamedTuple):
    """The instances of an image, in ascending order of their ids.

    Attributes:
        ids: `[N]` int64, above 0.
        areas: `[N]` int64, pixels.
        centers: `[N, 2]` int64, row and column: the mean of those of all pixels, rounded down.
        foreground: `[T]` int64, pixels of instances in each tile.
    """

    ids: np.ndarray
    areas: np.ndarray
    centers: np.ndarray
    foreground: np.ndarray

    @classmethod
    def of(cls, label: Raster, grid: Grid) -> Instances:
        """Reads a label `[H, W]` tile by tile."""
        parts, foreground = [], np.zeros(grid.num_tiles, np.int64)
        for number in range(grid.num_tiles):
            rows, columns = grid.slices(number)
            sums = _sums(label[rows, columns], rows.start, columns.start)
            foreground[number] = sums[1].sum()
            parts.append(sums)
        ids, areas, *coordinates = np.concatenate(parts, axis=1)
        known, index = np.unique(ids, return_inverse=True)
        total = np.zeros((3, known.size), np.int64)
        for row, values in zip(total, (areas, *coordinates), strict=True):
            np.add.at(row, index, values)
        return cls(known, total[0], (total[1:] // np.maximum(total[0], 1)).T, foreground)

    def table(self, class_of: np.ndarray | None) -> np.ndarray:
        """Returns the `COLUMNS` as the rows of an array `[5, N]` int32.

        Args:
            class_of: `[N]` class of each instance; None: 1.
        """
        classes = np.ones_like(self.ids) if class_of is None else class_of
        return np.stack([self.ids, classes, self.areas, *self.centers.T]).astype("<i4")


def _sums(label: np.ndarray, top: int, left: int) -> np.ndarray:
    """Returns ids, areas, and sums of rows and columns in the image, `[4, n]` int64, of a tile."""
    # By runs of one id in a row, which are far fewer than pixels.
    begins = np.ones(label.shape, bool)
    begins[:, 1:] = label[:, 1:] != label[:, :-1]
    starts = np.flatnonzero(begins)
    values = label[begins]
    lengths = np.diff(starts, append=label.size)[values > 0]
    rows, columns = np.divmod(starts[values > 0], label.shape[1])
    ids, index = np.unique(values[values > 0], return_inverse=True)
    sums = np.zeros((3, ids.size), np.int64)
    of_columns = lengths * (left + columns) + lengths * (lengths - 1) // 2
    for total, numbers in zip(sums, (lengths, lengths * (top + rows), of_columns), strict=True):
        np.add.at(total, index, numbers)
    return np.concatenate([ids[None].astype(np.int64), sums])
