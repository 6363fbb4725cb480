"""Stateless random numbers: a draw is a function of its seed and of nothing else.

A seed is `[2]` int32. It is made from (seed, epoch, sample id) and then folded with the name of
what draws, so no draw depends on its neighbours, on the batch or on the number of threads. The only
module that calls `tf.random.stateless_*`, and always with one named algorithm, because the
automatic choice differs between devices.
"""

from __future__ import annotations

import zlib

import tensorflow as tf

_ALGORITHM = "philox"


def root(seed: int) -> tf.Tensor:
    """Returns the seed `[2]` int32 from which a whole run is drawn."""
    return tf.constant([seed, 0], tf.int32)


def fold_in(seed: tf.Tensor, number: tf.Tensor | int) -> tf.Tensor:
    """Returns the seed `[2]` int32 of child `number`, an integer scalar."""
    return tf.random.experimental.stateless_fold_in(seed, tf.cast(number, tf.int32), alg=_ALGORITHM)


def for_name(seed: tf.Tensor, name: str) -> tf.Tensor:
    """Returns the seed `[2]` int32 of the child called `name`."""
    return fold_in(seed, zlib.crc32(name.encode()) & 0x7FFFFFFF)


def for_sample(seed: tf.Tensor, *, epoch: tf.Tensor, sample_id: tf.Tensor) -> tf.Tensor:
    """Returns the seed `[2]` int32 of one sample (string scalar) in one epoch (integer scalar)."""
    return fold_in(fold_in(seed, epoch), tf.strings.to_hash_bucket_fast(sample_id, 2**31 - 1))


def uniform(seed: tf.Tensor, low: float, high: float, shape: tuple[int, ...] = ()) -> tf.Tensor:
    """Draws float32 of `shape` from [low, high)."""
    return tf.random.stateless_uniform(shape, seed, low, high, tf.float32, alg=_ALGORITHM)


def integer(seed: tf.Tensor, low: tf.Tensor | int, high: tf.Tensor | int) -> tf.Tensor:
    """Draws one int32 from low, ..., high - 1."""
    return tf.random.stateless_uniform(
        (), seed, tf.cast(low, tf.int32), tf.cast(high, tf.int32), tf.int32, alg=_ALGORITHM
    )


def permutation(seed: tf.Tensor, count: tf.Tensor | int) -> tf.Tensor:
    """Draws an order of 0, ..., count - 1, `[count]` int32."""
    return tf.argsort(
        tf.random.stateless_uniform([count], seed, dtype=tf.float32, alg=_ALGORITHM), stable=True
    )
