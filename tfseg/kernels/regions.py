"""Geometry of instances from their ids, for all instances of a batch at once.

No loop over ids: runs of pixels are grouped by (image, id) and reduced by segment operations, so a
thousand instances cost what ten do. Ids may be any int32; 0 is background and negative pixels are
ignored.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfseg.kernels.runs import Runs, find_runs


class Centers(NamedTuple):
    """Of each pixel's own instance: `[B, H, W]` float32 each, 0 outside instances.

    `y` and `x` lead from the pixel to the centre of its instance, in pixels; `area` is the
    instance's, in pixels.
    """

    y: tf.Tensor
    x: tf.Tensor
    area: tf.Tensor


def centers(labels: tf.Tensor) -> Centers:
    """Finds the centre of every instance of `labels` `[B, H, W]` int32.

    The centre is the pixel of the instance that is nearest to its centroid, so that it lies on the
    instance even where the instance is bent. Ties go to the first pixel in reading order.
    """
    runs = find_runs(labels)
    instance, num = _instances(runs)
    row, first, last = (tf.cast(value, tf.int64) for value in (runs.row, runs.first, runs.last))
    length = last - first + 1
    area, total_row, total_column = (
        tf.math.unsorted_segment_sum(value, instance, num)
        for value in (length, row * length, (first + last) * length // 2)
    )
    own_area, own_row, own_column = (
        tf.gather(value, instance) for value in (area, total_row, total_column)
    )
    # The pixel of the run that is nearest to the centroid; of two as near, the left one.
    column = (2 * own_column + own_area - 1) // (2 * own_area)
    column = tf.clip_by_value(column, first, last)
    # Its squared distance to the centroid, total / area, times area and less what all pixels of the
    # instance share. In whole numbers, because float32 loses pixels in sums over large instances
    # and decides ties by rounding.
    distance = own_area * (row**2 + column**2) - 2 * (row * own_row + column * own_column)
    closest = tf.gather(tf.math.unsorted_segment_min(distance, instance, num), instance)
    number = tf.range(tf.size(instance))
    candidate = tf.where(distance == closest, number, tf.size(instance))
    center = tf.gather(tf.math.unsorted_segment_min(candidate, instance, num), instance)
    # Along a run the way to the centre falls by one column a pixel, and nothing else changes.
    start = tf.cast(tf.gather(column, center) - first, tf.float32)
    x = tf.ragged.range(start, start - tf.cast(length, tf.float32), -1.0).flat_values
    inside = tf.cast(runs.value > 0, tf.int64)
    about = tf.stack([(tf.gather(row, center) - row) * inside, own_area * inside], axis=-1)
    about = tf.gather(tf.cast(about, tf.float32), runs.of)
    x = tf.where(labels > 0, tf.reshape(x, tf.shape(labels)), 0.0)
    return Centers(about[..., 0], x, about[..., 1])


def interior(labels: tf.Tensor) -> tf.Tensor:
    """Returns `[B, H, W]` bool: pixels of instances without another id, or background, beside them.

    Beside is above, below, left and right. Ignored pixels and the image's edge are no border. An
    instance that would have no interior has all of its pixels in it.
    """
    inner = (labels > 0) & _alike(labels, [(0, 1), (1, 0), (1, 2), (2, 1)])
    return inner | ((_largest(tf.cast(inner, tf.float32), labels) == 0) & (labels > 0))


def depth(labels: tf.Tensor, *, limit: int = 64) -> tf.Tensor:
    """Returns `[B, H, W]` float32: depth inside the own instance, 1 at its deepest, 0 outside.

    The depth is the number of erosions a pixel outlives, by squares and diamonds in turns
    (whose rings are octagons, their corners 12 % further out than their sides), at most `limit`,
    over the instance's largest.
    Ignored pixels and the image's edge are no border.
    """
    square = [(y, x) for y in range(3) for x in range(3) if (y, x) != (1, 1)]
    inside = labels > 0
    # Once every border pixel is gone, no pixel that is left has another instance beside it.
    left = inside & _alike(labels, square)
    ignored = labels < 0

    def erode(step: tf.Tensor, left: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, ...]:
        gone = ~(left | ignored)
        rows = _beside(gone, axis=1)
        # The odd steps by a diamond, the even ones by a square
        reached = tf.cond(
            step % 2 == 0,
            lambda: _beside(rows, axis=2),
            lambda: rows | _beside(gone, axis=2),
        )
        return step + 1, left & ~reached, total + tf.cast(left, tf.float32)

    def goes_on(step: tf.Tensor, left: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
        return (step < limit) & tf.reduce_any(left)

    _, _, total = tf.while_loop(goes_on, erode, (1, left, tf.cast(inside, tf.float32)))
    return tf.math.divide_no_nan(total, _largest(total, labels))


def _beside(mask: tf.Tensor, *, axis: int) -> tf.Tensor:
    """Returns `mask` `[B, H, W]` bool with the pixels before and after its own along `axis`."""
    around = [[0, 0], [0, 0], [0, 0]]
    around[axis] = [1, 1]
    padded = tf.pad(mask, around)
    before, after = (
        (padded[:, :-2], padded[:, 2:]) if axis == 1 else (padded[:, :, :-2], padded[:, :, 2:])
    )
    return tf.ensure_shape(before | mask | after, mask.shape)


def _alike(labels: tf.Tensor, places: list[tuple[int, int]]) -> tf.Tensor:
    """Returns where the pixels at `places` of the 3 by 3 around have the own id or are ignored."""
    height, width = tf.unstack(tf.shape(labels)[1:])
    padded = tf.pad(labels, [[0, 0], [1, 1], [1, 1]], constant_values=-1)
    around = [padded[:, y : y + height, x : x + width] for y, x in places]
    alike = tf.reduce_all([(other == labels) | (other < 0) for other in around], axis=0)
    return tf.ensure_shape(alike, labels.shape)  # which slices of unknown sizes have lost


def _instances(runs: Runs) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the number `[R]` int32 of the instance that a run is part of, and how many there are.

    What is background, or ignored, in an image counts as an instance too.
    """
    key = tf.cast(runs.image, tf.int64) * 2**32 + tf.cast(runs.value, tf.int64)
    unique, instance = tf.unique(key)
    return instance, tf.size(unique)


def _largest(values: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Returns for every pixel the largest of `values` `[B, H, W]` in its own instance."""
    runs = find_runs(labels)
    instance, num = _instances(runs)
    of_run = tf.math.segment_max(tf.reshape(values, [-1]), tf.reshape(runs.of, [-1]))
    of_instance = tf.math.unsorted_segment_max(of_run, instance, num)
    return tf.gather(tf.gather(of_instance, instance), runs.of)
