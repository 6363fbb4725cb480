"""Connected pieces of masks, and ids that grow over masks; all instances of a batch at once.

Pixels are connected to their 4 neighbours. No loop over instances, so thousands cost what ten do.
"""

from __future__ import annotations

import tensorflow as tf

from tfseg.ids import MAX_ID
from tfseg.kernels.runs import find_runs


def components(mask: tf.Tensor) -> tf.Tensor:
    """Numbers the connected pieces of `mask` `[B, H, W]` bool; `[B, H, W]` int32, 0 outside.

    In every image from 1, by the first pixel in reading order, as `scipy.ndimage.label` does.

    Source: Zhang et al., FastSV (2020), arXiv 1910.05971: every run of pixels points at a lower one
    of its piece; pointers are followed, and moved to the lowest neighbour's, until nothing changes.
    """
    runs = find_runs(mask)
    # Two runs below each other are joined once, where the later of them begins.
    below = mask[:, 1:] & mask[:, :-1] & (runs.begins[:, 1:] | runs.begins[:, :-1])
    upper, lower = (
        tf.boolean_mask(numbers, below) for numbers in (runs.of[:, :-1], runs.of[:, 1:])
    )
    sides, others = tf.concat([upper, lower], axis=0), tf.concat([lower, upper], axis=0)
    own = tf.range(tf.size(runs.row))

    def move(root: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        offered, root_of_side = tf.gather(root, others), tf.gather(root, sides)
        hooked = root
        for place in (sides, root_of_side):
            lowest = tf.math.unsorted_segment_min(offered, place, tf.size(own))
            hooked = tf.minimum(hooked, lowest)
        jumped = tf.gather(hooked, hooked)
        jumped = tf.gather(jumped, jumped)
        return jumped, tf.reduce_any(jumped != root)

    root, _ = tf.while_loop(lambda _, changed: changed, move, (own, tf.constant(True)))
    first = tf.cast((root == own) & runs.value, tf.int32)
    before = tf.cumsum(
        tf.math.unsorted_segment_sum(first, runs.image, tf.shape(mask)[0]), exclusive=True
    )
    number = tf.gather(tf.cumsum(first), root) - tf.gather(before, runs.image)
    return runs.spread(tf.where(runs.value, number, 0))


def grow(labels: tf.Tensor, mask: tf.Tensor, *, steps: int = tf.int32.max) -> tf.Tensor:
    """Lets ids spread from pixel to neighbour over `mask`, all at one speed.

    Args:
        labels: `[B, H, W]` int32, ids from 1, 0 where there is none yet; ids stay as they are.
        mask: `[B, H, W]` bool, where ids may go.
        steps: pixels they go at most; without it, until nothing changes.

    Returns:
        `[B, H, W]` int32. Where several ids arrive at once, the lowest one has the pixel.
    """

    def spread(step: tf.Tensor, labels: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, ...]:
        known = tf.where(labels > 0, labels, MAX_ID)
        arrived = tf.stack(_neighbours(known, fill=MAX_ID))
        arrived = tf.reduce_min(arrived, axis=0)
        taken = mask & (labels == 0) & (arrived < MAX_ID)
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
