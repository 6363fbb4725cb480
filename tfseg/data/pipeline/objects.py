"""What a crop can be aimed at: the pixels and the instances of an image."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tfseg.augment.base import Example
from tfseg.kernels import class_ids


class Instances(NamedTuple):
    """The instances of an image, counted from 0.

    Attributes:
        classes: `[N]` int32, from 1 on.
        center: returns the mean row and column `[2]` int32 of the pixels of an instance, rounded
            down; any where there is none.
    """

    classes: tf.Tensor
    center: Callable[[tf.Tensor], tf.Tensor]


class Objects(NamedTuple):
    """The foreground of an image.

    Attributes:
        num_pixels: `[]` int32, pixels of all instances.
        pixel: returns row and column `[2]` int32 of a pixel, counted from 0.
        instances: returns the instances.
    """

    num_pixels: tf.Tensor
    pixel: Callable[[tf.Tensor], tf.Tensor]
    instances: Callable[[], Instances]


def in_label(label: tf.Tensor, *, num_classes: int = 1) -> Objects:
    """Returns the objects of `label` `[H, W]` int32, whose ids encode classes if there are several.

    Pixels are counted in reading order, and instances in the order of their first pixels.
    """
    pixels = tf.cast(tf.where(label > 0), tf.int32)

    def instances() -> Instances:
        ids = tf.gather_nd(label, pixels)
        known, _ = tf.unique(ids)

        def center(number: tf.Tensor) -> tf.Tensor:
            chosen = tf.boolean_mask(pixels, ids == _at(known, number))
            total = tf.reduce_sum(tf.cast(chosen, tf.int64), axis=0)  # of a large one above 2^31
            return tf.cast(total // tf.maximum(tf.shape(chosen, tf.int64)[0], 1), tf.int32)

        return Instances(class_ids.classes(known, num_classes=num_classes), center)

    return Objects(tf.shape(pixels)[0], lambda number: _at(pixels, number), instances)


def in_tiles(
    sample: Example, tile_label: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
) -> Objects:
    """Returns the objects of an image in tiles, by its index of instances.

    Pixels are counted tile by tile, and instances in the order of their ids.

    Args:
        sample: from `SplitReader.decode`.
        tile_label: returns the label of a tile by its number, and its upper left corner.
    """
    foreground = sample["foreground"]
    ends = tf.cumsum(foreground)
    index = sample["instances"]

    def pixel(number: tf.Tensor) -> tf.Tensor:
        tile = tf.searchsorted(ends, number[None], side="right")[0]
        tile = tf.minimum(tile, tf.size(ends) - 1)
        label, corner = tile_label(tile)
        before = ends[tile] - foreground[tile]
        return corner + _at(tf.cast(tf.where(label > 0), tf.int32), number - before)

    def center(number: tf.Tensor) -> tf.Tensor:
        return _at(index, number, axis=1)[-2:]

    return Objects(ends[-1], pixel, lambda: Instances(index[1], center))


def _at(values: tf.Tensor, number: tf.Tensor, *, axis: int = 0) -> tf.Tensor:
    """Returns a value of `values` along an axis, or 0 beyond the last."""
    # A sum of one value or none: to append a zero would copy them all.
    one = (slice(None),) * axis + (slice(number, number + 1),)
    return tf.reduce_sum(values[one], axis=axis)
