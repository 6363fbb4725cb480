"""Coordinate fields and their edits.

Every geometric transform is a function Field -> Field. A field is pull-back, so edits are applied
in reverse: the transform that acts *last* on the picture edits the field *first*. An edit may use
only the current coordinates, never the pixel index, so that composition is exact.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

Size = tuple[int, int]  # (height, width) in pixels


class Field(NamedTuple):
    """Where each output pixel reads its source.

    Attributes:
        y: `[h, w]` float32, in pixels.
        x: `[h, w]` float32, in pixels.
        is_grid: whether every pixel reads the source pixel at the same position, so that no lookup
            is needed.
    """

    y: tf.Tensor
    x: tf.Tensor
    is_grid: bool = False


def grid(size: Size) -> Field:
    """Returns the field of `size` (h, w) that reads every pixel at the same position."""
    height, width = size
    y, x = tf.meshgrid(
        tf.range(height, dtype=tf.float32), tf.range(width, dtype=tf.float32), indexing="ij"
    )
    return Field(y, x, is_grid=True)


def affine(field: Field, matrix: tf.Tensor) -> Field:
    """Multiplies every coordinate of `field` by a pull-back `matrix` (see `matrices`)."""
    return Field(
        y=matrix[0, 0] * field.y + matrix[0, 1] * field.x + matrix[0, 2],
        x=matrix[1, 0] * field.y + matrix[1, 1] * field.x + matrix[1, 2],
    )
