"""Linear filters of images `[H, W, C]` float32: symmetric, separable, borders as in `sampling`."""

from __future__ import annotations

import tensorflow as tf

from tfseg.kernels import field as fields
from tfseg.kernels import matrices, sampling
from tfseg.kernels.sampling import Border

_MODES = {"constant": "CONSTANT", "reflect": "SYMMETRIC", "reflect_101": "REFLECT"}


def separable(
    image: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor, *, border: Border
) -> tf.Tensor:
    """Filters `image` vertically with `rows` and horizontally with `columns`.

    The taps are added in a loop, not in an expression. The loop skips trailing taps of weight 0, so
    a small filter is cheap; and XLA cannot fuse the first pass into the second, which would compute
    it again at each tap. For 512x512x3 and up to 10 taps a side, with 10 / 3 of them used, the loop
    took 5.2 / 2.8 ms, an expression with a branch between the passes 6.9 / 7.1 ms, without the
    branch 12.5 ms, and a convolution 300 ms (medians, one core).

    Args:
        image: `[H, W, C]` float32, of any size.
        rows: `[m + 1]` float32, weights of a pixel and of the pixels 1, ..., m above and below.
        columns: `[n + 1]` float32, the same to the left and right.
        border: what lies beyond the image.

    Returns:
        `[H, W, C]` float32.
    """
    height, width, channels = image.shape
    reach = rows.shape[0] - 1, columns.shape[0] - 1
    padded = pad(image, reach, border)
    # Channels side by side in one long row: an innermost loop over 3 channels would be slow.
    lines = tf.reshape(padded, [padded.shape[0], padded.shape[1] * channels])
    lines = _filter_axis(lines, rows, axis=0, step=1)
    lines = _filter_axis(lines, columns, axis=1, step=channels)
    return tf.reshape(lines, [height, width, channels])


def gaussian_weights(sigma: tf.Tensor, radius: tf.Tensor, *, largest: int) -> tf.Tensor:
    """Returns a Gaussian truncated at `radius`, for `separable`.

    Args:
        sigma: `[]` float32, pixels; 0 gives the filter that changes nothing.
        radius: `[]` int32, pixels, from 0 to `largest`.
        largest: static bound of the radius.

    Returns:
        `[largest + 1]` float32; over both sides the sum is 1.
    """
    distance = tf.range(largest + 1, dtype=tf.float32)
    # At 1e-3 the weights of the neighbours underflow to 0 and the middle weight is 1: no blur.
    curve = tf.exp(-0.5 * (distance / tf.maximum(sigma, 1e-3)) ** 2)
    curve = tf.where(distance <= tf.cast(radius, tf.float32), curve, 0.0)
    return curve / (2.0 * tf.reduce_sum(curve) - curve[0])


def gaussian(image: tf.Tensor, sigma: tf.Tensor, radius: tf.Tensor, *, largest: int) -> tf.Tensor:
    """Blurs `image` `[H, W, C]` with `gaussian_weights`; the border is reflect_101."""
    weights = gaussian_weights(sigma, radius, largest=largest)
    return separable(image, weights, weights, border=Border("reflect_101"))


def box(image: tf.Tensor, radius: tf.Tensor, *, largest: int) -> tf.Tensor:
    """Sets every pixel to the mean of a square around it; the border is reflect_101.

    Args:
        image: `[H, W, C]` float32.
        radius: `[]` int32, pixels, from 0 to `largest`: the square has 2 radius + 1 pixels a side.
        largest: static bound of the radius.

    Returns:
        `[H, W, C]` float32.
    """
    # 512 x 512 x 3: 1.8 ms for a radius of 3 and 3.4 ms for 10. Running sums take 8 to 10 ms at
    # any radius and are 8e-6 off; they are faster from a radius of 35 on.
    share = 1.0 / (2.0 * tf.cast(radius, tf.float32) + 1.0)
    weights = tf.where(tf.range(largest + 1) <= radius, share, 0.0)
    return separable(image, weights, weights, border=Border("reflect_101"))


def sharpen(image: tf.Tensor, alpha: tf.Tensor, lightness: tf.Tensor) -> tf.Tensor:
    """Mixes `image` with a sharp image: its 8-neighbour Laplacian plus `lightness` times itself.

    Args:
        image: `[H, W, C]` float32; the border is reflect_101.
        alpha: `[]` float32 in [0, 1], share of the sharp image.
        lightness: `[]` float32, factor of the sharp image where all pixels are equal.

    Returns:
        `[H, W, C]` float32, not clipped.
    """
    box = separable(image, tf.ones([2]), tf.ones([2]), border=Border("reflect_101"))
    return image * (1.0 + alpha * (8.0 + lightness)) - alpha * box


def _filter_axis(lines: tf.Tensor, weights: tf.Tensor, *, axis: int, step: int) -> tf.Tensor:
    """Filters the middle of `lines` `[h, w]` along `axis`, where neighbours are `step` apart."""
    reach = weights.shape[0] - 1
    size = list(lines.shape)
    size[axis] -= 2 * reach * step

    def read(offset: tf.Tensor | int) -> tf.Tensor:
        begin = [0, 0]
        begin[axis] = (reach + offset) * step
        return tf.slice(lines, begin, size)

    def add(offset: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return offset + 1, total + weights[offset] * (read(-offset) + read(offset))

    last = tf.reduce_max(tf.where(weights != 0.0, tf.range(reach + 1), 0))
    _, total = tf.while_loop(
        lambda offset, _: offset <= last, add, (tf.constant(1), weights[0] * read(0))
    )
    return total


def pad(image: tf.Tensor, reach: tuple[int, int], border: Border) -> tf.Tensor:
    """Pads `image` `[H, W, C]` by `reach` (y, x) pixels on every side."""
    once = all(more < length for length, more in zip(image.shape[:2], reach, strict=True))
    if once and border.name in _MODES:
        margins = [[reach[0]] * 2, [reach[1]] * 2, [0, 0]]
        return tf.pad(image, margins, _MODES[border.name], constant_values=border.value)
    # tf.pad mirrors only once and does not wrap. Sampling always works, but takes three times as
    # long.
    size = tuple(length + 2 * more for length, more in zip(image.shape[:2], reach, strict=True))
    field = fields.affine(fields.grid(size), matrices.translate(*map(float, reach)))
    return sampling.values(image, field, interpolation="nearest", border=border)
