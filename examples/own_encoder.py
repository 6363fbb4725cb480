"""Trains a Keras network with an encoder of KerasHub: python examples/own_encoder.py nuclei-hub.

Needs keras-hub (pip install keras-hub). Nothing is downloaded: the weights start from scratch.
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import keras_hub

import tfseg


def network(config: tfseg.ModelConfig) -> keras.Model:
    """Returns images [B, H, W, channels] in [0, 1] -> features [B, H / 4, W / 4, 48]."""
    encoder = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 128, 256],
        stackwise_num_blocks=[1, 1, 1],
        stackwise_num_strides=[1, 2, 2],
        block_type="basic_block",
        image_shape=(None, None, config.channels),
    )
    *skips, features = encoder.pyramid_outputs.values()  # at 1/4, 1/8 and 1/16
    for skip in reversed(skips):
        features = keras.layers.Concatenate()([keras.layers.UpSampling2D()(features), skip])
        features = keras.layers.Conv2D(48, 3, padding="same", activation="relu")(features)
    return keras.Model(encoder.input, features)


if __name__ == "__main__":
    data = tfseg.convert(tfseg.sample.path(), Path(sys.argv[1]) / "data", class_name="nucleus")
    tfseg.Trainer(tfseg.RunConfig(), Path(sys.argv[1]) / "run", network=network).fit(data)
