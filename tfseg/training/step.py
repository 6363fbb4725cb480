"""One optimizer step and one validation batch, on every replica of a strategy.

Losses come as one value a sample and are divided by the global batch, so sums over replicas are
means over the global batch: the figures and gradients do not depend on the number of replicas.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from tfseg.heads import Head

Losses = dict[str, tf.Tensor]


def make_train_step(
    strategy: tf.distribute.Strategy,
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    head: Head,
    *,
    batch_size: int,
    jit_compile: bool,
) -> Callable[[tuple], Losses]:
    """Returns a compiled function: distributed batch (images, targets) -> losses, scalars.

    Keys are "loss" and "loss/NAME" for every part.

    Args:
        strategy: under which the next two were made.
        model: changed by every call.
        optimizer: built for the model's trainable variables.
        head: of the model.
        batch_size: of the global batch, samples.
        jit_compile: compiles forward and backward pass by XLA; for one replica only, because XLA
            cannot hold the all-reduce of synchronised batch normalisation.
    """
    losses, weights = head.losses(), head.loss_weights
    variables = model.trainable_variables

    def losses_and_gradients(images: tf.Tensor, targets: Losses) -> tuple[Losses, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            outputs = model(images, training=True)
            parts = {
                name: tf.reduce_sum(loss.call(targets[name], outputs[name])) / batch_size
                for name, loss in losses.items()
            }
            total = tf.add_n([weights[name] * part for name, part in parts.items()])
        return _named(total, parts), tape.gradient(total, [each.value for each in variables])

    if jit_compile:
        losses_and_gradients = tf.function(losses_and_gradients, autograph=False, jit_compile=True)

    def replica_step(images: tf.Tensor, targets: Losses) -> Losses:
        values, gradients = losses_and_gradients(images, targets)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return values

    return _distributed(strategy, replica_step)


def make_validation_step(
    strategy: tf.distribute.Strategy, model: keras.Model, head: Head
) -> Callable[[tuple], Losses]:
    """Returns a compiled function: batch (images, targets, weights) -> sums over its samples.

    Keys are "loss", "loss/NAME" for every part, and "count", the sum of the weights.
    """
    losses, loss_weights = head.losses(), head.loss_weights

    def replica_step(images: tf.Tensor, targets: Losses, weights: tf.Tensor) -> Losses:
        outputs = model(images, training=False)
        parts = {
            name: tf.reduce_sum(weights * loss.call(targets[name], outputs[name]))
            for name, loss in losses.items()
        }
        total = tf.add_n([loss_weights[name] * part for name, part in parts.items()])
        return _named(total, parts) | {"count": tf.reduce_sum(weights)}

    return _distributed(strategy, replica_step)


def _named(total: tf.Tensor, parts: Losses) -> Losses:
    return {"loss": total} | {f"loss/{name}": part for name, part in parts.items()}


def _distributed(
    strategy: tf.distribute.Strategy, replica_step: Callable[..., Losses]
) -> Callable[[tuple], Losses]:
    @tf.function(autograph=False)
    def step(batch: tuple) -> Losses:
        values = strategy.run(replica_step, args=batch)
        return {
            name: strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)
            for name, value in values.items()
        }

    return step
