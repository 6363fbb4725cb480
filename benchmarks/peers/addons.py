"""tensorflow-addons 0.23: a gather warp for each transform, in `Dataset.map`.

The flows are prepared before, so the time to draw and smooth them is not counted. tensorflow-addons
does not warp ids; this script gathers them from the nearest pixel.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import pipeline
import protocol
import tensorflow as tf

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it announces its end
    import tensorflow_addons as tfa

Pair = tuple[tf.Tensor, tf.Tensor]


def build(
    policy: list[dict[str, Any]], inputs: protocol.Arrays, *, operations: bool = False
) -> protocol.Step:
    """Returns the work.

    Args:
        policy: geometric transforms.
        inputs: image and label.
        operations: flips and affine transforms by operations of TensorFlow and tensorflow-addons,
            instead of a gather warp.
    """
    size = inputs["label"].shape
    flows = {entry["name"]: _flow(size) for entry in policy}

    def augment(example: Mapping[str, tf.Tensor]) -> Pair:
        pair = tf.cast(example["image"], tf.float32), example["label"]
        for name, flow in flows.items():
            operation = _OPERATIONS.get(name) if operations else None
            pair = operation(*pair) if operation else _warp(*pair, flow)
        return pair

    iterator = pipeline.iterate(pipeline.endless(inputs).map(augment))
    return lambda: next(iterator)


def _flow(size: tuple[int, int]) -> tf.Tensor:
    return tf.image.resize(tf.random.normal([8, 8, 2], stddev=5.0, seed=0), size, "bicubic")


def _warp(image: tf.Tensor, label: tf.Tensor, flow: tf.Tensor) -> Pair:
    height, width = label.shape
    grid = tf.stack(tf.meshgrid(tf.range(height), tf.range(width), indexing="ij"), axis=-1)
    nearest = tf.cast(tf.round(tf.cast(grid, tf.float32) - flow), tf.int32)
    nearest = tf.clip_by_value(nearest, 0, [height - 1, width - 1])
    return tfa.image.dense_image_warp(image[None], flow[None])[0], tf.gather_nd(label, nearest)


def _flip(image: tf.Tensor, label: tf.Tensor) -> Pair:
    return image[:, ::-1], label[:, ::-1]


def _affine(image: tf.Tensor, label: tf.Tensor) -> Pair:
    sine, cosine = math.sin(0.5), math.cos(0.5)
    matrix = [cosine, -sine, 50.0, sine, cosine, -50.0, 0.0, 0.0]
    moved = tfa.image.transform(image, matrix, "bilinear", "reflect")
    return moved, tfa.image.transform(label, matrix, "nearest", "reflect")


_OPERATIONS = {"HorizontalFlip": _flip, "ShiftScaleRotate": _affine}

if __name__ == "__main__":
    pipeline.use_threads(1)
    protocol.serve(build, {"tensorflow-addons": tfa.__version__, "tensorflow": tf.__version__})
