"""Pixel weights computed from instance ids: for gaps between instances and small instances."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

_FAR = 1e9  # squared pixels
_REACH = 3  # search radius in sigmas: further away the weight is below 0.012 of its maximum
_MOST = 10.0  # largest ratio between the weights of an instance and of one with the mean area


class _Nearest(NamedTuple):
    """Squared distances to the nearest and second nearest instance, and their ids."""

    first: tf.Tensor
    id: tf.Tensor
    second: tf.Tensor
    second_id: tf.Tensor


def between(labels: tf.Tensor, *, sigma: float) -> tf.Tensor:
    """Returns how close two instances are: 1 where they touch, 0 far away from a second one.

    exp(-(d1 + d2)^2 / (2 sigma^2)), d1 and d2 the distances to the nearest instance (0 inside it)
    and to the second one. Ignored pixels belong to no instance.

    Source: Ronneberger et al., U-Net (2015), arXiv 1505.04597, eq. 2, which weights only the
    background; this function also weights the rims of touching instances, because no background
    lies between them.

    Args:
        labels: `[B, H, W]` int32 ids.
        sigma: pixels, above 0.

    Returns:
        `[B, H, W]` float32 in [0, 1]; values below 0.012 may be 0.
    """
    reach = int(_REACH * sigma + 1)
    present = labels > 0
    far = tf.fill(tf.shape(labels), _FAR)
    nearest = _Nearest(tf.where(present, 0.0, _FAR), labels, far, tf.zeros_like(labels))
    # First the two nearest instances within each column, then the nearest of those along each row.
    for axis in (1, 2):
        nearest = _search_axis(nearest, axis, reach)
    total = tf.sqrt(nearest.first) + tf.sqrt(nearest.second)
    return tf.exp(-(total**2) / (2.0 * sigma**2))


def _search_axis(start: _Nearest, axis: int, reach: int) -> _Nearest:
    """Searches along one axis, up to `reach` pixels to both sides."""
    length = tf.shape(start.id)[axis]
    paddings = [[reach, reach] if dimension == axis else [0, 0] for dimension in range(3)]
    padded = _Nearest(
        *(
            tf.pad(values, paddings, constant_values=_FAR if values.dtype.is_floating else 0)
            for values in start
        )
    )

    def at(values: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        moved = tf.gather(values, tf.range(length) + step, axis=axis)
        return tf.ensure_shape(moved, start.id.shape)  # a loop keeps the shapes of its values

    def look(step: tf.Tensor, *known: tf.Tensor) -> tuple[tf.Tensor, ...]:
        moved = tf.cast(step - reach, tf.float32) ** 2
        nearest = _update(_Nearest(*known), at(padded.first, step) + moved, at(padded.id, step))
        further, other = at(padded.second, step) + moved, at(padded.second_id, step)
        return step + 1, *_update(nearest, further, other)

    _, *nearest = tf.while_loop(lambda step, *_: step <= 2 * reach, look, (0, *start))
    return _Nearest(*nearest)


def _update(known: _Nearest, distance: tf.Tensor, id: tf.Tensor) -> _Nearest:
    """Updates the two nearest instances of every pixel with one more candidate."""
    same = id == known.id
    ahead = ~same & (distance < known.first)
    next_one = ~same & ~ahead & (distance < known.second)
    return _Nearest(
        tf.where(ahead | (same & (distance < known.first)), distance, known.first),
        tf.where(ahead, id, known.id),
        tf.where(ahead, known.first, tf.where(next_one, distance, known.second)),
        tf.where(ahead, known.id, tf.where(next_one, id, known.second_id)),
    )


def by_size(labels: tf.Tensor, area: tf.Tensor, *, power: float) -> tf.Tensor:
    """Returns higher weights for small instances: (mean area / area) ** power.

    At power 1 every instance of an image weighs the same, whatever its size; the weight is between
    1/10 and 10.

    Args:
        labels: `[B, H, W]` int32 ids.
        area: `[B, H, W]` float32, area of the instance at each pixel, in pixels.
        power: from 0 on.

    Returns:
        `[B, H, W]` float32, 1 outside instances.
    """
    inside = tf.cast(labels > 0, tf.float32)
    pixels = tf.reduce_sum(inside, axis=(1, 2), keepdims=True)
    instances = tf.reduce_sum(tf.math.divide_no_nan(inside, area), axis=(1, 2), keepdims=True)
    mean = tf.math.divide_no_nan(pixels, instances)
    share = tf.math.divide_no_nan(mean, area)
    return tf.where(labels > 0, tf.clip_by_value(share**power, 1.0 / _MOST, _MOST), 1.0)
