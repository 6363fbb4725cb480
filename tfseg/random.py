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

from tfseg import checks

__all__ = [
    "fold_in",
    "for_each",
    "for_name",
    "for_sample",
    "integer",
    "permutation",
    "root",
    "uniform",
]
__dir__ = __all__.copy

_PHILOX = 1
# Second half of the counter of `fold_in`, so that children and draws share no numbers.
_CHILD = 2**63 + 1


def root(seed: int) -> tf.Tensor:
    """Returns the seed `[2]` int32 for all draws of a run; `seed` is a whole number from 0 on.

    Raises:
        InputError: another number.
    """
    checks.integer("seed", seed, low=0)
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


def for_each(seed: tf.Tensor, count: tf.Tensor | int) -> tf.Tensor:
    """Returns the seeds `[count, 2]` int32 of the children 0, ..., count - 1."""
    signature = tf.TensorSpec([2], tf.int32)
    children = tf.range(count)
    return tf.map_fn(lambda index: fold_in(seed, index), children, fn_output_signature=signature)


def for_name(seed: tf.Tensor, name: str) -> tf.Tensor:
    """Returns the seed `[2]` int32 of the child called `name`.

    Raises:
        InputError: the name is no text.
    """
    if not isinstance(name, str):
        raise checks.InputError(
            f"name must be a text; got {checks.shown(name)}. fold_in takes a number."
        )
    return fold_in(seed, zlib.crc32(name.encode()) & 0x7FFFFFFF)


def for_sample(seed: tf.Tensor, *, epoch: tf.Tensor, sample_id: tf.Tensor) -> tf.Tensor:
    """Returns the seed `[2]` int32 of one sample (string scalar) in one epoch (integer scalar)."""
    return fold_in(fold_in(seed, epoch), tf.strings.to_hash_bucket_fast(sample_id, 2**31 - 1))


def uniform(
    seed: tf.Tensor, low: float, high: float, shape: tuple[int, ...] | tf.Tensor = ()
) -> tf.Tensor:
    """Draws float32 of `shape` from [low, high).

    Raises:
        InputError: the seed is no tensor `[2]`, or low is above high.
    """
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        raise checks.InputError(f"low must be at most high; got {low} and {high}. Exchange them.")
    key, counter = _key_counter(seed)
    share = tf.raw_ops.StatelessRandomUniformV2(
        shape=tf.constant(shape, tf.int32) if isinstance(shape, tuple) else shape,
        key=key,
        counter=counter,
        alg=_PHILOX,
    )
    return low + (high - low) * share


def integer(seed: tf.Tensor, low: tf.Tensor | int, high: tf.Tensor | int) -> tf.Tensor:
    """Draws one int32 from low, ..., high - 1.

    Raises:
        InputError: low is not below high.
    """
    if isinstance(low, int) and isinstance(high, int) and low >= high:
        raise checks.InputError(f"low must be below high; got {low} and {high}. Exchange them.")
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
    """Draws a permutation of 0, ..., count - 1, `[count]` int32.

    Raises:
        InputError: count is below 0.
    """
    if isinstance(count, int):
        checks.integer("count", count, low=0)
    return tf.argsort(uniform(seed, 0.0, 1.0, tf.stack([count])), stable=True)


def _key_counter(seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    if not isinstance(seed, tf.Tensor) or not seed.shape.is_compatible_with([2]):
        raise checks.InputError(
            f"A seed must be a tensor [2] of int32; got {checks.shown(seed)}. Make one with "
            "tfseg.random.root(0)."
        )
    return tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
