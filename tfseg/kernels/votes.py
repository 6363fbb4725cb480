"""Peaks of a map, and pixels that join the peak nearest to the place they point at.

All in whole pixels, so that ties and rounding cannot differ between machines.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

_REACH = 8  # cells around a peak's that know it
_AROUND = np.arange(-_REACH, _REACH + 1)
_DISC = np.argwhere(np.hypot(_AROUND[:, None], _AROUND) <= _REACH).astype(np.int32) - _REACH


def highest_around(values: tf.Tensor, *, distance: int) -> tf.Tensor:
    """Returns the largest of `values` `[B, H, W]` at most `distance` rows and columns away.

    Every step doubles the window that is looked at, along one axis after the other: 0.8 ms for 512
    x 512 pixels and a distance of 3, where a pooling of 7 x 7 takes 9.
    """
    window = 2 * distance + 1
    for axis in (1, 2):
        around = [[0, 0], [0, 0], [0, 0]]
        around[axis] = [distance, distance]
        values = tf.pad(values, around, constant_values=values.dtype.min)
        covered = 1
        while covered < window:
            step = min(covered, window - covered)
            left = values[:, :-step] if axis == 1 else values[:, :, :-step]
            right = values[:, step:] if axis == 1 else values[:, :, step:]
            values, covered = tf.maximum(left, right), covered + step
    return values


def join_nearest(peaks: tf.Tensor, offset: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Gives every pixel the number of the peak nearest to the place it points at.

    What is nearest is looked up: every peak is known in the cells around its own, and a place far
    from all peaks is looked up again where cells are twice as large. So a place up to 8 pixels from
    a peak joins the nearest, one further away a peak that is hardly further than the nearest, and
    time goes with pixels and with peaks, not with their product.

    Args:
        peaks: `[B, H, W]` int32, numbers from 1 at the peaks, 0 elsewhere.
        offset: `[B, H, W, 2]` float32, (dy, dx) from a pixel to its place, which is rounded to the
            nearest pixel of the image.
        mask: `[B, H, W]` bool, the pixels that join a peak.

    Returns:
        `[B, H, W]` int32, 0 where `mask` is not, and in images without a peak. Of peaks as near,
        the first in reading order.
    """
    shape = tf.shape(peaks)
    centers = tf.cast(tf.where(peaks > 0), tf.int32)  # [K, 3]
    image, *start = tf.meshgrid(*(tf.range(size) for size in tf.unstack(shape)), indexing="ij")
    place = tf.cast(tf.stack(start, axis=-1), tf.float32) + tf.round(offset)
    place = tf.clip_by_value(place, 0.0, tf.cast(shape[1:] - 1, tf.float32))
    # Whole numbers have no NaN: it is some place too, that of a network that came to nothing.
    place = tf.clip_by_value(tf.cast(place, tf.int32), 0, shape[1:] - 1)
    row, column = tf.unstack(place, axis=-1)
    joined = _look_up(centers, (image, row, column), shape, size=1)

    def look_further(size: tf.Tensor, joined: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        far = tf.where(mask & (joined < 0))
        place = tuple(tf.gather_nd(values, far) for values in (image, row, column))
        found = _look_up(centers, place, shape, size=size)
        return 2 * size, tf.tensor_scatter_nd_update(joined, far, found)

    def goes_on(size: tf.Tensor, joined: tf.Tensor) -> tf.Tensor:
        return (size < 2 * tf.reduce_max(shape[1:])) & tf.reduce_any(mask & (joined < 0))

    _, joined = tf.while_loop(goes_on, look_further, (2, joined))
    number = tf.concat([[0], tf.gather_nd(peaks, centers)], axis=0)
    return tf.where(mask, tf.gather(number, joined + 1), 0)


def _look_up(
    centers: tf.Tensor,
    place: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
    shape: tf.Tensor,
    *,
    size: tf.Tensor | int,
) -> tf.Tensor:
    """Returns which of `centers` is nearest to the cells of places, -1 far from all.

    Args:
        centers: `[K, 3]` int32, image, row and column.
        place: image, row and column, int32 of any one shape, which is the result's.
        shape: `[3]` int32, of the images.
        size: side of a cell, pixels.
    """
    rows, columns = tf.unstack(-(-shape[1:] // size))

    def flat(image: tf.Tensor, row: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
        return (image * rows + row) * columns + column

    row, column = tf.unstack(centers[:, None, 1:] // size + _DISC, axis=-1)  # [K, D]
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    cell = tf.where(inside, flat(centers[:, :1], row, column), -1)  # -1 is left out
    # From the middle of the cell, in half pixels; of two as near, the first has the lower key.
    away = tf.stack([row, column], axis=-1) * (2 * size) + (size - 1) - 2 * centers[:, None, 1:]
    square = tf.reduce_sum(tf.cast(away, tf.int64) ** 2, axis=-1)
    num = tf.shape(centers, tf.int64)[0]
    key = square * num + tf.range(num)[:, None]
    key = tf.math.unsorted_segment_min(key, cell, shape[0] * rows * columns)
    nearest = tf.where(key < key.dtype.max, key % tf.maximum(num, 1), -1)
    image, row, column = place
    return tf.gather(tf.cast(nearest, tf.int32), flat(image, row // size, column // size))
