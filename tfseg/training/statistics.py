"""The statistics of a batch over several replicas, in one exchange for a layer and direction."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import tensorflow as tf

from tfseg.compat import MOMENTS


def exchanged_once(strategy: tf.distribute.Strategy) -> contextlib.AbstractContextManager[None]:
    """Makes synchronised batch normalisation that is traced inside the context exchange less.

    Keras sums the values, their squares and their number over the replicas one after the other, and
    then the gradients of the first two: five exchanges for a layer, of some hundred bytes each, so
    that each takes the latency of the link. Here they are two, forward and backward. They cannot be
    fewer: a layer needs its statistics before the next one begins, and the gradient of a
    convolution needs that of the statistics of the layer behind it.

    One replica exchanges nothing, and keeps Keras's operations and so its bits.
    """
    if strategy.num_replicas_in_sync == 1:
        return contextlib.nullcontext()
    return MOMENTS.replaced(moments)


def moments(values: tf.Tensor, axes: Sequence[int], keepdims: bool) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns mean and variance of the `values` of all replicas over `axes`; in replica context.

    All replicas must have the same number of values, as `strategy.check_batch_size` ensures.

    Source: `keras.ops.moments` with synchronized=True.
    """
    context = tf.distribute.get_replica_context()
    sums = [tf.reduce_sum(part, axes, keepdims) for part in (values, tf.square(values))]
    sums = context.all_reduce("SUM", sums)
    count = context.num_replicas_in_sync * (tf.size(values) // tf.size(sums[0]))
    mean, mean_of_squares = (total / tf.cast(count, total.dtype) for total in sums)
    return mean, tf.maximum(mean_of_squares - tf.square(mean), 0.0)
