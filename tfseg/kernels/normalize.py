"""Scaling of images of any bit depth and exposure to [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

# Percentiles of one image. Source: StarDist and CARE normalise by the same two. The limits of a
# data set (`data.pipeline.normalization`) are its 1st and 99th percentiles, from dataset.json.
LOW, HIGH = 1.0, 99.8
_SAMPLE = 256  # rows and columns used at most: more take longer and change nothing


def percentile(image: tf.Tensor, fixed: Sequence[float] = ()) -> tf.Tensor:
    """Maps the 1st percentile of `image` to 0 and the 99.8th to 1, and clips to [0, 1].

    The result depends neither on affine changes of exposure nor on the bit depth of the file. An
    image of one value becomes 0.

    Args:
        image: `[H, W, C]`, any real dtype; all channels share the two percentiles.
        fixed: two values instead of the percentiles, if any.

    Returns:
        `[H, W, C]` float32 in [0, 1].
    """
    return scale(image, limits_of(image, fixed))


def limits_of(image: tf.Tensor, fixed: Sequence[float] = ()) -> tf.Tensor:
    """Returns `fixed` as `[2]` float32, or without them the two percentiles of `image` `[H, W, C]`.

    The percentiles are computed from evenly spaced rows and columns (see `subsampled`).
    """
    return tf.constant(fixed, tf.float32) if fixed else limits(subsampled(image))


def subsampled(image: tf.Tensor) -> tf.Tensor:
    """Returns evenly spaced rows and columns of `image` `[H, W, C]`, at most 256 each."""
    height, width = tf.unstack(tf.shape(image)[:2])
    rows, columns = (tf.range(0, side, step(side)) for side in (height, width))
    # 0.6 ms for 640 x 640 x 3; slices with steps take 1.7 ms.
    return tf.gather(tf.gather(image, rows), columns, axis=1)


def step(side: tf.Tensor) -> tf.Tensor:
    """Returns the step between the rows or columns that `subsampled` keeps; tensor or number."""
    return 1 + (side - 1) // _SAMPLE


def limits(image: tf.Tensor) -> tf.Tensor:
    """Returns the two percentiles `[2]` float32 of all values of `image`, any shape and dtype."""
    values = tf.reshape(image, [-1])
    last = tf.cast(tf.size(values) - 1, tf.float32)
    ranks = tf.cast(tf.round(last * tf.constant([LOW, HIGH]) / 100.0), tf.int32)
    return tf.cast(_at_ranks(values, ranks), tf.float32)


def scale(image: tf.Tensor, limits: tf.Tensor) -> tf.Tensor:
    """Maps the first of `limits` `[2]` to 0 and the second to 1, and clips to [0, 1]."""
    low, high = tf.unstack(limits)
    image = tf.cast(image, tf.float32)
    return tf.clip_by_value(tf.math.divide_no_nan(image - low, high - low), 0.0, 1.0)


def _at_ranks(values: tf.Tensor, ranks: tf.Tensor) -> tf.Tensor:
    """Returns the values at `ranks` of the sorted `values` `[N]`."""
    if values.dtype not in (tf.uint8, tf.uint16):
        return tf.gather(tf.sort(values), ranks)
    # Counting finds the same values faster: 640 x 640 x 3 pixels take 2 ms, sorting them 30 ms.
    counts = tf.math.bincount(tf.cast(values, tf.int32), minlength=values.dtype.max + 1)
    return tf.searchsorted(tf.cumsum(counts), ranks, side="right")
