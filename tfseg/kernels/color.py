"""Colour operations: image `[H, W, 3]` float32 in [0, 1], red green blue; numbers `[]` float32."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

_LUMA = (0.299, 0.587, 0.114)
# Red, green and blue as X, Y, Z of white D65. Source: sRGB (IEC 61966-2-1), as OpenCV rounds it.
_XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
_OF_WHITE = _XYZ / _XYZ.sum(axis=1, keepdims=True)
_EDGE = 6.0 / 29.0  # of the root's straight part near black
_SLOPE = 3.0 * _EDGE**2


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


def to_lab(image: tf.Tensor) -> tf.Tensor:
    """Converts to CIELAB: L* in [0, 100], a* and b* in about [-110, 110], `[H, W, 3]` float32.

    Source: CIE 15, section 8.2.1; the transfer function of sRGB, IEC 61966-2-1.
    """
    curve = _power((image + 0.055) / 1.055, 2.4)
    linear = tf.where(image > 0.04045, curve, image / 12.92)
    share = _mixed(linear, _OF_WHITE)
    roots = tf.where(share > _EDGE**3, _power(share, 1.0 / 3.0), share / _SLOPE + _EDGE * 2.0 / 3.0)
    x, y, z = tf.unstack(roots, axis=-1)
    return tf.stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)], axis=-1)


def from_lab(lab: tf.Tensor) -> tf.Tensor:
    """Converts from CIELAB `[H, W, 3]`, as `to_lab` returns it; other colours are clipped."""
    lightness, a, b = tf.unstack(lab, axis=-1)
    y = (lightness + 16.0) / 116.0
    roots = tf.stack([y + a / 500.0, y, y - b / 200.0], axis=-1)
    share = tf.where(roots > _EDGE, roots**3, (roots - _EDGE * 2.0 / 3.0) * _SLOPE)
    linear = tf.clip_by_value(_mixed(share, np.linalg.inv(_OF_WHITE)), 0.0, 1.0)
    curve = 1.055 * _power(linear, 1.0 / 2.4) - 0.055
    return tf.where(linear > 0.0031308, curve, 12.92 * linear)


def _mixed(image: tf.Tensor, weights: np.ndarray) -> tf.Tensor:
    """Multiplies the channels of every pixel by the matrix `weights` `[3, 3]`."""
    # A matrix product, because XLA would compute the powers again for each sum: 4.7 and 6.8 ms.
    # An accelerator may round its factors to TF32, by 2^-11: a tenth of a step of 8 bits.
    return tf.tensordot(image, tf.constant(weights.T, tf.float32), 1)


def _power(values: tf.Tensor, exponent: float) -> tf.Tensor:
    # 1.3 ms for 512 x 512 x 3, the power operation 3.8 ms, within 1e-6 of each other.
    return tf.exp(exponent * tf.math.log(tf.maximum(values, 1e-9)))
