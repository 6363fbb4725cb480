"""tfseg: a chain in `Dataset.map`, or on a device after batching."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import pipeline
import protocol
import tensorflow as tf

import tfseg

THREADS = int(os.environ["PEER_THREADS"])


def build(
    policy: list[dict[str, Any]],
    inputs: protocol.Arrays,
    *,
    workers: int = 0,
    batch: int = 0,
    at_once: bool = False,
    device: bool = False,
) -> protocol.Step:
    """Returns the work.

    Args:
        policy: plain values of transforms.
        inputs: image and label.
        workers: workers of `Dataset.map`; 0 maps without further threads.
        batch: images per step; 0 takes a single one.
        at_once: one call of the chain per batch instead of one per image.
        device: augment a batch that is already on the device, outside of `Dataset.map`.
    """
    chain = tfseg.augment.Chain(tfseg.augment.from_spec(policy))
    if device:
        return _on_device(chain, inputs, batch)
    dataset = pipeline.endless(inputs).enumerate()
    if at_once:
        dataset = dataset.batch(batch, drop_remainder=True)

    def augment(index: tf.Tensor, example: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return chain(example, _seeds(index))

    dataset = dataset.map(augment, num_parallel_calls=workers or None)
    if workers:
        return _several(iter(pipeline.prompt(dataset, threads=THREADS)), batch)
    if batch and not at_once:
        dataset = dataset.batch(batch, drop_remainder=True)
    iterator = pipeline.iterate(dataset)

    def step() -> tuple[tf.Tensor, tf.Tensor]:
        moved = next(iterator)
        return moved["image"], moved["label"]

    return step


def _seeds(index: tf.Tensor) -> tf.Tensor:
    root = tfseg.random.root(0)
    if index.shape.rank == 0:
        return tfseg.random.fold_in(root, index)
    return tf.map_fn(
        lambda number: tfseg.random.fold_in(root, number), index, fn_output_signature=tf.int32
    )


def _several(iterator: Iterator[Mapping[str, tf.Tensor]], count: int) -> protocol.Step:
    """Takes `count` images per step: between two steps each worker makes only one in advance."""

    def step() -> tuple[tf.Tensor, tf.Tensor]:
        for _ in range(count):
            moved = next(iterator)
        return moved["image"], moved["label"]

    return step


def _on_device(chain: tfseg.augment.Chain, inputs: protocol.Arrays, batch: int) -> protocol.Step:
    images = {name: tf.stack([value] * batch) for name, value in inputs.items()}
    counter = tf.Variable(0, dtype=tf.int64)

    @tf.function(autograph=False)
    def call() -> tuple[tf.Tensor, tf.Tensor]:
        first = counter.assign_add(batch)
        moved = chain(images, _seeds(tf.range(batch, dtype=tf.int64) + first))
        return moved["image"], moved["label"]

    def step() -> tuple[tf.Tensor, tf.Tensor]:
        image, label = call()
        image[0, 0, 0, 0].numpy()  # waits for the device
        return image, label

    return step


if __name__ == "__main__":
    if THREADS:
        pipeline.use_threads(THREADS)
    gpus = tf.config.list_physical_devices("GPU")
    protocol.serve(
        build,
        {
            "tfseg": tfseg.__version__,
            "tensorflow": tf.__version__,
            "gpus": [tf.config.experimental.get_device_details(gpu) for gpu in gpus],
        },
    )
