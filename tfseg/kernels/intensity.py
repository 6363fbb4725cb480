"""Changes of pixel values: images `[B, H, W, C]` float32 in [0, 1], numbers `[B]`."""

from __future__ import annotations

import math

import tensorflow as tf


def brightness_contrast(images: tf.Tensor, brightness: tf.Tensor, contrast: tf.Tensor) -> tf.Tensor:
    """Multiplies by 1 + `contrast`, then adds `brightness`; both `[B]`."""
    return images * (1.0 + _planes(contrast)) + _planes(brightness)


def gamma(images: tf.Tensor, exponent: tf.Tensor) -> tf.Tensor:
    """Raises values to the power `exponent` `[B]`; 1 changes nothing, more darkens."""
    exponent = _planes(exponent)
    return tf.where(exponent == 1.0, images, tf.clip_by_value(images, 0.0, 1.0) ** exponent)


def add_noise(images: tf.Tensor, standard_deviation: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    """Adds normal noise, independent for every value.

    A deterministic hash of (key, index) stands in for a random op, because normal draws under XLA
    on a CPU cost 400 ms for 512x512x3 where this costs 3 ms, and because the same hash comes out
    with and without XLA, whose inverse error functions then agree to 2e-5 standard deviations.

    Args:
        images: `[B, H, W, C]` float32.
        standard_deviation: `[B]` float32, in image values.
        key: `[B]` int32, what the noise of an image is a function of.

    Source: the mixing function is "lowbias32", C. Wellons, Prospecting for Hash Functions (2018).
    """
    shape = tf.shape(images)
    count = shape[1] * shape[2] * shape[3]
    # The key is mixed by itself first: neighbouring keys must not give shifted copies of one noise.
    start = _mix(tf.bitcast(key, tf.uint32))[:, None]
    bits = _mix(start ^ _mix(tf.cast(tf.range(count), tf.uint32))[None, :])
    # 23 bits, so that the largest is still below 1 in float32 after the half step.
    share = (tf.cast(_shift(bits, 9), tf.float32) + 0.5) * 2.0**-23
    normal = math.sqrt(2.0) * tf.math.erfinv(2.0 * share - 1.0)
    return images + _planes(standard_deviation) * tf.reshape(normal, shape)


def _mix(bits: tf.Tensor) -> tf.Tensor:
    bits = (bits ^ _shift(bits, 16)) * tf.constant(0x7FEB352D, tf.uint32)
    bits = (bits ^ _shift(bits, 15)) * tf.constant(0x846CA68B, tf.uint32)
    return bits ^ _shift(bits, 16)


def _shift(bits: tf.Tensor, count: int) -> tf.Tensor:
    return tf.bitwise.right_shift(bits, tf.constant(count, tf.uint32))


def _planes(numbers: tf.Tensor) -> tf.Tensor:
    return tf.reshape(numbers, (-1, 1, 1, 1))
