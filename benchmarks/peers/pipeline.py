"""A `Dataset.map` that works only when an element is requested, not during other turns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow as tf


def use_threads(count: int) -> None:
    """Gives TensorFlow `count` threads between operations and one within, before the first one."""
    tf.config.threading.set_inter_op_parallelism_threads(count)
    tf.config.threading.set_intra_op_parallelism_threads(1)


def prompt(dataset: tf.data.Dataset, *, threads: int = 1) -> tf.data.Dataset:
    """Turns off implicit prefetching and parallelism.

    By default tf.data makes a map parallel and adds a prefetch after it; it would then augment
    during the turns of the others, and its timed turns would take almost no time.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    options.experimental_optimization.inject_prefetch = False
    options.experimental_optimization.map_parallelization = False
    options.threading.private_threadpool_size = threads
    options.threading.max_intra_op_parallelism = 1
    return dataset.with_options(options)


def endless(example: dict[str, Any]) -> tf.data.Dataset:
    """Returns the same arrays in memory without end."""
    tensors = {name: tf.constant(value) for name, value in example.items()}
    return tf.data.Dataset.from_tensors(tensors).repeat()


def iterate(dataset: tf.data.Dataset) -> Iterator[Any]:
    """Yields elements, each made when it is requested."""
    return iter(prompt(dataset))
