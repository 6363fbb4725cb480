"""Ids that carry the class of their instance, so that whatever moves an id moves its class.

Of K classes, the id says (id - 1) % K + 1. Transforms neither make nor change ids, so nothing else
has to follow the instances through crops and warps.
"""

from __future__ import annotations

import tensorflow as tf


def with_classes(label: tf.Tensor, class_of: tf.Tensor, *, num_classes: int) -> tf.Tensor:
    """Renumbers the instances of an image so that their ids say their class.

    Args:
        label: `[H, W]` int32 ids; those from 0 down stay as they are.
        class_of: `[N]` int32, from 1 on: the class of each id above 0, in the order of the ids.
        num_classes: K.
    """
    flat = tf.reshape(label, [-1])
    ids = tf.sort(tf.unique(tf.boolean_mask(flat, flat > 0))[0])
    rank = tf.searchsorted(ids, flat)  # for pixels that are no instance, any
    # One class more, so that there is something to look up where there is no instance.
    own = tf.gather(tf.pad(class_of, [[0, 1]]), tf.minimum(rank, tf.size(class_of)))
    return tf.where(label > 0, tf.reshape(rank * num_classes + own, tf.shape(label)), label)


def classes(ids: tf.Tensor, *, num_classes: int) -> tf.Tensor:
    """Returns the class of ids above 0, int32 of any shape, from 1 on."""
    return (ids - 1) % num_classes + 1
