"""Contrast-limited adaptive histogram equalization of `[H, W, 1]` float32 in [0, 1]."""

from __future__ import annotations

import tensorflow as tf

from tfseg.kernels import sampling
from tfseg.kernels.field import Size

_BINS = 256


def equalized(image: tf.Tensor, clip_limit: tf.Tensor, *, tiles: tuple[int, int]) -> tf.Tensor:
    """Equalizes the histogram of each tile, with contrast limited.

    The value of a pixel is looked up in the tables of the four nearest tiles, which are
    interpolated bilinearly. Tables have 256 values, as for 8 bits, and values in between are
    interpolated, so that images of more bits keep their steps.

    Args:
        image: `[H, W, 1]` float32 in [0, 1].
        clip_limit: the largest slope of a table, `[]` float32, at least 1; what a histogram has
            above it is spread over all values.
        tiles: number of tiles along (y, x). A picture that they do not divide is mirrored beyond
            its end, as in OpenCV.

    Returns:
        `[H, W, 1]` float32 in [0, 1].

    Source: K. Zuiderveld, Contrast Limited Adaptive Histogram Equalization, Graphics Gems IV
    (1994); limits, tiles and rounding as in OpenCV.
    """
    plane = image[..., 0]
    tables = _tables(plane, clip_limit, tiles)
    size = tuple(plane.shape)
    (top, below, down), (left, right, across) = (
        _between(length, tile, count)
        for length, tile, count in zip(size, _tile(size, tiles), tiles, strict=True)
    )
    value = plane * (_BINS - 1.0)
    lower = tf.clip_by_value(tf.cast(value, tf.int32), 0, _BINS - 2)
    share = value - tf.cast(lower, tf.float32)
    flat = tf.reshape(tables, [-1])

    def read(row: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
        index = (row[:, None] * tiles[1] + column) * _BINS + lower
        return tf.gather(flat, index) * (1.0 - share) + tf.gather(flat, index + 1) * share

    above = read(top, left) * (1.0 - across) + read(top, right) * across
    under = read(below, left) * (1.0 - across) + read(below, right) * across
    return (above * (1.0 - down[:, None]) + under * down[:, None])[..., None]


def _tables(plane: tf.Tensor, clip_limit: tf.Tensor, tiles: tuple[int, int]) -> tf.Tensor:
    """Returns the share of values up to each of 256 in each tile, `[tiles, 256]` float32."""
    tile = _tile(tuple(plane.shape), tiles)
    for axis, (length, count) in enumerate(zip(tile, tiles, strict=True)):
        pixels = tf.range(length * count, dtype=tf.float32)
        index = sampling.border_index(pixels, plane.shape[axis], "reflect_101")
        plane = tf.gather(plane, index, axis=axis)
    row, column = (tf.range(n * count) // n for n, count in zip(tile, tiles, strict=True))
    number = row[:, None] * tiles[1] + column
    value = tf.cast(tf.round(plane * (_BINS - 1.0)), tf.int32)
    # 0.7 ms for 512 x 512; products of one-hot matrices took 3 ms, comparisons 19 ms.
    bins = tf.reshape(number * _BINS + value, [-1])
    total = tiles[0] * tiles[1]
    counts = tf.math.unsorted_segment_sum(tf.ones_like(bins), bins, total * _BINS)
    area = tile[0] * tile[1]
    limited = _limited(tf.reshape(counts, [total, _BINS]), clip_limit, area)
    return tf.cast(tf.cumsum(limited, axis=1), tf.float32) / float(area)


def _limited(counts: tf.Tensor, clip_limit: tf.Tensor, area: int) -> tf.Tensor:
    """Spreads what `counts` `[tiles, 256]` have above the limit; the rest at equal distances."""
    most = tf.maximum(tf.cast(clip_limit * float(area) / _BINS, tf.int32), 1)
    excess = tf.reduce_sum(tf.maximum(counts - most, 0), axis=1, keepdims=True)
    rest = excess % _BINS
    step = tf.maximum(_BINS // tf.maximum(rest, 1), 1)
    index = tf.range(_BINS)
    is_one_more = (index % step == 0) & (index // step < rest)
    return tf.minimum(counts, most) + excess // _BINS + tf.cast(is_one_more, tf.int32)


def _tile(size: Size, tiles: tuple[int, int]) -> Size:
    """Returns the (height, width) of a tile."""
    if all(length % count == 0 for length, count in zip(size, tiles, strict=True)):
        return size[0] // tiles[0], size[1] // tiles[1]
    # One more pixel also along an axis that is divided without a rest, as in OpenCV.
    return size[0] // tiles[0] + 1, size[1] // tiles[1] + 1


def _between(length: int, tile: int, count: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns for each pixel of an axis the tiles around it, int32, and the share of the second."""
    middle = (tf.range(length, dtype=tf.float32) / tile) - 0.5
    first = tf.floor(middle)
    tiles = [tf.clip_by_value(tf.cast(first, tf.int32) + step, 0, count - 1) for step in (0, 1)]
    return tiles[0], tiles[1], middle - first
