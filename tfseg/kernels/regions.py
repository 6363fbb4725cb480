"""Geometry of instances from their ids, for all instances of a batch at once.

No loop over ids: runs of pixels are grouped by (image, id) and reduced by segment operations, so a
thousand instances cost no more than ten. Ids may be any int32; 0 is background, and pixels below 0
are ignored.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfseg.kernels.runs import Runs, find_runs
from tfseg.kernels.static import unique


class Centers(NamedTuple):
    """Centre and area of the instance at each pixel: `[B, H, W]` float32, 0 outside instances.

    `y` and `x` lead from the pixel to the centre of the instance, `area` is its area, in pixels.
    """

    y: tf.Tensor
    x: tf.Tensor
    area: tf.Tensor


def centers(labels: tf.Tensor) -> Centers:
    """Finds the centre of every instance of `labels` `[B, H, W]` int32.

    The centre is the instance pixel nearest to the centroid, because the centroid of a bent
    instance may lie outside it. Ties go to the first pixel in reading order.
    """
    runs = find_runs(labels)
    instance, key = _instances(runs)
    row, first, last = (tf.cast(value, tf.int64) for value in (runs.row, runs.first, runs.last))
    length = tf.cast(runs.length, tf.int64)
    area, total_row, total_column = (
        tf.math.unsorted_segment_sum(value, instance, tf.size(key))
        for value in (length, row * length, (first + last) * length // 2)
    )
    area = tf.maximum(area, 1)  # fixed shapes have empty instances, too
    # The pixel nearest to the centroid; if two are equally near, the first in reading order.
    center = tf.stack([total_row, total_column], axis=-1)
    center = (2 * center + area[:, None] - 1) // (2 * area[:, None])
    image = (key + 2**31) // 2**32
    id = tf.cast(key - image * 2**32, tf.int32)
    at_center = tf.gather_nd(labels, tf.concat([image[:, None], center], axis=-1))
    totals = tf.stack([area, total_row, total_column], axis=-1)
    center = _move_onto_instances(center, (id > 0) & (at_center != id), totals, runs, instance)
    return _spread_centers(runs, tf.gather(center, instance), tf.gather(area, instance))


def _move_onto_instances(
    center: tf.Tensor, bent: tf.Tensor, totals: tf.Tensor, runs: Runs, instance: tf.Tensor
) -> tf.Tensor:
    """Moves `center` `[I, 2]` to the nearest pixel of the instance where `bent` `[I]` is true."""
    selected = runs.chosen(tf.gather(bent, instance))
    instance, row, first, last = (
        tf.gather(value, selected) for value in (instance, runs.row, runs.first, runs.last)
    )
    row, first, last = (tf.cast(value, tf.int64) for value in (row, first, last))
    area, total_row, total_column = tf.unstack(tf.gather(totals, instance), axis=-1)
    # The pixel of the run nearest to the centroid; if two are equally near, the left one.
    column = tf.clip_by_value((2 * total_column + area - 1) // (2 * area), first, last)
    # The squared distance to the centroid (total / area), times area, without the terms that are
    # the same for all pixels of the instance. In integers, because float32 sums over large
    # instances lose pixels, and rounding would decide ties.
    distance = area * (row**2 + column**2) - 2 * (row * total_row + column * total_column)
    num = tf.size(bent)
    closest = tf.gather(tf.math.unsorted_segment_min(distance, instance, num), instance)
    number = tf.where(distance == closest, tf.range(tf.size(selected)), tf.size(selected))
    chosen = tf.math.unsorted_segment_min(number, instance, num)
    chosen = tf.where(bent, tf.minimum(chosen, tf.size(selected)), 0)
    # Padded, because there may be no bent instance, or an empty one (see `static`).
    pixel = tf.pad(tf.stack([row, column], axis=-1), [[0, 1], [0, 0]])
    return tf.where(bent[:, None], tf.gather(pixel, chosen), center)


def _spread_centers(runs: Runs, center: tf.Tensor, area: tf.Tensor) -> Centers:
    """Spreads the centre `[R, 2]` and the area `[R]` int64 of each run over its pixels."""
    inside = tf.cast(runs.value > 0, tf.int32)
    row, column = tf.unstack(tf.cast(center, tf.int32), axis=-1)
    y = runs.spread((row - runs.row) * inside)
    # Along a run the offset to the centre falls by one column per pixel, and nothing else changes.
    x = runs.count_down(tf.cast(column - runs.first, tf.float32))
    area = tf.cast(runs.spread(tf.cast(area, tf.int32) * inside), tf.float32)
    return Centers(tf.cast(y, tf.float32), tf.where(area > 0, x, 0.0), area)


def interior(labels: tf.Tensor) -> tf.Tensor:
    """Returns `[B, H, W]` bool: instance pixels that touch neither another id nor background.

    Pixels touch their neighbours above, below, left and right. Ignored pixels and the edge of the
    image do not count. An instance without interior pixels counts as interior entirely.
    """
    inner = (labels > 0) & ~_touches_others(labels, corners=False)
    return inner | ((_largest(tf.cast(inner, tf.int32), labels) == 0) & (labels > 0))


def depth(labels: tf.Tensor, *, limit: int = 64) -> tf.Tensor:
    """Returns `[B, H, W]` float32: depth inside the instance, 1 at its deepest pixel, 0 outside.

    The depth is the number of erosions that a pixel survives, at most `limit`, divided by the
    largest number in the instance. Erosions alternate between squares and diamonds, which gives
    octagonal rings with corners 12 % further out than their sides. Ignored pixels and the edge of
    the image do not erode.
    """
    inside = labels > 0
    # Without its border pixels, an instance no longer touches another one.
    left = inside & ~_touches_others(labels, corners=True)
    ignored = labels < 0

    def erode(step: tf.Tensor, left: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, ...]:
        gone = ~(left | ignored)
        rows = _dilate(gone, axis=1)
        # Odd steps erode by a diamond, even ones by a square.
        reached = tf.cond(
            step % 2 == 0,
            lambda: _dilate(rows, axis=2),
            lambda: rows | _dilate(gone, axis=2),
        )
        return step + 1, left & ~reached, total + tf.cast(left, tf.int32)

    def is_unfinished(step: tf.Tensor, left: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
        return (step < limit) & tf.reduce_any(left)

    _, _, total = tf.while_loop(is_unfinished, erode, (1, left, tf.cast(inside, tf.int32)))
    deepest = _largest(total, labels)
    return tf.math.divide_no_nan(tf.cast(total, tf.float32), tf.cast(deepest, tf.float32))


def _dilate(mask: tf.Tensor, *, axis: int) -> tf.Tensor:
    """Dilates `mask` `[B, H, W]` bool by one pixel in both directions along `axis`."""
    around = [[0, 0], [0, 0], [0, 0]]
    around[axis] = [1, 1]
    padded = tf.pad(mask, around)
    before, after = (
        (padded[:, :-2], padded[:, 2:]) if axis == 1 else (padded[:, :, :-2], padded[:, :, 2:])
    )
    return tf.ensure_shape(before | mask | after, mask.shape)


def _touches_others(labels: tf.Tensor, *, corners: bool) -> tf.Tensor:
    """Returns where a neighbour has another id; `corners` includes diagonal neighbours.

    Ignored pixels do not count. Each pair of neighbours is compared once, for both pixels.
    """
    height, width = tf.unstack(tf.shape(labels)[1:])
    beside = tf.zeros_like(labels, tf.bool)
    for down, right in [(0, 1), (1, 0), *([(1, 1), (1, -1)] if corners else [])]:
        begins = (0, max(0, -right)), (down, max(0, right))
        upper, lower = (
            labels[:, y : y + height - down, x : x + width - abs(right)] for y, x in begins
        )
        differ = (upper != lower) & (tf.minimum(upper, lower) >= 0)
        for y, x in begins:
            beside |= tf.pad(differ, [[0, 0], [y, down - y], [x, abs(right) - x]])
    return tf.ensure_shape(beside, labels.shape)  # slices of unknown size lose the shape


def _instances(runs: Runs) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the number `[R]` int32 of the instance of each run, and the keys of the instances.

    A key `[I]` int64 is image * 2^32 + id. Background and ignored pixels of an image count as
    instances too.
    """
    key = tf.cast(runs.image, tf.int64) * 2**32 + tf.cast(runs.value, tf.int64)
    distinct, instance = unique(key)
    return instance, distinct


def _largest(values: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Returns for every pixel the largest of `values` `[B, H, W]` int32 in its instance."""
    runs = find_runs(labels)
    instance, key = _instances(runs)
    of_instance = tf.math.unsorted_segment_max(runs.largest(values), instance, tf.size(key))
    return runs.spread(tf.gather(of_instance, instance))
