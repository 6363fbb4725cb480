"""Keras's preprocessing layers, one after the other, on image and mask in `Dataset.map`.

They have no probability and no border "reflect_101"; their "reflect" takes the same time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import pipeline
import protocol
import tensorflow as tf


def build(policy: list[dict[str, Any]], inputs: protocol.Arrays) -> protocol.Step:
    """Returns the work: the layers equivalent to flips and ShiftScaleRotate."""
    layers = [layer for layer in map(_layers, policy) for layer in layer]

    def augment(example: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        data = {"images": example["image"], "segmentation_masks": example["label"][..., None]}
        for layer in layers:
            data = layer(data, training=True)
        return data["images"], data["segmentation_masks"]

    iterator = pipeline.iterate(pipeline.endless(inputs).map(augment))
    return lambda: next(iterator)


def _layers(entry: dict[str, Any]) -> list[keras.layers.Layer]:
    if entry["name"] == "HorizontalFlip":
        return [keras.layers.RandomFlip("horizontal_and_vertical", seed=0)]
    if entry["name"] == "VerticalFlip":
        return []  # the layer above does both, which is cheaper than two layers
    if entry["name"] != "ShiftScaleRotate":
        raise ValueError(f"{entry['name']} has no equivalent layer.")
    shift = tuple(entry["shift_limit"])
    return [
        keras.layers.RandomRotation([degrees / 360.0 for degrees in entry["rotate_limit"]], seed=0),
        keras.layers.RandomZoom(tuple(entry["scale_limit"]), seed=0),
        keras.layers.RandomTranslation(shift, shift, seed=0),
    ]


if __name__ == "__main__":
    pipeline.use_threads(1)
    protocol.serve(build, {"keras": keras.__version__, "tensorflow": tf.__version__})
