"""Square crops of an image: where they lie, what they read, and cutting them out.

The three steps are apart, so that only what a crop reads has to be decoded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tfseg import random
from tfseg.augment import Sampling
from tfseg.augment.base import Example
from tfseg.data.dataset.split_reader import Patch
from tfseg.data.pipeline.objects import Objects
from tfseg.kernels.sampling import border_index


class Window(NamedTuple):
    """The pixels of an image that a crop reads, S x S with its margin.

    Attributes:
        rows: `[S]` int32, the row of the image that is read for each row of the crop; beyond the
            image those that its border takes.
        columns: `[S]` int32, the same of the columns.
        beyond: `[2, 2]` int32, how many rows before and after the image, and how many columns.
    """

    rows: tf.Tensor
    columns: tf.Tensor
    beyond: tf.Tensor


def middle(shape: tf.Tensor, size: int | tf.Tensor) -> tf.Tensor:
    """Returns the upper left corner `[2]` int32 of the crop in the middle of an image.

    Args:
        shape: `[2]` int32, height and width of the image.
        size: of the crop, pixels.
    """
    return _max_corner(shape, size) // 2


def draw(
    objects: Objects,
    shape: tf.Tensor,
    size: int | tf.Tensor,
    *,
    foreground_share: float,
    seed: tf.Tensor,
    instance_share: float = 0.0,
    num_classes: int = 1,
) -> tf.Tensor:
    """Draws the upper left corner `[2]` int32 of a crop that lies inside an image.

    With probability `instance_share` an instance is in the middle of the crop, as far as the border
    of the image allows, and all instances are equally likely; with several classes, one of the
    classes in the image is drawn first, so that rare ones are as frequent. Otherwise, with
    probability `foreground_share`, the crop holds a random pixel of an instance at a random
    position. Otherwise, and where there is no instance, it is any crop.

    Args:
        objects: of the image.
        shape: `[2]` int32, height and width of the image.
        size: of the crop, pixels.
        foreground_share: probability, in [0, 1].
        seed: `[2]` int32.
        instance_share: probability, in [0, 1].
        num_classes: number of classes.
    """
    max_corner = _max_corner(shape, size)
    count = objects.num_pixels
    chosen = random.integer(random.for_name(seed, "object"), 0, tf.maximum(count, 1))
    position = _pair(random.for_name(seed, "place"), tf.fill([2], size))
    aimed = random.uniform(random.for_name(seed, "aimed"), 0.0, 1.0) < foreground_share

    def anywhere() -> tf.Tensor:
        return tf.cond(
            aimed & (count > 0),
            lambda: tf.clip_by_value(objects.pixel(chosen) - position, 0, max_corner),
            lambda: _pair(random.for_name(seed, "corner"), max_corner + 1),
        )

    if not instance_share:
        return anywhere()
    centred = random.uniform(random.for_name(seed, "centred"), 0.0, 1.0) < instance_share

    def around_instance() -> tf.Tensor:
        classes, center = objects.instances()
        number = _any_instance(classes, num_classes, seed=random.for_name(seed, "instance"))
        return tf.clip_by_value(center(number) - size // 2, 0, max_corner)

    return tf.cond(centred & (count > 0), around_instance, anywhere)


def _any_instance(classes: tf.Tensor, num_classes: int, *, seed: tf.Tensor) -> tf.Tensor:
    """Draws the number of one of the instances with `classes` `[N]`; 0 where there is none."""
    if num_classes < 2:
        return random.integer(seed, 0, tf.maximum(tf.size(classes), 1))
    present, _ = tf.unique(classes)
    drawn = _one_of(present, seed=random.for_name(seed, "class"))
    return _one_of(tf.cast(tf.where(classes == drawn)[:, 0], tf.int32), seed=seed)


def _one_of(values: tf.Tensor, *, seed: tf.Tensor) -> tf.Tensor:
    """Draws one of `values` `[N]`; 0 where there is none."""
    chosen = random.integer(seed, 0, tf.maximum(tf.size(values), 1))
    return tf.gather(tf.pad(values, [[0, 1]]), chosen)


def window(
    corner: tf.Tensor,
    shape: tf.Tensor,
    size: int | tf.Tensor,
    *,
    margin: int | tf.Tensor,
    border: str,
) -> Window:
    """Returns what a square of `size` from `corner` on, with a margin on all sides, reads.

    An image smaller than the crop lies in its middle.

    Args:
        corner: `[2]` int32, from `draw` or `middle`.
        shape: `[2]` int32, height and width of the image.
        size: of the crop, pixels.
        margin: pixels.
        border: what is read beyond the image, of `kernels.sampling.BORDERS`.
    """
    side = size + 2 * margin
    start = corner - margin - tf.maximum(size - shape, 0) // 2
    begin, end = (tf.clip_by_value(pixel, 0, shape) for pixel in (start, start + side))
    pixels = [tf.cast(start[axis] + tf.range(side), tf.float32) for axis in (0, 1)]
    rows, columns = (border_index(pixels[axis], shape[axis], border) for axis in (0, 1))
    return Window(rows, columns, tf.stack([begin - start, start + side - end], axis=1))


def cut(
    patch: Patch,
    beyond: tf.Tensor,
    *,
    sampling: Sampling,
    scale: Callable[[tf.Tensor], tf.Tensor] = tf.identity,
) -> Example:
    """Cuts a crop out of a part of its image.

    Args:
        patch: has all pixels that the crop reads, and where its rows and columns are.
        beyond: see `Window`.
        sampling: its border, border value and fill are those beyond the image.
        scale: brings pixel values to [0, 1], the range of the border value.

    Returns:
        `image` `[S, S, C]` and `label` `[S, S]`, S the number of rows and columns.
    """
    image, label, rows, columns = patch
    known, (before, after) = rows.shape[0], tf.unstack(beyond, axis=1)
    side = tf.size(rows) if known is None else known
    inside = side - before - after
    # The part inside the image is copied. Gathering all of the crop pixel by pixel took 6 ms for
    # 726 x 726 x 3, this takes 1.
    top, left = rows[before[0]], columns[before[1]]
    gathered = tf.gather(image, rows)
    parts = [
        tf.gather(gathered, columns[: before[1]], axis=1),
        gathered[:, left : left + inside[1]],
        tf.gather(gathered, columns[side - after[1] :], axis=1),
    ]
    crop = scale(tf.ensure_shape(tf.concat(parts, axis=1), (known, known, image.shape[-1])))
    label = label[top : top + inside[0], left : left + inside[1]]
    if sampling.border == "constant":
        covered = tf.pad(tf.ones_like(label, tf.bool), beyond)[..., None]
        crop = tf.where(covered, crop, tf.cast(sampling.border_value, crop.dtype))
    label = tf.pad(label, beyond, constant_values=sampling.fill)
    return {"image": crop, "label": tf.ensure_shape(label, (known, known))}


def _max_corner(shape: tf.Tensor, size: int | tf.Tensor) -> tf.Tensor:
    """Returns the lowest and rightmost upper left corner of a crop, `[2]` int32."""
    return tf.maximum(shape - size, 0)


def _pair(seed: tf.Tensor, limits: tf.Tensor) -> tf.Tensor:
    """Draws two int32 from 0 to `limits` `[2]` - 1."""
    return tf.stack(
        [random.integer(random.for_name(seed, axis), 0, limits[i]) for i, axis in enumerate("yx")]
    )
