"""One optimizer step and one validation batch, on every replica of a strategy.

Losses come as one value a sample and are divided by the samples of the whole step, so sums over
replicas and batches are means over the step: figures and gradients depend neither on the number of
replicas nor on how many batches a step is cut into.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import keras
import tensorflow as tf

from tfseg.compat import gradients_are_sums, skip_variable_search
from tfseg.heads import Head
from tfseg.metrics import graph
from tfseg.training.averaging import WeightAverage
from tfseg.training.encoder_rate import EncoderRate
from tfseg.training.loss_scale import LossScale

Losses = dict[str, tf.Tensor]
Gradients = list[tf.Tensor]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trained:
    """What a step changes, all of it made under `strategy`.

    Attributes:
        strategy: the devices.
        model: the network.
        head: of the model.
        optimizer: built for the model's trainable variables.
        average: of the model's weights, or None.
        loss_scale: of the backward pass, or None.
        encoder: how it is moved, or None, as the rest.
    """

    strategy: tf.distribute.Strategy
    model: keras.Model
    head: Head
    optimizer: keras.optimizers.Optimizer
    average: WeightAverage | None = None
    loss_scale: LossScale | None = None
    encoder: EncoderRate | None = None


def make_train_step(
    trained: Trained, *, samples: int, clip_norm: float = 0.0, jit_compile: bool = False
) -> Callable[..., Losses]:
    """Returns a compiled function: distributed batches (images, targets), ... -> losses, scalars.

    Keys are "loss", "loss/NAME" for every part, "gradient_norm" before clipping, and "skipped",
    which is 1 where one of them was not finite, else 0: such a step changes nothing but the loss
    scale. "loss_scale" is there where the step has one.

    Args:
        trained: changed by every call.
        samples: of one step, over all its batches and replicas.
        clip_norm: global norm to which the gradients of the whole step are scaled down; 0 leaves
            them.
        jit_compile: compiles forward and backward pass by XLA; for one replica only, because XLA
            cannot hold the all-reduce of synchronised batch normalisation.
    """
    strategy, model, optimizer = trained.strategy, trained.model, trained.optimizer
    of_batch = _losses_and_gradients(model, trained.head, samples)
    if jit_compile:
        of_batch = tf.function(of_batch, autograph=False, jit_compile=True)

    def replica_gradients(scale: tf.Tensor | None, *batches: tuple) -> tuple[Losses, Gradients]:
        values, gradients = of_batch(*batches[0], scale)
        for batch in batches[1:]:
            more, further = of_batch(*batch, scale)
            values = {name: value + more[name] for name, value in values.items()}
            gradients = [a + b for a, b in zip(gradients, further, strict=True)]
        # Before anything looks at them: norm and finiteness are those of the sum. All in one
        # exchange, since between hosts each takes its time.
        context = tf.distribute.get_replica_context()
        gradients, values = context.all_reduce("SUM", (gradients, values))
        if scale is not None:
            gradients = [each / scale for each in gradients]
        norm = tf.linalg.global_norm(gradients)
        if clip_norm:
            gradients = [each * (clip_norm / tf.maximum(norm, clip_norm)) for each in gradients]
        return values | {"gradient_norm": norm}, gradients

    def replica_update(gradients: Gradients) -> None:
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    def move(gradients: Gradients) -> None:
        with gradients_are_sums(optimizer):
            strategy.run(replica_update, args=(gradients,))

    @tf.function(autograph=False)
    def step(*batches: tuple) -> Losses:
        statistics = [tf.identity(each.value) for each in model.non_trainable_variables]
        scale = trained.loss_scale.value() if trained.loss_scale else None
        with skip_variable_search():
            per_replica, gradients = strategy.run(replica_gradients, args=(scale, *batches))
        values = {
            name: strategy.experimental_local_results(value)[0]
            for name, value in per_replica.items()
        }

        def update() -> tf.Tensor:
            if trained.encoder:
                trained.encoder.around(lambda: move(gradients), optimizer.iterations.value)
            else:
                move(gradients)
            if trained.average:
                trained.average.update(optimizer.iterations.value)
            return tf.constant(0.0)

        def undo() -> tf.Tensor:
            for variable, before in zip(model.non_trainable_variables, statistics, strict=True):
                variable.assign(before)
            return tf.constant(1.0)

        # Outside the replicas: the optimizer's exchange between them cannot stand in a branch.
        norm = values["gradient_norm"]
        finite = tf.math.is_finite(values["loss"]) & tf.math.is_finite(norm)
        values["skipped"] = tf.cond(finite, update, undo)
        if trained.loss_scale:
            trained.loss_scale.follow(finite)
            values["loss_scale"] = scale
        return values

    return step


def make_validation_step(
    strategy: tf.distribute.Strategy, model: keras.Model, head: Head
) -> Callable[[tuple], Losses]:
    """Returns a compiled function: batch (images, targets, weights, labels) -> sums of its samples.

    Keys are "loss", "loss/NAME" for every part, "count", the sum of the weights, and those of
    `metrics.graph.count`: of the instances that the head finds, against `labels` `[B, H, W]`.
    """
    losses, loss_weights = head.losses(), head.loss_weights

    def replica_step(
        images: tf.Tensor, targets: Losses, weights: tf.Tensor, labels: tf.Tensor
    ) -> Losses:
        outputs = model(images, training=False)
        parts = {
            name: tf.reduce_sum(weights * loss.call(targets[name], outputs[name]))
            for name, loss in losses.items()
        }
        total = tf.add_n([loss_weights[name] * part for name, part in parts.items()])
        found = graph.count(labels, head.decode(outputs).labels, weights)
        return _named(total, parts) | found | {"count": tf.reduce_sum(weights)}

    @tf.function(autograph=False)
    def step(batch: tuple) -> Losses:
        return _summed(strategy, strategy.run(replica_step, args=batch))

    return step


def _losses_and_gradients(
    model: keras.Model, head: Head, samples: int
) -> Callable[..., tuple[Losses, Gradients]]:
    losses, weights = head.losses(), head.loss_weights
    variables = model.trainable_variables

    def of_batch(
        images: tf.Tensor, targets: Losses, scale: tf.Tensor | None
    ) -> tuple[Losses, Gradients]:
        with tf.GradientTape() as tape:
            outputs = model(images, training=True)
            parts = {
                name: tf.reduce_sum(loss.call(targets[name], outputs[name])) / samples
                for name, loss in losses.items()
            }
            total = tf.add_n([weights[name] * part for name, part in parts.items()])
            scaled = total if scale is None else total * scale
        return _named(total, parts), tape.gradient(scaled, [each.value for each in variables])

    return of_batch


def _named(total: tf.Tensor, parts: Losses) -> Losses:
    return {"loss": total} | {f"loss/{name}": part for name, part in parts.items()}


def _summed(strategy: tf.distribute.Strategy, values: Losses) -> Losses:
    return {
        name: strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)
        for name, value in values.items()
    }
