"""Stateless random numbers: a draw depends on its seed alone.

A seed is `[2]` int32. It is made from (seed, epoch, sample id) and then folded with a name for each
use, so no draw depends on other draws, on the batch or on the number of threads. All draws happen
in this module with a fixed algorithm, because the automatic choice differs between devices. The
module calls raw operations: `tf.random.stateless_uniform` and `stateless_fold_in` add some 50 other
operations to each of them, and an image has a hundred draws.
"""

from __future__ import annotations

import zlib

import numpy as np
import tensorflow as tf

_PHILOX = 1
# Second half of the counter of `fold_in`, so that children and draws share no numbers.
_CHILD = 2**63 + 1


def root(seed: int) -> tf.Tensor:
    """Returns the seed `[2]` int32 for all draws of a run."""
    return tf.constant([seed, 0], tf.int32)


def fold_in(seed: tf.Tensor, number: tf.Tensor | int) -> tf.Tensor:
    """Returns the seed `[2]` int32 of child `number`, an integer scalar from 0 on."""
    if isinstance(number, int):
        counter = tf.constant(np.array([number, _CHILD], np.uint64))
    else:
        counter = tf.stack([tf.cast(number, tf.uint64), tf.constant(_CHILD, tf.uint64)])
    return tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=[2], key=_key_counter(seed)[0], counter=counter, alg=_PHILOX, dtype=tf.int32
    )


def for_name(seed: tf.Tensor, name: str) -> tf.Tensor:
    """Returns the seed `[2]` int32 of the child called `name`."""
    return fold_in(seed, zlib.crc32(name.encode()) & 0x7FFFFFFF)


def for_sample(seed: tf.Tensor, *, epoch: tf.Tensor, sample_id: tf.Tensor) -> tf.Tensor:
    """Returns the seed `[2]` int32 of one sample (string scalar) in one epoch (integer scalar)."""
    return fold_in(fold_in(seed, epoch), tf.strings.to_hash_bucket_fast(sample_id, 2**31 - 1))


def uniform(
    seed: tf.Tensor, low: float, high: float, shape: tuple[int, ...] | tf.Tensor = ()
) -> tf.Tensor:
    """Draws float32 of `shape` from [low, high)."""
    key, counter = _key_counter(seed)
    share = tf.raw_ops.StatelessRandomUniformV2(
        shape=tf.constant(shape, tf.int32) if isinstance(shape, tuple) else shape,
        key=key,
        counter=counter,
        alg=_PHILOX,
    )
    return low + (high - low) * share


def integer(seed: tf.Tensor, low: tf.Tensor | int, high: tf.Tensor | int) -> tf.Tensor:
    """Draws one int32 from low, ..., high - 1."""
    key, counter = _key_counter(seed)
    return tf.raw_ops.StatelessRandomUniformIntV2(
        shape=tf.constant((), tf.int32),
        key=key,
        counter=counter,
        alg=_PHILOX,
        minval=tf.cast(low, tf.int32),
        maxval=tf.cast(high, tf.int32),
    )


def permutation(seed: tf.Tensor, count: tf.Tensor | int) -> tf.Tensor:
    """Draws a permutation of 0, ..., count - 1, `[count]` int32."""
    return tf.argsort(uniform(seed, 0.0, 1.0, tf.stack([count])), stable=True)


def _key_counter(seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
