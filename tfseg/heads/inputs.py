"""What heads take: ids to make targets of, and the outputs of a network to decode."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import tensorflow as tf

from tfseg import checks
from tfseg.heads.base import Head, Maps


def check_labels(labels: tf.Tensor) -> None:
    """Checks the ids of a batch.

    Raises:
        InputError: no integers `[B, H, W]`.
    """
    labels = tf.convert_to_tensor(labels)
    if labels.shape.rank not in (3, None) or not labels.dtype.is_integer:
        raise checks.InputError(
            f"labels of a head must be ids [B, H, W] of integers; got {checks.shown(labels)}. "
            "Give label[None] for one image."
        )


def check_model(model: keras.Model, head: Head, channels: int) -> None:
    """Checks inputs and outputs of a network, if they are known before it is called.

    Raises:
        InputError: another number of channels, or as in `check_outputs`.
    """
    taken = (getattr(model, "input_shape", None) or [None])[-1]
    if taken not in (channels, None):
        raise checks.InputError(
            f"A network for model.channels {channels} must take them; got one for images of "
            f"{taken}. Make it with tfseg.build_model of the same ModelConfig."
        )
    outputs = getattr(model, "output", None)
    if outputs is not None:
        check_outputs(head, outputs)


def check_outputs(head: Head, outputs: Maps) -> None:
    """Checks the outputs of a network, by their names and channels.

    Raises:
        InputError: no maps `[B, H, W, channels]` named as in the head's `outputs`.
    """
    shapes = {}
    if isinstance(outputs, Mapping):
        shapes = {name: tf.TensorShape(maps.shape) for name, maps in outputs.items()}
    for name, count in head.outputs.items():
        if name not in shapes or not shapes[name].is_compatible_with([None, None, None, count]):
            rule = ", ".join(f"{key} [B, H, W, {number}]" for key, number in head.outputs.items())
            got = ", ".join(f"{key} {shape}" for key, shape in shapes.items())
            raise checks.InputError(
                f"Outputs for {type(head).__name__} must be a dict of {rule}; got "
                f"{got or checks.shown(outputs)}. Name the outputs of the network so, or make it "
                "with tfseg.build_model(config, network=model)."
            )
