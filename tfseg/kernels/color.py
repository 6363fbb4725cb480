"""Colour operations: image `[H, W, 3]` float32 in [0, 1], red green blue; numbers `[]` float32."""

from __future__ import annotations

import tensorflow as tf

_LUMA = (0.299, 0.587, 0.114)


def shift_hsv(
    image: tf.Tensor, hue: tf.Tensor, saturation: tf.Tensor, value: tf.Tensor
) -> tf.Tensor:
    """Adds to hue, saturation and value; grey pixels stay grey.

    Args:
        image: `[H, W, 3]` float32 in [0, 1].
        hue: in turns of the colour circle; 1/3 makes red green.
        saturation: in [-1, 1], added to the saturation, clipped to [0, 1].
        value: in [-1, 1], added to the largest of the three channels and clipped to [0, 1].

    Returns:
        `[H, W, 3]` float32 in [0, 1].

    Source: A. R. Smith, Color Gamut Transform Pairs (1978), the hexcone model.
    """
    hues, saturations, values = tf.unstack(tf.image.rgb_to_hsv(image), axis=-1)
    shifted = [
        tf.math.floormod(hues + hue, 1.0),
        tf.where(saturations > 0.0, tf.clip_by_value(saturations + saturation, 0.0, 1.0), 0.0),
        tf.clip_by_value(values + value, 0.0, 1.0),
    ]
    # The conversion to HSV and back changes values by 1e-7, and a shift of 0 must change nothing.
    is_zero = (hue == 0.0) & (saturation == 0.0) & (value == 0.0)
    return tf.where(is_zero, image, tf.image.hsv_to_rgb(tf.stack(shifted, axis=-1)))


def gray(image: tf.Tensor) -> tf.Tensor:
    """Sets all three channels to their weighted mean.

    Source: ITU-R BT.601, luma.
    """
    luma = tf.reduce_sum(image * tf.constant(_LUMA), axis=-1, keepdims=True)
    return tf.broadcast_to(luma, image.shape)
