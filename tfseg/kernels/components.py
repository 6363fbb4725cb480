"""Connected pieces of masks, and ids that grow over masks; all instances of a batch at once.

Pixels are connected to their 4 neighbours. No loop over instances, so thousands cost what ten do.
"""

from __future__ import annotations

import tensorflow as tf

_NONE = 2**31 - 1  # above every id


def components(mask: tf.Tensor) -> tf.Tensor:
    """Numbers the connected pieces of `mask` `[B, H, W]` bool; `[B, H, W]` int32, 0 outside.

    In every image from 1, by the first pixel in reading order, as `scipy.ndimage.label` does.

    Source: Zhang et al., FastSV (2020), arXiv 1910.05971: every pixel points at a lower one of its
    piece; pointers are followed, and moved to the lowest neighbour's, until nothing changes.
    """
    shape = tf.shape(mask)
    flat = tf.reshape(mask, [-1])
    pixels = tf.cast(tf.where(flat)[:, 0], tf.int32)
    own = tf.range(tf.size(pixels))
    rank = tf.reshape(tf.cumsum(tf.cast(flat, tf.int32)) - 1, shape)
    sides = tf.stack(_neighbours(tf.where(mask, rank, _NONE), fill=_NONE))
    sides = tf.gather(tf.reshape(sides, [4, -1]), pixels, axis=1)
    sides = tf.where(sides == _NONE, own, sides)  # [4, P]: who is beside; oneself where nobody is

    def move(root: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        lowest = tf.minimum(root, tf.reduce_min(tf.gather(root, sides), axis=0))
        offered = tf.math.unsorted_segment_min(lowest, root, tf.size(pixels))
        hooked = tf.minimum(lowest, offered)
        jumped = tf.gather(hooked, hooked)
        jumped = tf.gather(jumped, jumped)
        return jumped, tf.reduce_any(jumped != root)

    root, _ = tf.while_loop(lambda _, changed: changed, move, (own, tf.constant(True)))
    first = tf.reshape(_scatter(pixels, tf.cast(root == own, tf.int32), shape), [shape[0], -1])
    number = tf.gather(tf.reshape(tf.cumsum(first, axis=1), [-1]), tf.gather(pixels, root))
    return _scatter(pixels, number, shape)


def grow(labels: tf.Tensor, mask: tf.Tensor, *, steps: int = _NONE) -> tf.Tensor:
    """Lets ids spread from pixel to neighbour over `mask`, all at one speed.

    Args:
        labels: `[B, H, W]` int32, ids from 1, 0 where there is none yet; ids stay as they are.
        mask: `[B, H, W]` bool, where ids may go.
        steps: pixels they go at most; without it, until nothing changes.

    Returns:
        `[B, H, W]` int32. Where several ids arrive at once, the lowest one has the pixel.
    """

    def spread(step: tf.Tensor, labels: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, ...]:
        known = tf.where(labels > 0, labels, _NONE)
        arrived = tf.stack(_neighbours(known, fill=_NONE))
        arrived = tf.reduce_min(arrived, axis=0)
        taken = mask & (labels == 0) & (arrived < _NONE)
        return step + 1, tf.where(taken, arrived, labels), tf.reduce_any(taken)

    def goes_on(step: tf.Tensor, _: tf.Tensor, changed: tf.Tensor) -> tf.Tensor:
        return changed & (step < steps)

    return tf.while_loop(goes_on, spread, (0, labels, tf.constant(True)))[1]


def _neighbours(values: tf.Tensor, *, fill: int) -> list[tf.Tensor]:
    """Returns what is above, left, right and below every pixel; `fill` beyond the image."""
    padded = tf.pad(values, [[0, 0], [1, 1], [1, 1]], constant_values=fill)
    return [
        padded[:, :-2, 1:-1],
        padded[:, 1:-1, :-2],
        padded[:, 1:-1, 2:],
        padded[:, 2:, 1:-1],
    ]


def _scatter(pixels: tf.Tensor, values: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    flat = tf.scatter_nd(pixels[:, None], values, tf.reduce_prod(shape)[None])
    return tf.reshape(flat, shape)
