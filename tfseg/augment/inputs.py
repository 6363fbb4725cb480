"""What a chain takes: shapes and dtypes, known before anything runs, and the values themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from tfseg import checks, random
from tfseg.augment.base import Example, Params
from tfseg.ids import MAX_ID
from tfseg.kernels.field import Size

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


def check_entries(example: Mapping[str, tf.Tensor], names: Sequence[str]) -> None:
    """Checks that an example maps these names to tensors.

    Raises:
        InputError: it is something else, such as a pair (image, label), or an entry is missing.
    """
    rule = f"An example must map {', '.join(map(repr, names))} to tensors"
    remedy = 'Give {"image": image, "label": label}.'
    if not isinstance(example, Mapping):
        kind = type(example).__name__
        raise checks.InputError(f"{rule}; got a value of the type {kind}. {remedy}")
    missing = [name for name in names if name not in example]
    if missing:
        entries = ", ".join(map(repr, example))
        raise checks.InputError(f"{rule}; got {entries} without {missing[0]!r}. {remedy}")


def check_batch(example: Mapping[str, tf.Tensor]) -> None:
    """Checks a batch before a layer takes it; run eagerly, also its values.

    Raises:
        InputError: it is not {"image" `[B, H, W, C]`, "label" `[B, H, W]`}, or as in `checked`.
    """
    check_entries(example, ("image", "label"))
    if len(example["image"].shape) != 4:
        raise checks.InputError(
            f"Augmentation must get a batch of images [B, H, W, C]; got {example['image'].shape}. "
            "Add an axis, image[None] and label[None], or put the layer after batch."
        )
    if not keras.backend.is_keras_tensor(example["image"]) and tf.executing_eagerly():
        checked({name: tf.convert_to_tensor(example[name]) for name in ("image", "label")})


def cut(entries: Example, size: Size, params: Params) -> Example:
    """Cuts entries `[H, W, ...]` of unknown size at one position, as RandomCrop does.

    Args:
        entries: image, label and others.
        size: (h, w) of the part.
        params: "y" and "x" of RandomCrop.

    Raises:
        tf.errors.InvalidArgumentError: entries of different sizes, or smaller than the part.
    """
    sizes = [tf.shape(value)[:2] for value in entries.values()]
    rule = f"RandomCrop needs an image and label of one size from {size[0]} x {size[1]} on; got"
    good = tf.reduce_all([tf.reduce_all(sizes[0] == other) for other in sizes])
    good &= tf.reduce_all(sizes[0] >= size)
    remedy = "Pad or resize smaller images before they are augmented."
    with tf.control_dependencies([tf.debugging.Assert(good, [rule, *sizes, remedy])]):
        positions = tf.cast(sizes[0] - size + 1, tf.float32)
    top, left = tf.unstack(tf.cast(tf.floor([params["y"], params["x"]] * positions), tf.int32))
    return {
        name: tf.ensure_shape(
            value[top : top + size[0], left : left + size[1]], [*size, *value.shape[2:]]
        )
        for name, value in entries.items()
    }


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


def seeds(seed: tf.Tensor | int, label: tf.Tensor) -> tf.Tensor:
    """Returns the seed `[2]` int32 of an image with this label, or the seeds `[B, 2]` of a batch.

    Raises:
        InputError: another seed.
    """
    batched, given = label.shape.rank == 3, checks.shown(seed)
    seed = (
        random.root(int(seed)) if isinstance(seed, int | np.integer) else tf.convert_to_tensor(seed)
    )
    if seed.dtype.is_integer and seed.shape.rank == 1 and seed.shape.is_compatible_with([2]):
        seed = tf.cast(seed, tf.int32)
        return random.for_each(seed, tf.shape(label)[0]) if batched else seed
    count = label.shape[0] if batched else None
    if not (batched and seed.dtype.is_integer and seed.shape.is_compatible_with([count, 2])):
        per_image = f", or [{count or 'B'}, 2] for each image" if batched else ""
        raise checks.InputError(
            f"seed must be a whole number, or [2] of int32{per_image}; got {given}. "
            "Give 0, or tfseg.random.root(0)."
        )
    return tf.cast(seed, tf.int32)


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


def check_ranks(example: Mapping[str, tf.Tensor]) -> None:
    """Checks that image and label are those of one sample, or of a batch.

    Raises:
        InputError: other numbers of axes.
    """
    image, label = (tf.convert_to_tensor(example[name]) for name in ("image", "label"))
    if (image.shape.rank, label.shape.rank) not in ((3, 2), (4, 3)):
        raise checks.InputError(
            "Image and label must be [H, W, C] and [H, W], or [B, H, W, C] and [B, H, W]; "
            f"got {image.shape} and {label.shape}. A grey image needs a channel axis of 1."
        )


def _check_form(example: Example) -> None:
    check_ranks(example)
    image, label = example["image"], example["label"]
    if not label.dtype.is_integer:
        raise checks.InputError(f"Labels must be integer ids; got {label.dtype.name}.")
    size = label.shape[-2:]
    if None in size or image.shape[-1] is None:
        raise checks.InputError(
            "Height, width and channels must be static; "
            f"got {image.shape} and {label.shape}. Put RandomCrop first, or crop or resize them."
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
