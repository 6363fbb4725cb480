"""Affine maps of coordinates, `[3, 3]` float32 acting on columns (y, x, 1).

All are pull-back: the matrix of "move the content right by 3" subtracts 3 from x. Matrices that map
pixels to pixels hold only multiples of 1/2, so their products are exact.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TypeAlias

import tensorflow as tf

from tfseg.kernels.field import Size

Number: TypeAlias = tf.Tensor | float


def identity() -> tf.Tensor:
    """Returns the matrix that changes nothing."""
    return tf.eye(3)


def translate(y: Number, x: Number) -> tf.Tensor:
    """Moves the content down by `y` and right by `x`, pixels."""
    return _rows([1.0, 0.0, -y], [0.0, 1.0, -x])


def flip_y(size: Size) -> tf.Tensor:
    """Mirrors top and bottom of an image of `size` (H, W)."""
    return _rows([-1.0, 0.0, size[0] - 1.0], [0.0, 1.0, 0.0])


def flip_x(size: Size) -> tf.Tensor:
    """Mirrors left and right of an image of `size` (H, W)."""
    return _rows([1.0, 0.0, 0.0], [0.0, -1.0, size[1] - 1.0])


def transpose(size: Size) -> tf.Tensor:
    """Exchanges rows and columns about the centre of an image of `size` (H, W).

    On a square this is `numpy.transpose`; on any other size see `quarter_turns`.
    """
    return _about_pixel(_rows([0.0, 1.0, 0.0], [1.0, 0.0, 0.0]), size, 1)


def quarter_turns(turns: tf.Tensor, size: Size) -> tf.Tensor:
    """Turns the content `turns` times, int32, by 90 degrees counter-clockwise about the centre.

    Exact: no sine, no cosine. On a square this is `numpy.rot90`. If H - W is odd, one and three
    turns are about the point half a pixel right of the centre, because turns about the centre would
    move pixels to positions between pixels.
    """
    sines = tf.constant([0.0, 1.0, 0.0, -1.0])
    sine, cosine = (tf.gather(sines, (turns + quarter) % 4) for quarter in (0, 1))
    return _about_pixel(_rows([cosine, sine, 0.0], [-sine, cosine, 0.0]), size, turns % 2)


def rotate(radians: tf.Tensor, size: Size) -> tf.Tensor:
    """Turns the content counter-clockwise about the centre of an image of `size` (H, W)."""
    sine, cosine = tf.sin(radians), tf.cos(radians)
    return about_center(_rows([cosine, sine, 0.0], [-sine, cosine, 0.0]), size)


def scale(y: Number, x: Number, size: Size) -> tf.Tensor:
    """Enlarges the content `y` times in height and `x` times in width, about the centre."""
    return about_center(_rows([1.0 / y, 0.0, 0.0], [0.0, 1.0 / x, 0.0]), size)


def shear(y: tf.Tensor, x: tf.Tensor, size: Size) -> tf.Tensor:
    """Slants the content by the angles `y` and `x`, radians, about the centre.

    Content at (v, u) from the centre goes to (v - tan(y) u, u - tan(x) v), both at once; where
    tan(y) tan(x) = 1 the picture becomes a line.
    """
    down, right = tf.tan(y), tf.tan(x)
    area = 1.0 - down * right
    rows = [1.0 / area, down / area, 0.0], [right / area, 1.0 / area, 0.0]
    return about_center(_rows(*rows), size)


def resize(source: tuple[Number, Number], size: Size) -> tf.Tensor:
    """Fits the content of an image of size `source` into one of `size`, edge to edge."""
    # Not old / new: XLA multiplies by the reciprocal instead, and 41 x (1 / 41) is not 1.
    rows, columns = (1.0 + (old - new) / new for old, new in zip(source, size, strict=True))
    # Pixel centres lie on whole numbers, so the edge of the first pixel is at -1/2 in both.
    return _rows([rows, 0.0, (rows - 1.0) / 2], [0.0, columns, (columns - 1.0) / 2])


def center_crop(source: Size, size: Size) -> tf.Tensor:
    """Reads the middle `size` of an image of size `source`; a larger `size` adds padding.

    If the number of rows or columns to remove or add is odd, the extra one is at the end, so that
    padding followed by cropping gives the image back.
    """
    top, left = (int((old - new) / 2) for old, new in zip(source, size, strict=True))
    return translate(-float(top), -float(left))


def about_center(matrix: tf.Tensor, size: tuple[Number, Number]) -> tf.Tensor:
    """Makes `matrix` act about the centre of an image of `size` (H, W) instead of about (0, 0)."""
    center = [(length - 1.0) / 2 for length in size]
    return product(translate(-center[0], -center[1]), matrix, translate(*center))


def product(*matrices: tf.Tensor) -> tf.Tensor:
    """Multiplies from left to right: coordinates pass through the last one first.

    Written out, because a matrix product may be computed in a lower precision on accelerators.
    """
    return functools.reduce(
        lambda first, second: tf.reduce_sum(first[:, :, None] * second[None, :, :], axis=1),
        matrices,
    )


def _about_pixel(matrix: tf.Tensor, size: Size, exchanges: tf.Tensor | int) -> tf.Tensor:
    """Makes `matrix` act about the centre; half a pixel right if H - W and `exchanges` are odd."""
    odd = (size[0] - size[1]) % 2
    return about_center(matrix, (size[0], size[1] + tf.cast(odd * exchanges, tf.float32)))


def _rows(*rows: Sequence[Number]) -> tf.Tensor:
    return tf.stack([tf.stack([tf.cast(v, tf.float32) for v in row]) for row in (*rows, (0, 0, 1))])
