"""What a chain takes: shapes and dtypes, known before anything runs, and the values themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfseg import checks
from tfseg.augment.base import Example
from tfseg.ids import MAX_ID

_ROUNDING = 1e-3  # beyond [0, 1], which resizing and half precision make of values inside


def checked(example: Example) -> Example:
    """Checks image, label and further entries, and returns them.

    Values are checked where the dtype allows wrong ones: floats of the image, ids of more than 31
    bits. In a graph they are checked when it runs, by an operation before all that use them.

    Raises:
        InputError: other shapes or dtypes; run eagerly, also values out of range.
        tf.errors.InvalidArgumentError: values out of range in a graph, with the same message.
    """
    _check_form(example)
    image, label = example["image"], example["label"]
    if image.dtype.is_floating:
        message = "Images of floats must be in [0, 1]; divide by their largest value, or clip them."
        image = _within(image, -_ROUNDING, 1 + _ROUNDING, message)
    if label.dtype.max > MAX_ID:
        message = f"Labels must have ids up to {MAX_ID}; renumber the instances."
        label = _within(label, max(label.dtype.min, -MAX_ID), MAX_ID, message)
    return {**example, "image": image, "label": label}


def check_fill(example: Example, names: Sequence[str], fill: int) -> None:
    """Checks that entries can hold the number that pixels beyond the border become.

    Raises:
        InputError: it is beyond the range of a dtype, such as -1 of uint8, or rounded by it.
    """
    for name in names:
        dtype = example[name].dtype
        with np.errstate(over="ignore"):
            held = float(np.asarray(fill).astype(dtype.as_numpy_dtype))
        if held != fill:
            raise checks.InputError(
                f"Sampling.fill must be a number that {name!r} can hold, which is {dtype.name}; "
                f"got {fill}. Give {name!r} as int32, or another fill."
            )


def _within(values: tf.Tensor, low: float, high: float, message: str) -> tf.Tensor:
    """Returns `values` once all of them are known to lie in [low, high], which NaN does not."""
    inside = (values >= tf.cast(low, values.dtype)) & (values <= tf.cast(high, values.dtype))
    every, extremes = tf.reduce_all(inside), (tf.reduce_min(values), tf.reduce_max(values))
    if not tf.executing_eagerly():
        with tf.control_dependencies([tf.debugging.Assert(every, [f"{message} Got", *extremes])]):
            return tf.identity(values)
    if not every:
        raise checks.InputError(f"{message} Got {extremes[0]} to {extremes[1]}.")
    return values


def _check_form(example: Example) -> None:
    image, label = example["image"], example["label"]
    if (image.shape.rank, label.shape.rank) not in ((3, 2), (4, 3)):
        raise checks.InputError(
            "Image and label must be [H, W, C] and [H, W], or [B, H, W, C] and [B, H, W]; "
            f"got {image.shape} and {label.shape}. A grey image needs a channel axis of 1."
        )
    if not label.dtype.is_integer:
        raise checks.InputError(f"Labels must be integer ids; got {label.dtype.name}.")
    size = label.shape[-2:]
    if None in size or image.shape[-1] is None:
        raise checks.InputError(
            "Height, width and channels must be static; "
            f"got {image.shape} and {label.shape}. Crop or resize them first."
        )
    for name, value in example.items():
        if name != "label" and not (value.dtype.is_floating or value.dtype.is_integer):
            raise checks.InputError(f"{name!r} must be numbers; got {value.dtype.name}.")
        shape = value.shape[label.shape.rank - 2 : label.shape.rank]
        if shape != size:
            raise checks.InputError(
                f"{name!r} and label must have one size; got {shape} and {size}."
            )
    if not (image.dtype.is_floating or image.dtype in (tf.uint8, tf.uint16)):
        raise checks.InputError(
            f"Images must be uint8, uint16 or floats in [0, 1]; got {image.dtype.name}."
        )
