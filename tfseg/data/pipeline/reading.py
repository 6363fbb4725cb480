"""Errors of tfseg that the functions of a pipeline raise, unwrapped."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from tfseg import tf_errors
from tfseg.checks import InputError


@contextlib.contextmanager
def unwrap_input_errors() -> Iterator[None]:
    """Raises the `InputError` that TensorFlow has wrapped in an error of a pipeline.

    Raises:
        InputError: for a damaged record, with its shard, its number in the shard, and its id.
    """
    try:
        yield
    except tf.errors.OpError as error:
        if message := tf_errors.input_error(error.message):
            raise InputError(message) from error
        raise
