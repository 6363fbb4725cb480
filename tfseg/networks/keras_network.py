"""A network that a person made with Keras: checked, and with the maps of the head at its end.

The network takes images and ends in one tensor of features, from which a last layer makes the maps
of the head, or in the maps themselves, by the names of the head's outputs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from tfseg import checks, compat
from tfseg.config import KERAS, NETWORKS, ModelConfig
from tfseg.heads import head_of
from tfseg.networks import keras_json
from tfseg.networks.layers import STRIDE, ResizeAs
from tfseg.networks.maps import maps_of
from tfseg.networks.precision import dtype_policy
from tfseg.networks.weights import assign

Network: TypeAlias = keras.Model | Callable[[ModelConfig], keras.Model]
NAME = "network"  # of the result of `with_maps`
_SIZE = 2 * STRIDE  # pixels of an image with which the resolution of the output is measured
_FREE = "keras.Input((None, None, {channels}))"


def registered(config: ModelConfig) -> Network | None:
    """Returns the function that is registered by the name of the architecture, if there is one."""
    return NETWORKS.get(config.architecture)


def described(
    network: Network, config: ModelConfig, *, seed: int
) -> tuple[ModelConfig, list[np.ndarray]]:
    """Returns a configuration that describes a network, and the network's initial weights.

    Args:
        network: a model, or a function that makes one from the configuration. Its last layer
            returns features `[B, h, w, n]` at 1/1, 1/2, ... or 1/32 of the resolution, or all
            maps of the head by name.
        config: with the channels and classes of the data set.
        seed: of the initial weights that a function draws, and of the head's layer.

    Raises:
        InputError: the network does not fit the head or the images, or Keras cannot make it again
            from its configuration.
    """
    checks.in_range("model.channels", config.channels, low=1)
    is_function = callable(network) and not isinstance(network, keras.Model)
    # Beside the strategy: the model that is trained is made from the configuration, as one that is
    # loaded later, so that both have the same variables in the same order.
    with tf.device("CPU:0"):
        with dtype_policy(keras_json.FOLLOWING), compat.seeded_initializers(seed):
            model = network(config) if is_function else network
            complete = with_maps(model, config)
        text = keras_json.text_of(model)
        with dtype_policy(keras_json.FOLLOWING if keras_json.follows(text) else "float32"):
            _check_copy(model, keras_json.model_of(text), config)
    config = dataclasses.replace(config, architecture=KERAS, network=text)
    return config, [np.array(variable) for variable in complete.variables]


def with_maps(network: keras.Model, config: ModelConfig) -> keras.Model:
    """Returns images `[B, H, W, C]` -> all maps of the head `[B, H, W, maps]`, logits.

    Raises:
        InputError: the network does not fit the head or the images.
    """
    _check_input(network, config)
    images = keras.Input((None, None, config.channels))
    outputs = _outputs(network, images)
    stride = _checked_stride(network, config)
    if isinstance(outputs, Mapping):
        parts = [outputs[name] for name in head_of(config).outputs]
        maps = keras.layers.Concatenate(dtype="float32")(parts) if parts[1:] else parts[0]
    else:
        maps = maps_of(outputs, images, config)
    if stride > 1:
        maps = ResizeAs(name="final_upsampling", dtype="float32")([maps, images])
    return keras.Model(images, maps, name=NAME)


def _outputs(network: keras.Model, images: Any) -> Any:
    """Returns the outputs for images, which a model may take as a list or dict of one."""
    structure = getattr(network, "input", images)  # those that were never called have none
    return network(tf.nest.pack_sequence_as(structure, [images]))


def _check_copy(network: keras.Model, copy: keras.Model, config: ModelConfig) -> None:
    """Checks that a network made again from its configuration computes the same."""
    rng = np.random.default_rng(0)
    image = rng.random((1, _SIZE, _SIZE, config.channels), np.float32)
    given = [np.asarray(variable) for variable in network.variables]
    if [value.shape for value in given] == [tuple(other.shape) for other in copy.variables]:
        assign(copy.variables, given)
        computed = (tf.nest.flatten(_outputs(model, image)) for model in (network, copy))
        if all(_is_close(one, other) for one, other in zip(*computed, strict=True)):
            return
    raise checks.InputError(
        f"The network {network.name}, made again from its configuration, computes other values. "
        "Return all arguments of its layers in their get_config."
    )


def _is_close(one: tf.Tensor, other: tf.Tensor) -> bool:
    return np.allclose(one, other, rtol=1e-3, atol=1e-5, equal_nan=True)


def _checked_stride(network: keras.Model, config: ModelConfig) -> int:
    """Returns the pixels of the image per pixel of the output, after checking the output."""
    try:
        outputs = _outputs(network, keras.Input((_SIZE, _SIZE, config.channels)))
    except ValueError as error:
        raise checks.InputError(
            f"The network {network.name} must take images of {_SIZE} x {_SIZE}, and does not "
            f'({keras_json.first_line(error)}). Use padding="same".'
        ) from error
    if network.losses:
        raise checks.InputError(
            f"The network {network.name} must have no losses or regularizers of its layers, which "
            f"the training does not add; got {len(network.losses)}. Use optimizer.weight_decay."
        )
    if isinstance(outputs, Mapping):
        _check_maps(network, outputs, config)
        return _stride(network, next(iter(outputs.values())))
    if not isinstance(outputs, keras.KerasTensor):
        raise checks.InputError(
            f"The network {network.name} must return features [B, H, W, channels], one tensor, or "
            f"a dict with {_wanted(config)}; got {len(outputs)} outputs without names."
        )
    return _stride(network, outputs)


def _check_input(network: keras.Model, config: ModelConfig) -> None:
    if not isinstance(network, keras.Model):
        raise checks.InputError(
            "network must be a keras.Model, or a function that takes the ModelConfig and returns "
            f"one; got {type(network).__name__}."
        )
    inputs = getattr(network, "inputs", None) or []  # a subclass of keras.Model has none
    free = _FREE.format(channels=config.channels)
    if len(inputs) > 1:
        raise checks.InputError(
            f"The network {network.name} must take one tensor of images; got {len(inputs)} inputs."
        )
    for shape in (tuple(tensor.shape) for tensor in inputs):
        if len(shape) != 4 or shape[3] != config.channels:
            raise checks.InputError(
                f"The network {network.name} must take images [B, H, W, {config.channels}], as in "
                f"the data set; it takes {shape}. Make it with {free}; grey images become colours "
                "by keras.layers.Concatenate()([images] * 3)."
            )
        if shape[1:3] != (None, None):
            raise checks.InputError(
                f"The network {network.name} must take images of any size, because whole images "
                f"and tiles are predicted; it takes {shape}. Make it with {free}."
            )


def _check_maps(network: keras.Model, outputs: Mapping[str, Any], config: ModelConfig) -> None:
    wanted = head_of(config).outputs
    shapes = {name: tuple(tensor.shape) for name, tensor in outputs.items()}
    for name in (*wanted, *shapes):
        if name not in shapes or name not in wanted:
            fault = "lacks" if name in wanted else "has"
            raise checks.InputError(
                f"The network {network.name} must return {_wanted(config)}; it {fault} {name}, and "
                f"returns {_listed(shapes)}. Or end it in features, one tensor, without names."
            )
        if len(shapes[name]) != 4 or shapes[name][3] != wanted[name]:
            raise checks.InputError(
                f"The output {name} of the network {network.name} must have the shape [B, H, W, "
                f"{wanted[name]}] for the head {config.head}; got {_free(shapes[name])}."
            )
    if len({shape[1:3] for shape in shapes.values()}) > 1:
        raise checks.InputError(
            f"All outputs of the network {network.name} must have one resolution; got for an image "
            f"of {_SIZE} x {_SIZE}: {_listed(shapes)}."
        )
    if config.dropout:
        raise checks.InputError(
            "model.dropout has no effect with a network that ends in the maps of the head; got "
            f"{config.dropout}. Leave it out, or end the network in features."
        )


def _stride(network: keras.Model, output: keras.KerasTensor) -> int:
    shape = tuple(output.shape)
    if len(shape) != 4:
        raise checks.InputError(
            f"The network {network.name} must return features [B, H, W, channels]; got the shape "
            f"{_free(shape)}. Leave out its pooling and dense layers, as by include_top=False."
        )
    height, width = shape[1:3]
    if height != width or not height or STRIDE % (_SIZE // height) or _SIZE % height:
        raise checks.InputError(
            f"The network {network.name} must return the resolution of the image divided by 1, 2, "
            f"4, 8, 16 or {STRIDE}; an image of {_SIZE} x {_SIZE} gives {height} x {width}. Use "
            'padding="same".'
        )
    return _SIZE // height


def _wanted(config: ModelConfig) -> str:
    return f"the maps of the head {config.head}, {_listed(head_of(config).outputs)}"


def _listed(channels: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {_free(value) if isinstance(value, tuple) else f'({value})'}"
        for name, value in channels.items()
    )


def _free(shape: tuple[int | None, ...]) -> str:
    return f"[{', '.join(['B', *map(str, shape[1:])])}]"
