"""Which layers of a network are its encoder's, and in which order."""

from __future__ import annotations

from collections.abc import Iterable

import keras

from tfseg import checks


def mark_encoder(layers: Iterable[keras.layers.Layer]) -> None:
    """Marks all layers of an encoder, in an order that is the same in all networks with it."""
    for place, layer in enumerate(layers):
        layer.place_in_encoder = place


def encoder_layers(model: keras.Model) -> dict[int, keras.layers.Layer]:
    """Returns the layers of a network's encoder by their place in it.

    PSPNet has the first ones alone.
    """
    layers = [inner for each in model.layers for inner in getattr(each, "layers", [each])]
    return {each.place_in_encoder: each for each in layers if hasattr(each, "place_in_encoder")}


def encoder_variables(model: keras.Model) -> list[keras.Variable]:
    """Returns the trained variables of the encoder, in the order of the model's.

    Raises:
        InputError: there are none.
    """
    layers = encoder_layers(model).values()
    own = {id(variable) for layer in layers for variable in layer.trainable_variables}
    found = [variable for variable in model.trainable_variables if id(variable) in own]
    if not found:
        raise checks.InputError(
            "train.freeze_encoder and train.encoder_learning_rate need a network with an encoder: "
            f"of {model.name} no layer is marked by tfseg.networks.encoder.mark_encoder."
        )
    return found
