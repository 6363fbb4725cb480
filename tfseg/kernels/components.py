"""Connected components of masks, and growing of ids, for all instances of a batch at once.

Pixels are connected to their 4 neighbours. There is no loop over instances, so thousands cost no
more than ten.
"""

from __future__ import annotations

import tensorflow as tf

from tfseg.ids import MAX_ID
from tfseg.kernels.runs import find_runs


def components(mask: tf.Tensor) -> tf.Tensor:
    """Numbers the connected components of `mask` `[B, H, W]` bool: `[B, H, W]` int32, 0 outside.

    Numbers start at 1 in every image and follow the first pixels in reading order, as in
    `scipy.ndimage.label`.

    Source: Zhang et al., FastSV (2020), arXiv 1910.05971: every run of pixels points to a lower run
    of its component; each step follows the pointers and replaces them by the lowest pointer of the
    neighbours, until nothing changes.
    """
    runs = find_runs(mask)
    # Joins a run to a run below it once, at the first column that both have.
    below = mask[:, 1:] & mask[:, :-1] & (runs.begins[:, 1:] | runs.begins[:, :-1])
    upper, lower = (
        tf.boolean_mask(numbers, below) for numbers in (runs.of[:, :-1], runs.of[:, 1:])
    )
    sides, others = tf.concat([upper, lower], axis=0), tf.concat([lower, upper], axis=0)
    number_of_run = tf.range(tf.size(runs.row))

    def hook(root: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        candidates, root_of_side = tf.gather(root, others), tf.gather(root, sides)
        hooked = root
        for target in (sides, root_of_side):
            lowest = tf.math.unsorted_segment_min(candidates, target, tf.size(number_of_run))
            hooked = tf.minimum(hooked, lowest)
        jumped = tf.gather(hooked, hooked)
        jumped = tf.gather(jumped, jumped)
        return jumped, tf.reduce_any(jumped != root)

    root, _ = tf.while_loop(lambda _, changed: changed, hook, (number_of_run, tf.constant(True)))
    first = tf.cast((root == number_of_run) & runs.value, tf.int32)
    before = tf.cumsum(
        tf.math.unsorted_segment_sum(first, runs.image, tf.shape(mask)[0]), exclusive=True
    )
    number = tf.gather(tf.cumsum(first), root) - tf.gather(before, runs.image)
    return runs.spread(tf.where(runs.value, number, 0))


def grow(labels: tf.Tensor, mask: tf.Tensor, *, steps: int = tf.int32.max) -> tf.Tensor:
    """Spreads ids from pixel to neighbour over `mask`, all at the same speed.

    Args:
        labels: `[B, H, W]` int32, ids from 1, 0 where there is none yet; pixels with an id keep it.
        mask: `[B, H, W]` bool, where ids may spread.
        steps: largest distance in pixels; by default ids spread until nothing changes.

    Returns:
        `[B, H, W]` int32. Where several ids arrive at once, the lowest one gets the pixel.
    """

    def spread(step: tf.Tensor, labels: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, ...]:
        known = tf.where(labels > 0, labels, MAX_ID)
        arrived = tf.stack(_neighbours(known, fill=MAX_ID))
        arrived = tf.reduce_min(arrived, axis=0)
        taken = mask & (labels == 0) & (arrived < MAX_ID)
        return step + 1, tf.where(taken, arrived, labels), tf.reduce_any(taken)

    def is_unfinished(step: tf.Tensor, _: tf.Tensor, changed: tf.Tensor) -> tf.Tensor:
        return changed & (step < steps)

    return tf.while_loop(is_unfinished, spread, (0, labels, tf.constant(True)))[1]


def _neighbours(values: tf.Tensor, *, fill: int) -> list[tf.Tensor]:
    """Returns the values above, left, right and below of every pixel; `fill` beyond the image."""
    padded = tf.pad(values, [[0, 0], [1, 1], [1, 1]], constant_values=fill)
    return [
        padded[:, :-2, 1:-1],
        padded[:, 1:-1, :-2],
        padded[:, 1:-1, 2:],
        padded[:, 2:, 1:-1],
    ]
