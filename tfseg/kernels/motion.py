"""Blur along a line: a filter of few pixels, which are added one after the other."""

from __future__ import annotations

import math

import tensorflow as tf

from tfseg.kernels import filters
from tfseg.kernels.sampling import Border


def line(
    size: tf.Tensor,
    degrees: tf.Tensor,
    direction: tf.Tensor,
    shift: tf.Tensor,
    *,
    largest: int,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the pixels of a line through the middle of a square.

    Args:
        size: side of the square, `[]` int32, pixels, odd, from 3 to `largest`.
        degrees: angle of the line, `[]` float32; 0 points to the right, 90 downwards.
        direction: `[]` float32 in [-1, 1]: at -1 the line has its first half alone, at 1 its
            second half, at 0 both.
        shift: `[2]` float32 in [-1, 1], (y, x): moves the line by this share of a quarter of the
            square; pixels beyond the square are moved to its border.
        largest: static bound of the size.

    Returns:
        The pixels `[largest, 2]` int32, (y, x) from the middle, at most `largest // 2` away; and
        their weights `[largest]` float32, with the sum 1. The weight is 0 from `size` on, and where
        a pixel is the same as the one before it.

    Source: albumentations 2.0.8, `create_motion_kernel`.
    """
    radius = tf.cast(size // 2, tf.float32)
    start = -radius * (1.0 - tf.maximum(direction, 0.0))
    end = radius * (1.0 - tf.maximum(-direction, 0.0))
    index = tf.range(largest)
    along = start + tf.cast(index, tf.float32) * (end - start) / (2.0 * radius)
    angle = degrees * (math.pi / 180.0)
    step = tf.stack([tf.sin(angle), tf.cos(angle)])
    # Halves are rounded as in the square, whose first pixel is 0.
    middle = radius + along[:, None] * step + shift * (radius / 2.0)
    pixels = tf.clip_by_value(tf.round(middle), 0.0, 2.0 * radius) - radius
    # A line goes one way along each axis, so equal pixels follow each other.
    is_new = tf.reduce_any(pixels[1:] != pixels[:-1], axis=1)
    is_counted = tf.concat([[True], is_new], axis=0) & (index < size)
    weights = tf.cast(is_counted, tf.float32)
    return tf.cast(pixels, tf.int32), weights / tf.reduce_sum(weights)


def scattered(image: tf.Tensor, pixels: tf.Tensor, weights: tf.Tensor, *, reach: int) -> tf.Tensor:
    """Sets every pixel to a weighted sum of pixels around it; the border is reflect_101.

    They are added in a loop: 512 x 512 x 3 took 1.2 ms for 7 pixels and 4.8 ms for 51. A depthwise
    convolution with a square of 7 x 7 took 81 ms.

    Args:
        image: `[H, W, C]` float32.
        pixels: `[n, 2]` int32, (y, x) from the pixel, from -`reach` to `reach`.
        weights: `[n]` float32.
        reach: static bound of the distance, pixels.

    Returns:
        `[H, W, C]` float32.
    """
    height, width, channels = image.shape
    padded = filters.pad(image, (reach, reach), Border("reflect_101"))
    lines = tf.reshape(padded, [padded.shape[0], padded.shape[1] * channels])

    # The pixels are rotated from pass to pass. With `pixels[index]`, TensorFlow takes them for
    # constants of the loop and compiles the chain again for every image: 400 ms in place of 5.
    def add(
        index: tf.Tensor, rest: tf.Tensor, total: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        y, x = tf.unstack(rest[0] + reach)
        part = tf.slice(lines, [y, x * channels], [height, width * channels])
        return index + 1, tf.roll(rest, -1, axis=0), total + weights[index] * part

    last = tf.reduce_max(tf.where(weights != 0.0, tf.range(weights.shape[0]), 0))
    start = tf.constant(0), pixels, tf.zeros([height, width * channels])
    *_, total = tf.while_loop(lambda index, *_: index <= last, add, start)
    return tf.reshape(total, [height, width, channels])
