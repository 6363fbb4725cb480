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
    position = tf.range(batch * height * width)
    flat = tf.reshape(labels, [-1])
    pixels = tf.boolean_mask(position, flat > 0)
    image = tf.cast(pixels // (height * width), tf.int64)
    key = image * 2**31 + tf.cast(tf.gather(flat, pixels), tf.int64)
    unique, group = tf.unique(key)
    num = tf.size(unique)
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

    def spread(values: tf.Tensor, shape: list[tf.Tensor | int]) -> tf.Tensor:
        flat_shape = [batch * height * width, *values.shape[1:]]
        values = tf.cast(values, tf.float32)
        return tf.reshape(tf.scatter_nd(pixels[:, None], values, flat_shape), shape)

    return Centers(
        offset=spread(offset, [batch, height, width, 2]),
        area=spread(tf.gather(area, group), [batch, height, width]),
    )
