"""Trains your Keras network: an encoder of keras.applications under a small decoder.

python examples/own_network.py nuclei-keras
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras

import tfseg

SKIPS = [f"block_{number}_expand_relu" for number in (1, 3, 6)]  # at 1/2, 1/4 and 1/8


def network(config: tfseg.ModelConfig) -> keras.Model:
    """Returns images [B, H, W, channels] in [0, 1] -> features [B, H / 2, W / 2, 48]."""
    shape = (None, None, config.channels)
    base = keras.applications.MobileNetV2(shape, alpha=0.35, include_top=False, weights=None)
    encoder = keras.Model(base.input, [base.get_layer(n).output for n in SKIPS], name="encoder")
    images = keras.Input(shape)
    *skips, features = encoder(keras.layers.Rescaling(2.0, offset=-1.0)(images))
    for skip in reversed(skips):
        features = keras.layers.Concatenate()([keras.layers.UpSampling2D()(features), skip])
        features = keras.layers.Conv2D(48, 3, padding="same", activation="relu")(features)
    return keras.Model(images, features)


def main(out: Path, config: tfseg.RunConfig) -> tfseg.Evaluation:
    """Trains the network, and scores it."""
    dataset = tfseg.convert(tfseg.sample.path(), out / "data", class_name="nucleus")
    tfseg.Trainer(config, out / "run", network=network).fit(dataset)
    return tfseg.evaluate(tfseg.load(out / "run"), dataset, "test")


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), tfseg.RunConfig()).as_table())
