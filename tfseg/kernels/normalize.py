"""Scaling of images of any bit depth and exposure to [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import tensorflow as tf

# Percentiles of one image. Source: StarDist and CARE normalise by the outer two. The limits of a
# data set (`data.pipeline.normalization`) are its 1st and 99th percentiles, from dataset.json.
LOW, MEDIAN, HIGH = 1.0, 50.0, 99.8
WIDE = 257  # white of 8 bits times this is white of 16
_SAMPLE = 256  # rows and columns used at most: more take longer and change nothing

Values = TypeVar("Values", tf.Tensor, np.ndarray)


def spread(image: tf.Tensor) -> tf.Tensor:
    """Returns the 1st, 50th and 99.8th percentiles `[3]` float32 of `image` `[H, W, C]`.

    They are computed from evenly spaced rows and columns (see `subsampled`). Where the outer two
    are equal, objects cover less than 0.2 % of the image or it has none, and the lowest and the
    highest value of all pixels take their place.
    """
    values = percentiles(subsampled(image))

    def with_extremes() -> tf.Tensor:
        low, high = tf.reduce_min(image), tf.reduce_max(image)
        return tf.stack([tf.cast(low, tf.float32), values[1], tf.cast(high, tf.float32)])

    return tf.cond(values[0] < values[2], lambda: values, with_extremes)


def spreads(image: tf.Tensor) -> tf.Tensor:
    """Returns the `spread` of each channel of `image` `[H, W, C]`, `[3, C]` float32."""
    channels = image.shape[-1]
    planes = tf.transpose(tf.reshape(subsampled(image), [-1, channels]))
    values = tf.map_fn(percentiles, planes, fn_output_signature=tf.TensorSpec([3], tf.float32))
    low, median, high = tf.unstack(values, axis=1)
    is_flat = low == high

    def with_extremes() -> tf.Tensor:
        lowest, highest = (
            tf.cast(reduce(image, axis=[0, 1]), tf.float32)
            for reduce in (tf.reduce_min, tf.reduce_max)
        )
        return tf.stack([tf.where(is_flat, lowest, low), median, tf.where(is_flat, highest, high)])

    return tf.cond(tf.reduce_any(is_flat), with_extremes, lambda: tf.stack([low, median, high]))


def subsampled(image: tf.Tensor) -> tf.Tensor:
    """Returns evenly spaced rows and columns of `image` `[H, W, C]`, at most 256 each."""
    height, width = tf.unstack(tf.shape(image)[:2])
    rows, columns = (tf.range(0, side, step(side)) for side in (height, width))
    # 0.6 ms for 640 x 640 x 3; slices with steps take 1.7 ms.
    return tf.gather(tf.gather(image, rows), columns, axis=1)


def step(side: tf.Tensor) -> tf.Tensor:
    """Returns the step between the rows or columns that `subsampled` keeps; tensor or number."""
    return 1 + (side - 1) // _SAMPLE


def percentiles(image: tf.Tensor) -> tf.Tensor:
    """Returns the three percentiles `[3]` float32 of all values of `image`, any shape and dtype."""
    values = tf.reshape(image, [-1])
    last = tf.cast(tf.size(values) - 1, tf.float32)
    ranks = tf.cast(tf.round(last * tf.constant([LOW, MEDIAN, HIGH]) / 100.0), tf.int32)
    return tf.cast(_at_ranks(values, ranks), tf.float32)


def widened(spread: tf.Tensor, least: Sequence[float | np.ndarray]) -> tf.Tensor:
    """Returns the limits `[2]` of an image, at least `least` below and above its median.

    Noise without objects is then not stretched to the contrast of objects.

    Args:
        spread: the lower limit, the median and the upper limit `[3]` float32; `[3, C]` gives limits
            `[2, C]`.
        least: two distances from 0 on, or two of each channel `[C]`, in the unit of `spread`.
    """
    low, median, high = tf.unstack(spread)
    below, above = least
    return tf.stack([tf.minimum(low, median - below), tf.maximum(high, median + above)])


def in_depth(values: Values, dtype: np.dtype | tf.DType, bits: int) -> Values:
    """Converts float32 values of an image of 8 or 16 bits to those of `bits`, white to white.

    Args:
        values: any shape, as the image has them.
        dtype: of the image. Values other than uint8 and uint16 have no known white, and stay.
        bits: 8 or 16; 0 changes nothing.
    """
    if (dtype, bits) == (np.uint8, 16):
        return values * float(WIDE)
    if (dtype, bits) == (np.uint16, 8):
        return values / float(WIDE)
    return values


def scale(image: tf.Tensor, limits: tf.Tensor) -> tf.Tensor:
    """Maps the first of `limits` `[2]` to 0 and the second to 1, and clips to [0, 1].

    Limits `[2, C]` are those of the channels of `image` `[..., C]`.
    """
    low, high = tf.unstack(limits)
    return tf.clip_by_value(tf.math.divide_no_nan(image - low, high - low), 0.0, 1.0)


def _at_ranks(values: tf.Tensor, ranks: tf.Tensor) -> tf.Tensor:
    """Returns the values at `ranks` of the sorted `values` `[N]`."""
    if values.dtype not in (tf.uint8, tf.uint16):
        return tf.gather(tf.sort(values), ranks)
    # Counting finds the same values faster: 640 x 640 x 3 pixels take 2 ms, sorting them 30 ms.
    counts = tf.math.bincount(tf.cast(values, tf.int32), minlength=values.dtype.max + 1)
    return tf.searchsorted(tf.cumsum(counts), ranks, side="right")
