"""Keeps autograph away from functions that are mapped over a dataset."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import tensorflow as tf

Function = TypeVar("Function", bound=Callable)


def no_autograph(function: Function) -> Function:
    """Marks `function` so that autograph does not rewrite it.

    No Python condition in this package depends on a tensor, so rewriting is useless. It would take
    0.6 s for the targets of a head, wrap an InputError in another error, and read source files
    again, even if they were edited while the program runs.
    """
    return tf.autograph.experimental.do_not_convert(function)
