"""Fixed shapes for XLA, where an operation would make as many values as it finds.

XLA compiles for shapes that are known beforehand. It also takes operations such as tf.where and
tf.unique, but the targets of two heads then had other values than without XLA. So inside
`static_shapes` the kernels of instances make the same results from arrays of one size: every pixel
is a run (see `runs`), and the distinct values are padded to the number of all values. Outside,
fewer and longer runs are faster: on a CPU, sorting the pixels takes most of the time.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator

import tensorflow as tf

_STATIC = contextvars.ContextVar("static", default=False)


@contextlib.contextmanager
def static_shapes() -> Iterator[None]:
    """Makes kernels use fixed shapes inside the context, while a function is traced."""
    token = _STATIC.set(True)
    try:
        yield
    finally:
        _STATIC.reset(token)


def is_static() -> bool:
    """Returns whether kernels must use fixed shapes."""
    return _STATIC.get()


def unique(values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds the distinct values of `values` `[N]`, in the order in which they first occur.

    Returns:
        The distinct values, with fixed shapes `[N]`: padded by the least of them. And the index
        `[N]` int32 among them of each of `values`.
    """
    if not is_static():
        return tf.unique(values)
    size = values.shape[0]
    order = tf.argsort(values)
    ordered = tf.gather(values, order)
    begins = tf.pad(ordered[1:] != ordered[:-1], [[1, 0]])
    group = tf.cumsum(tf.cast(begins, tf.int32))
    first = tf.gather(tf.math.unsorted_segment_min(order, group, size), group)
    first = tf.scatter_nd(order[:, None], first, [size])  # of each value, the first equal one
    rank = tf.cumsum(tf.cast(first == tf.range(size), tf.int32)) - 1
    index = tf.gather(rank, first)
    distinct = tf.math.unsorted_segment_max(values, index, size)
    return tf.maximum(distinct, tf.reduce_min(values)), index
