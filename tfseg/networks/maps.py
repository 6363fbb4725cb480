"""The last layer of a network: the maps of the head from features."""

from __future__ import annotations

import keras

from tfseg.config import ModelConfig
from tfseg.heads import head_of
from tfseg.networks.layers import KeyedDropout


def num_maps(config: ModelConfig) -> int:
    """Returns the number of channels of all maps of the head."""
    return sum(head_of(config).outputs.values())


def maps_of(
    features: keras.KerasTensor, images: keras.KerasTensor, config: ModelConfig
) -> keras.KerasTensor:
    """Returns all maps of the head `[B, h, w, maps]`, logits, at the resolution of the features.

    Args:
        features: `[B, h, w, channels]`.
        images: the input of the network, from which dropout is drawn.
        config: of the network.
    """
    if config.dropout:
        features = KeyedDropout(config.dropout, name="dropout")([features, images])
    # One convolution for all maps: convolutions with few channels waste most of a CPU's time; with
    # three of them a training step of Unet with resnet18 took 8 % longer.
    return keras.layers.Conv2D(
        num_maps(config), 3, padding="same", dtype="float32", name=config.head
    )(features)
