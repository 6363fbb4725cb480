"""How far apart the values of an image are, in NumPy: for statistics, checks and large files."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tfseg.channels import COLORS
from tfseg.kernels.normalize import HIGH, LOW, MEDIAN, step
from tfseg.large_arrays import Raster, bands_of


class Spread(NamedTuple):
    """The values that `kernels.normalize.spread` finds in an image or a channel, in its unit.

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
    def of(cls, image: Raster) -> Spread:
        """Computes the spread of an image of any real dtype with at least one pixel."""
        return cls._of(_subsampled(image).ravel(), functools.partial(extremes, image))

    @classmethod
    def of_channels(cls, image: Raster) -> list[Spread]:
        """Computes the spread of each channel of such an image."""
        sampled = _subsampled(image)
        return [
            cls._of(sampled[..., index].ravel(), functools.partial(extremes, image, index))
            for index in range(sampled.shape[-1])
        ]

    @classmethod
    def table(cls, image: Raster) -> np.ndarray:
        """Computes low, median and high of all values and of each channel, `[1 + C, 3]` float32.

        The first row of a grey image is that of the same image as RGB, of three equal channels.
        """
        sampled = _subsampled(image)
        values = sampled if sampled.shape[-1] > 1 else np.repeat(sampled, len(COLORS))
        spreads = [cls._of(values.ravel(), functools.partial(extremes, image))]
        for index in range(sampled.shape[-1]):
            of_channel = functools.partial(extremes, image, index)
            spreads.append(cls._of(sampled[..., index].ravel(), of_channel))
        return np.array([spread[:3] for spread in spreads], np.float32)

    @classmethod
    def _of(cls, values: np.ndarray, extremes: Callable[[], tuple[float, float]]) -> Spread:
        shares = np.array([LOW, MEDIAN, HIGH], np.float32)
        ranks = np.round(np.float32(values.size - 1) * shares / np.float32(100)).astype(int)
        low, median, high = np.partition(values, ranks)[ranks].tolist()
        is_flat = low == high
        if is_flat:
            low, high = extremes()
        return cls(low, median, high, is_flat)

    @property
    def contrast(self) -> tuple[float, float]:
        """How far the limits are below and above the median."""
        return self.median - self.low, self.high - self.median


def extremes(image: Raster, channel: int | None = None) -> tuple[float, float]:
    """Returns the lowest and the highest value of an image, or of one of its channels."""
    kept = slice(None) if channel is None else channel
    bands = (image[rows, :][..., kept] for rows in bands_of(image.shape))
    lows, highs = zip(*((band.min().item(), band.max().item()) for band in bands), strict=True)
    return min(lows), max(highs)


def _subsampled(image: Raster) -> np.ndarray:
    down, across = (slice(None, None, step(side)) for side in image.shape[:2])
    return image[down, across]
