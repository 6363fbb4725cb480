"""Square crops of a sample: where to cut, and cutting with what lies around."""

from __future__ import annotations

import tensorflow as tf

from tfseg import random
from tfseg.augment.chain import IGNORE
from tfseg.kernels.sampling import reflect_101

Example = dict[str, tf.Tensor]


def middle(label: tf.Tensor, size: int) -> tf.Tensor:
    """Returns the upper left corner `[2]` int32 of the crop in the middle of `label` `[H, W]`."""
    return _room(label, size) // 2


def draw(label: tf.Tensor, size: int, *, foreground_share: float, seed: tf.Tensor) -> tf.Tensor:
    """Draws the upper left corner `[2]` int32 of a crop that lies inside `label` `[H, W]`.

    With the chance `foreground_share` the crop holds a pixel of an instance: any one, at any place
    of the crop. Otherwise, and where there is no instance, it is any crop.
    """
    room = _room(label, size)
    objects = tf.cast(tf.where(label > 0), tf.int32)
    count = tf.shape(objects)[0]
    chosen = random.integer(random.for_name(seed, "object"), 0, tf.maximum(count, 1))
    # One more row, so that there is something to choose where there is no instance.
    pixel = tf.gather(tf.pad(objects, [[0, 1], [0, 0]]), chosen)
    place = _pair(random.for_name(seed, "place"), tf.fill([2], size))
    aimed = random.uniform(random.for_name(seed, "aimed"), 0.0, 1.0) < foreground_share
    return tf.where(
        aimed & (count > 0),
        tf.clip_by_value(pixel - place, 0, room),
        _pair(random.for_name(seed, "corner"), room + 1),
    )


def cut(sample: Example, corner: tf.Tensor, size: int, *, margin: int) -> Example:
    """Cuts a square of `size` from `corner` on, and `margin` pixels more on all sides.

    What lies beyond the image is mirrored in the image and `IGNORE` in the label. An image smaller
    than the crop comes to lie in its middle.

    Args:
        sample: `image` `[H, W, C]` and `label` `[H, W]`.
        corner: `[2]` int32, from `draw` or `middle`.
        size: of the crop, pixels.
        margin: pixels.

    Returns:
        `image` `[S, S, C]` and `label` `[S, S]`, S = `size` + 2 `margin`.
    """
    image, label = sample["image"], sample["label"]
    shape = tf.shape(label)
    side = size + 2 * margin
    start = corner - margin - tf.maximum(size - shape, 0) // 2
    places = [start[axis] + tf.range(side) for axis in (0, 1)]
    rows, columns = (
        tf.cast(reflect_101(tf.cast(places[axis], tf.float32), shape[axis]), tf.int32)
        for axis in (0, 1)
    )
    down, across = ((places[axis] >= 0) & (places[axis] < shape[axis]) for axis in (0, 1))

    def read(values: tf.Tensor) -> tf.Tensor:
        return tf.gather(tf.gather(values, rows), columns, axis=1)

    label = tf.where(down[:, None] & across[None, :], read(label), IGNORE)
    return {
        "image": tf.ensure_shape(read(image), (side, side, image.shape[-1])),
        "label": tf.ensure_shape(label, (side, side)),
    }


def _room(label: tf.Tensor, size: int) -> tf.Tensor:
    """Returns how far a crop can move down and to the right, `[2]` int32."""
    return tf.maximum(tf.shape(label) - size, 0)


def _pair(seed: tf.Tensor, limits: tf.Tensor) -> tf.Tensor:
    """Draws two int32 from 0 to `limits` `[2]` - 1."""
    return tf.stack(
        [random.integer(random.for_name(seed, axis), 0, limits[i]) for i, axis in enumerate("yx")]
    )
