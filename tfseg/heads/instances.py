"""Functions that heads share: foreground and ignored pixels in targets, scores of instances."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from tfseg.heads.base import Decoded


def foreground_targets(labels: tf.Tensor) -> tf.Tensor:
    """Returns a map `[B, H, W, 1]` of ids `[B, H, W]`: 1 object, 0 background, -1 ignored."""
    return tf.cast(tf.sign(labels), tf.float32)[..., None]


def ignore_marked(values: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Returns `values` `[B, H, W]` as a map `[B, H, W, 1]`, -1 where `labels` is ignored."""
    return tf.where(labels < 0, -1.0, values)[..., None]


def drop_small_and_score(
    labels: tf.Tensor, foreground: tf.Tensor, peaks: tf.Tensor, heat: tf.Tensor, min_area: int
) -> Decoded:
    """Drops small instances, numbers the others without gaps and scores them.

    The score is the height of an instance's peak times its mean foreground probability, as in
    Panoptic-DeepLab, section 3.3.

    Args:
        labels: `[B, H, W]` int32, ids from 1, 0 background.
        foreground: `[B, H, W]` float32, probability of an object.
        peaks: `[B, H, W]` int32, ids of the pixels where `heat` is read; they may lie outside the
            instance.
        heat: `[B, H, W]` float32 in [0, 1].
        min_area: smaller instances are dropped, pixels.
    """
    shape = tf.shape(labels)
    num_ids = tf.reduce_max(peaks) + 1  # with the background
    first = tf.range(shape[0])[:, None, None] * num_ids
    num_keys = shape[0] * num_ids

    def by_instance(
        reduce: Callable[..., tf.Tensor], values: tf.Tensor, ids: tf.Tensor
    ) -> tf.Tensor:
        return tf.reshape(reduce(values, ids + first, num_keys), [shape[0], num_ids])

    area = by_instance(tf.math.unsorted_segment_sum, tf.ones_like(foreground), labels)
    kept = (area >= min_area) & (tf.range(num_ids) > 0)
    number = tf.cumsum(tf.cast(kept, tf.int32), axis=1) * tf.cast(kept, tf.int32)
    score = by_instance(tf.math.unsorted_segment_max, heat, peaks) * by_instance(
        tf.math.unsorted_segment_mean, foreground, labels
    )
    kept_at = tf.where(kept)  # image and id
    column = tf.cast(tf.gather_nd(number, kept_at), tf.int64) - 1
    scores = tf.scatter_nd(
        tf.stack([kept_at[:, 0], column], axis=-1),
        tf.gather_nd(score, kept_at),
        tf.cast([shape[0], tf.reduce_max(number)], tf.int64),
    )
    return Decoded(tf.gather(tf.reshape(number, [-1]), labels + first), scores)
