"""Your training loop on the batches, losses and decoding of tfseg: loop(DATASET, steps)."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

import tfseg


def loop(dataset: tfseg.Dataset, steps: int) -> tuple[list[float], tfseg.Segmenter]:
    """Returns the losses of the steps, and the network that finds instances."""
    model_config = tfseg.ModelConfig(channels=dataset.info.channels)
    config = tfseg.RunConfig(model=model_config, train=tfseg.TrainConfig(steps=steps))
    head = tfseg.make_head(config.model.head)
    losses, weights = head.losses(), head.loss_weights
    images = keras.Input((None, None, dataset.info.channels))
    features = keras.layers.Conv2D(16, 5, padding="same", activation="relu")(images)
    model = tfseg.build_model(config.model, keras.Model(images, features))
    optimizer = keras.optimizers.Adam(1e-3)

    @tf.function
    def step(images: tf.Tensor, targets: dict[str, tf.Tensor]) -> tf.Tensor:
        with tf.GradientTape() as tape:
            maps = model(images, training=True)
            loss = sum(weights[name] * losses[name](targets[name], maps[name]) for name in maps)
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    batches = tfseg.training_batches(dataset, config, head).take(steps)
    rows = [float(step(images, targets)) for images, targets in batches]
    decoded = head.decode(model(np.zeros((1, 64, 64, dataset.info.channels), np.float32)))
    assert decoded.labels.shape == (1, 64, 64)
    return rows, tfseg.Segmenter(model, config.model)
