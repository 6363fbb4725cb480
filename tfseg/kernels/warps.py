"""Geometric transforms that no matrix describes: Field -> Field.

They act on the picture from edge to edge: -1/2 to length - 1/2 in pixels, as pixel centres lie on
whole numbers, so distorting a flipped picture flips the result. Albumentations (2.0.8) uses 0 to
length, so its maps are shifted half a pixel down and to the right.

All except the perspective add an offset to the coordinates, so an offset of 0 changes no bit, and
rounding errors are small.
"""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import tensorflow as tf

from tfseg.kernels import intensity, sampling
from tfseg.kernels.field import Field, Size

_REACH = 4  # standard deviations at which a bell is cut off, as in OpenCV and SciPy
# If the corners move inwards by less than 0.32, the divisor inside the picture is above 0.0303, its
# value for the corners (0.32, 0.32), (0, 0.68), (1, 1), (0.68, 0). It limits only pixels outside.
_LEAST_DIVISOR = 0.01


def elastic(
    field: Field,
    key: tf.Tensor,
    *,
    alpha: float,
    sigma: float,
    size: Size,
    same: bool = False,
    noise: str = "uniform",
) -> Field:
    """Moves every coordinate by smooth noise: random numbers in [-alpha, alpha], blurred.

    The blur is a Gaussian. The noise is not drawn for every pixel but on a lattice of spacing
    `sigma`: normal numbers, each multiplied by the Gaussian of the blur, are summed by two small
    matrix products. They have the same covariance to 1e-4 and the same distribution, because
    blurred noise is nearly normal. Pixels beyond the picture get the offset of the nearest pixel
    inside. An accelerator may round the factors of these products to TF32, by a share of 2^-11
    each: about 0.01 pixels where the offset is 10.

    Args:
        field: `[h, w]`.
        key: `[]` int32, which determines the noise.
        alpha: pixels before the blur, at least 0; the blur divides by 2 sqrt(pi) sigma.
        sigma: standard deviation of the blur, pixels, at least 1.
        size: (H, W) of the source.
        same: whether y and x get the same offset.
        noise: distribution before the blur: "uniform", of standard deviation alpha / sqrt(3), or
            "gaussian", normal numbers of which the largest of all pixels is alpha.

    Source: P. Simard et al., Best Practices for Convolutional Neural Networks (2003), section 2.
    """
    planes = 1 if same else 2
    largest = {
        "uniform": math.sqrt(3.0),
        "gaussian": _largest_normal(planes * size[0] * size[1]),
    }
    offset = _smooth_noise(key, planes, sigma=sigma, size=size) * (alpha / largest[noise])
    if not field.is_grid:
        border = sampling.Border("nearest")
        offset = sampling.values(offset, field, interpolation="bilinear", border=border)
    return Field(field.y + offset[..., 0], field.x + offset[..., -1])


def grid_distortion(field: Field, rows: tf.Tensor, columns: tf.Tensor, *, size: Size) -> Field:
    """Stretches each row and column of cells by a different factor, from the top left corner on.

    Args:
        field: `[h, w]`.
        rows: `[n + 1]` float32, source pixels per pixel in each of the n rows of cells; the last
            number is for the rest where n does not divide the height. 1 changes nothing.
        columns: `[m + 1]` float32, the same for the columns.
        size: (H, W) of the source. Beyond it the outermost cells are extended.
    """
    return Field(
        _stretch(field.y, rows, size[0]),
        _stretch(field.x, columns, size[1]),
    )


def fitted(steps: tf.Tensor, length: int) -> tf.Tensor:
    """Scales the numbers of `grid_distortion`, `[n + 1]`, so that all cells fill `length` again.

    Zeros stay zeros.
    """
    edges = _edges(length, steps.shape[0] - 1)
    total = tf.reduce_sum(steps[: len(edges) - 1] * np.diff(edges).astype(np.float32))
    return tf.math.divide_no_nan(steps * length, total)


def camera(field: Field, strength: tf.Tensor, *, size: Size) -> Field:
    """Distorts like a lens of focal lengths H and W: 1 + k r^2 + k r^4 times away from the centre.

    Beyond the corners the factor stays constant.

    Args:
        field: `[h, w]`.
        strength: k, `[]` float32; above 0 the picture shrinks towards its centre.
        size: (H, W) of the source.

    Source: OpenCV, initUndistortRectifyMap with k1 = k2.
    """
    y, x = _from_center(field, size)
    square = tf.minimum((y / size[0]) ** 2 + (x / size[1]) ** 2, 0.5)
    factor = strength * (square + square * square)
    return Field(field.y + y * factor, field.x + x * factor)


