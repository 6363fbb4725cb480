"""Marks the layers of a network's encoder, and finds marked layers."""

from __future__ import annotations

from collections.abc import Iterable

import keras

from tfseg import checks, compat

ENCODER = "encoder"  # name of the part of a Keras network that is its encoder


def mark_encoder(layers: Iterable[keras.layers.Layer]) -> None:
    """Marks the layers of an encoder with their positions, the same in all its networks."""
    for position, layer in enumerate(layers):
        layer.position_in_encoder = position


def mark_named_encoder(network: keras.Model) -> None:
    """Marks the model called encoder in a Keras network, if there is one, as a single layer."""
    mark_encoder(layer for layer in network.layers if layer.name == ENCODER)


def encoder_layers(model: keras.Model) -> dict[int, keras.layers.Layer]:
    """Returns the layers of a network's encoder by their position in it.

    PSPNet has only the first ones.
    """
    layers = compat.inner_layers(model)
    marked = [layer for layer in layers if hasattr(layer, "position_in_encoder")]
    return {layer.position_in_encoder: layer for layer in marked}


def encoder_variables(model: keras.Model) -> list[keras.Variable]:
    """Returns the trained variables of the encoder, in the order of the model's variables.

    Raises:
        InputError: there are none.
    """
    layers = encoder_layers(model).values()
    encoder_ids = {id(variable) for layer in layers for variable in layer.trainable_variables}
    variables = [variable for variable in model.trainable_variables if id(variable) in encoder_ids]
    if not variables:
        raise checks.InputError(
            "optimizer.freeze_encoder and optimizer.encoder_learning_rate need a network with an "
            f"encoder: {model.name} has none. In a Keras network it is a model called {ENCODER}."
        )
    return variables
