"""Geometry of instances from their ids, for all instances of a batch at once.

No loop over ids: pixels are grouped by (image, id) and reduced by segment operations, so a thousand
instances cost what ten do. Ids may be any int32; 0 is background and negative pixels are ignored.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Centers(NamedTuple):
    """Of each pixel's own instance: offset `[B, H, W, 2]` float32, area `[B, H, W]` float32.

    `offset` leads from the pixel to the centre of its instance, (dy, dx) in pixels; `area` is the
    instance's, in pixels. Both are 0 outside instances.
    """

    offset: tf.Tensor
    area: tf.Tensor


def centers(labels: tf.Tensor) -> Centers:
    """Finds the centre of every instance of `labels` `[B, H, W]` int32.

    The centre is the pixel of the instance that is nearest to its centroid, so that it lies on the
    instance even where the instance is bent. Ties go to the first pixel in reading order.
    """
    batch, height, width = tf.unstack(tf.shape(labels))
    pixels, group, num = _groups(labels)
    place = tf.stack([pixels // width % height, pixels % width], axis=-1)  # [P, 2]
    place = tf.cast(place, tf.int64)
    area = tf.math.unsorted_segment_sum(tf.ones_like(place[:, 0]), group, num)
    total = tf.math.unsorted_segment_sum(place, group, num)
    # The squared distance to the centroid, total / area, times area and less what all pixels of the
    # instance share. In whole numbers, because float32 loses pixels in sums over large instances
    # and decides ties by rounding.
    square = tf.gather(area, group) * tf.reduce_sum(place**2, axis=-1)
    distance = square - 2 * tf.reduce_sum(place * tf.gather(total, group), axis=-1)
    closest = tf.math.unsorted_segment_min(distance, group, num)
    candidate = tf.where(
        distance <= tf.gather(closest, group), tf.range(tf.size(pixels)), tf.size(pixels)
    )
    center = tf.gather(place, tf.math.unsorted_segment_min(candidate, group, num))
    offset = tf.gather(center, group) - place

    return Centers(
        offset=_spread(offset, pixels, labels),
        area=_spread(tf.gather(area, group), pixels, labels),
    )


def interior(labels: tf.Tensor) -> tf.Tensor:
    """Returns `[B, H, W]` bool: pixels of instances without another id, or background, beside them.

    Beside is above, below, left and right. Ignored pixels and the image's edge are no border. An
    instance that would have no interior has all of its pixels in it.
    """
    inner = (labels > 0) & _alike(labels, [(0, 1), (1, 0), (1, 2), (2, 1)])
    pixels, group, num = _groups(labels)
    has = tf.cast(tf.gather(tf.reshape(inner, [-1]), pixels), tf.int32)
    has = tf.gather(tf.math.unsorted_segment_max(has, group, num), group)
    return inner | ((_spread(has, pixels, labels) == 0) & (labels > 0))


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
        gone = tf.cast(~(left | ignored), tf.float32)[..., None]
        rows = tf.nn.max_pool2d(gone, [3, 1], 1, "SAME")
        columns = tf.nn.max_pool2d(gone, [1, 3], 1, "SAME")
        diamond = tf.maximum(rows, columns)
        reached = tf.where(step % 2 == 0, tf.nn.max_pool2d(rows, [1, 3], 1, "SAME"), diamond)
        return step + 1, left & (reached[..., 0] == 0), total + tf.cast(left, tf.float32)

    def goes_on(step: tf.Tensor, left: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
        return (step < limit) & tf.reduce_any(left)

    _, _, total = tf.while_loop(goes_on, erode, (1, left, tf.cast(inside, tf.float32)))
    pixels, group, num = _groups(labels)
    own = tf.gather(tf.reshape(total, [-1]), pixels)
    deepest = tf.math.unsorted_segment_max(own, group, num)
    return _spread(own / tf.gather(deepest, group), pixels, labels)


def _alike(labels: tf.Tensor, places: list[tuple[int, int]]) -> tf.Tensor:
    """Returns where the pixels at `places` of the 3 by 3 around have the own id or are ignored."""
    height, width = tf.unstack(tf.shape(labels)[1:])
    padded = tf.pad(labels, [[0, 0], [1, 1], [1, 1]], constant_values=-1)
    around = [padded[:, y : y + height, x : x + width] for y, x in places]
    alike = tf.reduce_all([(other == labels) | (other < 0) for other in around], axis=0)
    return tf.ensure_shape(alike, labels.shape)  # which slices of unknown sizes have lost


def _groups(labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the places of all pixels of instances in flat `labels`, their groups, how many."""
    batch, height, width = tf.unstack(tf.shape(labels))
    position = tf.range(batch * height * width)
    flat = tf.reshape(labels, [-1])
    pixels = tf.boolean_mask(position, flat > 0)
    image = tf.cast(pixels // (height * width), tf.int64)
    key = image * 2**31 + tf.cast(tf.gather(flat, pixels), tf.int64)
    unique, group = tf.unique(key)
    return pixels, group, tf.size(unique)


def _spread(values: tf.Tensor, pixels: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Returns `values` `[P, ...]` as a float32 map of the shape of `labels`, 0 elsewhere."""
    rest = values.shape[1:]
    flat = tf.scatter_nd(pixels[:, None], tf.cast(values, tf.float32), [tf.size(labels), *rest])
    return tf.reshape(flat, tf.concat([tf.shape(labels), rest], axis=0))