def fisheye(field: Field, strength: tf.Tensor, *, size: Size) -> Field:
    """Distorts like a fisheye: 1 + k r^2 times away from the centre, r being 1 in the corners.

    Beyond the corners the factor stays constant.

    Args:
        field: `[h, w]`.
        strength: k, `[]` float32; above 0 the picture shrinks towards its centre.
        size: (H, W) of the source.
    """
    y, x = _from_center(field, size)
    square = tf.minimum((y * y + x * x) * (4.0 / (size[0] ** 2 + size[1] ** 2)), 1.0)
    return Field(field.y + y * strength * square, field.x + x * strength * square)


def perspective(field: Field, corners: tf.Tensor, *, size: Size) -> Field:
    """Stretches a quadrilateral of the picture to the full picture.

    Args:
        field: `[h, w]`.
        corners: `[4, 2]` float32, where the corners top left, top right, bottom right and bottom
            left of the result lie in the source, (y, x) as shares of its height and width. Each is
            less than 0.32 away from that corner, in y and in x, so the four are always convex.
        size: (H, W) of the source.

    Source: P. Heckbert, Fundamentals of Texture Mapping and Image Warping (1989), section 2.2.3.
    """
    first, second, third, fourth = tf.unstack(corners)
    right, below = second - third, fourth - third
    bend = first - second + third - fourth
    area = _cross(right, below)
    of_x, of_y = _cross(bend, below) / area, _cross(right, bend) / area
    along_x = second - first + of_x * second
    along_y = fourth - first + of_y * fourth

    height, width = size
    y, x = field.y + 0.5, field.x + 0.5
    divisor = tf.maximum(1.0 + of_y * (y / height) + of_x * (x / width), _LEAST_DIVISOR)
    new_y = first[0] * height + along_y[0] * y + along_x[0] * (height / width) * x
    new_x = first[1] * width + along_y[1] * (width / height) * y + along_x[1] * x
    return Field(new_y / divisor - 0.5, new_x / divisor - 0.5)


def _largest_normal(count: int) -> float:
    """Returns the median of the largest of `count` normal numbers, by their absolute values.

    The largest itself deviates from it by 4 % (512 x 512 x 2) to 7 % (32 x 32 x 2).
    """
    # All of them are below it with a probability of 1/2.
    beyond = -math.expm1(math.log(0.5) / count)
    return statistics.NormalDist().inv_cdf(1.0 - beyond / 2.0)


def _smooth_noise(key: tf.Tensor, planes: int, *, sigma: float, size: Size) -> tf.Tensor:
    """Returns blurred noise `[H, W, planes]` that had the standard deviation 1 before the blur."""
    rows, columns = (_bell_weights(length, sigma) for length in size)
    down, across = rows.shape[1], columns.shape[1]
    normal = intensity.normal_noise(key, (down, planes * across))
    tall = tf.matmul(rows, normal)
    noise = tf.matmul(tf.reshape(tall, [-1, across]), columns, transpose_b=True)
    return tf.transpose(tf.reshape(noise, [size[0], planes, size[1]]), [0, 2, 1])


def _bell_weights(length: int, sigma: float) -> np.ndarray:
    """Returns the weight of each node of the lattice at each of `length` pixels, `[length, nodes]`.

    The nodes lie on the multiples of `sigma`. To be as strong as white noise on pixels, noise on
    the nodes must be sqrt(sigma) times as high, so the weights are sqrt(sigma) times the Gaussian
    of the blur. Their squares, summed over the nodes, are constant to 2 exp(-pi^2) = 1e-4.
    """
    pixel = np.arange(length)[:, None] / sigma
    nodes = np.arange(-_REACH, math.ceil((length - 1) / sigma) + _REACH + 1)
    bells = np.exp(-0.5 * (pixel - nodes) ** 2) / math.sqrt(2.0 * math.pi * sigma)
    return bells.astype(np.float32)


def _edges(length: int, count: int) -> list[int]:
    """Returns where cells begin, and the end: `count` full cells and the rest of `length`."""
    return [*list(range(0, length, max(length // count, 1)))[: count + 1], length]


def _stretch(coordinate: tf.Tensor, steps: tf.Tensor, length: int) -> tf.Tensor:
    # A sum of ramps: a cell adds nothing before it and its full width after it. Needs no gather.
    edges = _edges(length, steps.shape[0] - 1)
    cells = list(itertools.pairwise(edges))
    offsets = []
    for index, (start, end) in enumerate(cells):
        low = -math.inf if index == 0 else start
        high = math.inf if index == len(cells) - 1 else end
        within = tf.clip_by_value(coordinate + 0.5, low, high) - start
        offsets.append((steps[index] - 1.0) * within)
    return coordinate + tf.add_n(offsets)


def _from_center(field: Field, size: Size) -> tuple[tf.Tensor, tf.Tensor]:
    return field.y - (size[0] - 1.0) / 2, field.x - (size[1] - 1.0) / 2


def _cross(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    return first[0] * second[1] - first[1] * second[0]
