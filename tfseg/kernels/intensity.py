"""Pixel-level operations: image `[H, W, C]` float32 in [0, 1], numbers `[]` float32."""

from __future__ import annotations

import math

import tensorflow as tf

from tfseg.kernels import field as fields
from tfseg.kernels import matrices, sampling
from tfseg.kernels.field import Size


def brightness_contrast(image: tf.Tensor, brightness: tf.Tensor, contrast: tf.Tensor) -> tf.Tensor:
    """Multiplies by 1 + `contrast`, then adds `brightness`."""
    return image * (1.0 + contrast) + brightness


def mean(image: tf.Tensor) -> tf.Tensor:
    """Returns the mean of all values, `[]`."""
    # Rows first: for 512x512x3 values one running sum under XLA is 2e-6 off, this is 3e-8 off.
    return tf.reduce_mean(tf.reduce_mean(image, axis=[1, 2]))


def gamma(image: tf.Tensor, exponent: tf.Tensor) -> tf.Tensor:
    """Raises values, clipped to [0, 1], to a power; 1 changes nothing, a higher one darkens."""
    image = tf.clip_by_value(image, 0.0, 1.0)
    # As exact as the power operation (1e-7) in half the time; an exponent of 1 must change nothing.
    return tf.where(exponent == 1.0, image, tf.exp(exponent * tf.math.log(image)))


def normalize(image: tf.Tensor, means: tf.Tensor, deviations: tf.Tensor) -> tf.Tensor:
    """Subtracts `means` and divides by `deviations`, each `[C]` or `[1]`."""
    return (image - means) / deviations


def normal_noise(key: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
    """Returns normal numbers of mean 0 and deviation 1, independent, as a function of `key`.

    The numbers come from a deterministic hash of (key, index). A random operation under XLA on a
    CPU takes 400 ms for 512x512x3, the hash 3 ms. The hash is the same with and without XLA; the
    inverse error functions of both agree to 2e-5 standard deviations.

    Args:
        key: `[]` int32.
        shape: of the result.

    Returns:
        `shape` float32, at most 5.3 deviations from 0.
    """
    share = uniform_noise(key, math.prod(shape))
    return tf.reshape(math.sqrt(2.0) * tf.math.erfinv(2.0 * share - 1.0), shape)


def uniform_noise(key: tf.Tensor, count: int) -> tf.Tensor:
    """Returns `[count]` float32 in (0, 1), independent and uniform, as a function of `key` `[]`.

    Source: the mixing function is "lowbias32", C. Wellons, Prospecting for Hash Functions (2018).
    """
    # Mixes the key first, so that adjacent keys do not give shifted copies of the same noise.
    bits = _mix(_mix(tf.bitcast(key, tf.uint32)) ^ _mix(tf.cast(tf.range(count), tf.uint32)))
    # 23 bits, so that the largest is still below 1 in float32 after the half step.
    return (tf.cast(_shift(bits, 9), tf.float32) + 0.5) * 2.0**-23


def enlarged(image: tf.Tensor, size: Size) -> tf.Tensor:
    """Resizes `image` `[h, w, C]` to `size` (H, W) bilinearly, edge to edge -> `[H, W, C]`."""
    field = fields.affine(fields.grid(size), matrices.resize(tuple(image.shape[:2]), size))
    border = sampling.Border("nearest")
    return sampling.values(image, field, interpolation="bilinear", border=border)


def holes(
    size: Size, *, tops: tf.Tensor, heights: tf.Tensor, lefts: tf.Tensor, widths: tf.Tensor
) -> tf.Tensor:
    """Returns which pixels of an image of `size` (H, W) lie in any of n boxes, `[H, W]` bool.

    All arguments are `[n]` int32, in pixels; a box of height or width 0 is empty.
    """
    rows = _is_inside(size[0], tops, heights)
    columns = _is_inside(size[1], lefts, widths)
    # A matrix product counts the boxes at each pixel: 64 boxes in 512x512 take 2 ms, and 40 ms if
    # compared one by one.
    return tf.matmul(rows, columns, transpose_b=True) > 0.5


def _is_inside(length: int, first: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    pixel = tf.range(length)[:, None]
    return tf.cast((pixel >= first) & (pixel < first + count), tf.float32)


def _mix(bits: tf.Tensor) -> tf.Tensor:
    bits = (bits ^ _shift(bits, 16)) * tf.constant(0x7FEB352D, tf.uint32)
    bits = (bits ^ _shift(bits, 15)) * tf.constant(0x846CA68B, tf.uint32)
    return bits ^ _shift(bits, 16)


def _shift(bits: tf.Tensor, count: int) -> tf.Tensor:
    return tf.bitwise.right_shift(bits, tf.constant(count, tf.uint32))
