"""How far apart the values of an image are, in NumPy: for statistics, checks and large files."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from tfseg.kernels.normalize import HIGH, LOW, MEDIAN, step

_BAND = 1024  # rows read at once


class Windows(Protocol):
    """An image `[H, W, C]` that is read by windows: an array, or a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and channels."""

    def __getitem__(self, window: tuple[slice, slice], /) -> np.ndarray:
        """Returns the pixels `[h, w, C]` of these rows and columns."""


class Spread(NamedTuple):
    """The values that `kernels.normalize.spread` finds in an image, in its unit.

    Attributes:
        low: the 1st percentile, or the lowest value where `is_flat`.
        median: the 50th percentile.
        high: the 99.8th percentile, or the highest value where `is_flat`.
        is_flat: whether the two percentiles are equal.
    """

    low: float
    median: float
    high: float
    is_flat: bool

    @classmethod
    def of(cls, image: Windows) -> Spread:
        """Computes the spread of an image of any real dtype with at least one pixel."""
        down, across = (slice(None, None, step(side)) for side in image.shape[:2])
        values = image[down, across].ravel()
        shares = np.array([LOW, MEDIAN, HIGH], np.float32)
        ranks = np.round(np.float32(values.size - 1) * shares / np.float32(100)).astype(int)
        low, median, high = np.partition(values, ranks)[ranks].tolist()
        is_flat = low == high
        if is_flat:
            low, high = extremes(image)
        return cls(low, median, high, is_flat)

    @property
    def contrast(self) -> tuple[float, float]:
        """How far the limits are below and above the median."""
        return self.median - self.low, self.high - self.median


def extremes(image: Windows) -> tuple[float, float]:
    """Returns the lowest and the highest value of an image."""
    tops = range(0, image.shape[0], _BAND)
    bands = (image[top : top + _BAND, :] for top in tops)
    lows, highs = zip(*((band.min().item(), band.max().item()) for band in bands), strict=True)
    return min(lows), max(highs)
