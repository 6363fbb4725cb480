"""Instance ids that encode the class, so that a transform that moves an id also moves its class.

With K classes, the class of an id is (id - 1) % K + 1. Transforms neither make nor change ids, so
crops and warps need not keep track of classes.
"""

from __future__ import annotations

import tensorflow as tf


def with_classes(
    label: tf.Tensor, class_of: tf.Tensor, *, num_classes: int, ids: tf.Tensor | None = None
) -> tf.Tensor:
    """Renumbers the instances of an image so that their ids encode their class.

    Args:
        label: `[H, W]` int32 ids; ids of 0 and below stay unchanged.
        class_of: `[N]` int32: the class, from 1 on, of each id above 0, in ascending order of ids.
        num_classes: K.
        ids: `[N]` int32, those ids above 0 in ascending order; None: all that `label` has.
    """
    flat = tf.reshape(label, [-1])
    if ids is None:
        ids = tf.sort(tf.unique(tf.boolean_mask(flat, flat > 0))[0])
    rank = tf.searchsorted(ids, flat)  # arbitrary outside instances
    # Padded by one class, which is looked up where there is no instance.
    pixel_class = tf.gather(tf.pad(class_of, [[0, 1]]), tf.minimum(rank, tf.size(class_of)))
    return tf.where(label > 0, tf.reshape(rank * num_classes + pixel_class, tf.shape(label)), label)


def classes(ids: tf.Tensor, *, num_classes: int) -> tf.Tensor:
    """Returns the class of ids above 0, int32 of any shape, from 1 on."""
    return (ids - 1) % num_classes + 1
