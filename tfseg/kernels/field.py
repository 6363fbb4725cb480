"""Coordinate fields and what edits them.

Every geometric transform is a function Field -> Field. Because a field is pull-back, the edit of
the transform that acts *last* on the picture is applied *first*, and an edit may use only the
current coordinates, never the pixel index: that makes composition exact. Numbers that differ from
image to image in a batch have shape `[B]`.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Field(NamedTuple):
    """Where each output pixel reads its source: y, x `[B, H, W]` float32, in pixels."""

    y: tf.Tensor
    x: tf.Tensor


Size = tuple[int, int]


def identity(batch: tf.Tensor | int, size: Size) -> Field:
    """Returns the field of `size` (H, W) that reads every pixel from its own place."""
    height, width = size
    y, x = tf.meshgrid(
        tf.range(height, dtype=tf.float32), tf.range(width, dtype=tf.float32), indexing="ij"
    )
    return Field(*(tf.broadcast_to(plane, (batch, height, width)) for plane in (y, x)))


def translate(field: Field, y: tf.Tensor | float, x: tf.Tensor | float) -> Field:
    """Moves the content down by `y` and right by `x`, each `[B]` or a number, in pixels."""
    return Field(field.y - _planes(y), field.x - _planes(x))


def center_crop(field: Field, source: Size, size: Size) -> Field:
    """Reads the middle `size` (H, W) of a source of size `source`, both in pixels."""
    top, left = (source[0] - size[0]) // 2, (source[1] - size[1]) // 2
    return translate(field, -float(top), -float(left))


def flip(field: Field, y: tf.Tensor, x: tf.Tensor, *, size: Size) -> Field:
    """Mirrors up-down where `y` and left-right where `x`; both `[B]` bool."""
    height, width = size
    return Field(
        y=tf.where(_planes(y), (height - 1) - field.y, field.y),
        x=tf.where(_planes(x), (width - 1) - field.x, field.x),
    )


def quarter_turns(field: Field, turns: tf.Tensor, *, size: Size) -> Field:
    """Turns the content `turns` `[B]` int32 times by 90 degrees counter-clockwise about the centre.

    Exact on whole coordinates: no sine, no cosine. On a square this is `numpy.rot90`.
    """
    center_y, center_x = (size[0] - 1) / 2, (size[1] - 1) / 2
    dy, dx = field.y - center_y, field.x - center_x
    turns = _planes(turns % 4)
    odd = turns % 2 == 1
    y, x = tf.where(odd, dx, dy), tf.where(odd, dy, dx)
    return Field(
        y=center_y + tf.where(turns >= 2, -y, y),
        x=center_x + tf.where((turns == 1) | (turns == 2), -x, x),
    )


def rotate_scale(field: Field, radians: tf.Tensor, scale: tf.Tensor, *, size: Size) -> Field:
    """Turns the content by `radians` `[B]`, counter-clockwise, and enlarges it by `scale` `[B]`.

    Both about the centre of an image of `size` (H, W).
    """
    center_y, center_x = (size[0] - 1) / 2, (size[1] - 1) / 2
    cos, sin = (_planes(function(radians) / scale) for function in (tf.cos, tf.sin))
    dy, dx = field.y - center_y, field.x - center_x
    return Field(y=center_y + sin * dx + cos * dy, x=center_x + cos * dx - sin * dy)


def _planes(numbers: tf.Tensor | float) -> tf.Tensor:
    return tf.reshape(numbers, (-1, 1, 1))
