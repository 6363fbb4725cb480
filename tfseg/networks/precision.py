"""The number formats that layers compute in, by Keras's names of its policies."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Lets layers that are made inside have the policy `name`; the process's own comes back.

    By this way, because segmentation-models gives its layers no policy.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
