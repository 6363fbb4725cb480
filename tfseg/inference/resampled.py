"""An image at the pixel size of a network, read by windows, and ids back at the size of the image.

A pixel depends on its position alone, so that windows fit together. As in training (see
`data.pipeline.scale`), blocks of pixels are reduced to their mean, and what is left of the factor
is interpolated bilinearly; the outermost pixels are repeated beyond the image.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tfseg import large_arrays
from tfseg.large_arrays import Raster

_ROWS = 2**22  # pixels of an image that are read at once, as float32 of all channels


class Resampled:
    """An image `[H, W, C]` of float32 with another pixel size.

    Attributes:
        shape: height, width and channels.
    """

    def __init__(
        self, image: Raster, factor: float, values: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        """Takes an image.

        Args:
            image: with its pixel size.
            factor: its pixels along a pixel of the result.
            values: returns its pixels as float32, before they are resampled.
        """
        self._image, self._values, self._factor = image, values, factor
        self._block = max(1, round(factor))
        height, width, channels = image.shape
        self.shape = side_at(height, factor), side_at(width, factor), channels

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        """Returns the pixels `[h, w, C]` of these rows and columns, one after the other."""
        sides = zip(window, self._image.shape, self.shape, strict=False)
        down, across = (
            _taps(range(*part.indices(length)), side, self._factor, self._block)
            for part, side, length in sides
        )
        reduced = self._reduced(down.read, across.read)
        rows = reduced[down.first] * (1 - down.share)[:, None, None]
        rows += reduced[down.second] * down.share[:, None, None]
        columns = rows[:, across.first] * (1 - across.share)[:, None]
        return columns + rows[:, across.second] * across.share[:, None]

    def _reduced(self, rows: range, columns: range) -> np.ndarray:
        """Returns the means of blocks `[h, w, C]`; those at the end may have fewer pixels."""
        block, height = self._block, self._image.shape[0]
        wanted = slice(columns.start * block, columns.stop * block)
        step = max(1, _ROWS // (block * block * len(columns)))
        bands = []
        for top in range(rows.start, rows.stop, step):
            end = min(top + step, rows.stop)
            pixels = self._image[top * block : min(end * block, height), wanted]
            bands.append(_means(_means(self._values(pixels), block, axis=0), block, axis=1))
        return np.concatenate(bands)


class _Taps(NamedTuple):
    """What is read for the pixels of one axis, of the reduced image.

    Attributes:
        read: all that is read.
        first: `[N]`, position in `read` of the pixel before each.
        second: `[N]`, position of the one after it.
        share: `[N]` float32, weight of the second.
    """

    read: range
    first: np.ndarray
    second: np.ndarray
    share: np.ndarray


def _taps(part: range, side: int, factor: float, block: int) -> _Taps:
    last = -(-side // block) - 1
    position = (np.arange(part.start, part.stop) + 0.5) * (factor / block) - 0.5
    before = np.floor(position).astype(int)
    first, second = (np.clip(index, 0, last) for index in (before, before + 1))
    read = range(first[0], second[-1] + 1)
    share = (position - before).astype(np.float32)
    return _Taps(read, first - read.start, second - read.start, share)


def _means(pixels: np.ndarray, block: int, *, axis: int) -> np.ndarray:
    if block == 1:
        return pixels
    starts = np.arange(0, pixels.shape[axis], block)
    counts = np.diff(np.append(starts, pixels.shape[axis])).astype(np.float32)
    sums = np.add.reduceat(pixels, starts, axis=axis)
    return sums / counts.reshape([-1 if index == axis else 1 for index in range(pixels.ndim)])


def side_at(side: int, factor: float) -> int:
    """Returns how many pixels a side has that are `factor` times as long, at least one."""
    return max(1, round(side / factor))


def nearest_ids(label: np.ndarray, size: tuple[int, int], factor: float) -> np.ndarray:
    """Returns ids `[H, W]` resampled to a size (height, width), each that of the nearest pixel.

    Args:
        label: `[H, W]` ids.
        size: of the result.
        factor: pixels of `label` along a pixel of the result.
    """
    rows, columns = (
        np.minimum(((np.arange(new) + 0.5) * factor).astype(int), old - 1)
        for new, old in zip(size, label.shape, strict=True)
    )
    resampled = large_arrays.zeros_like(label, label.dtype, size)
    for top, band in large_arrays.bands(resampled):
        band[:] = np.take(label[rows[top : top + len(band)]], columns, axis=1)
        large_arrays.release(label)
    return resampled
