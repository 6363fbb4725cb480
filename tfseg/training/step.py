"""One optimizer step and one validation batch, on every replica of a strategy.

Losses have one value per sample and are divided by the number of samples of the step, so their sums
over replicas and batches are means over the step. Losses and gradients therefore depend neither on
the number of replicas nor on the number of batches of a step.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfseg import placement
from tfseg.compat import gradients_are_sums, skip_variable_search
from tfseg.heads import Head
from tfseg.metrics import graph
from tfseg.training.averaging import WeightAverage
from tfseg.training.encoder_rate import EncoderRate
from tfseg.training.loss_scale import LossScale
from tfseg.training.statistics import exchanged_once

Losses = dict[str, tf.Tensor]
Gradients = list[tf.Tensor]


@dataclasses.dataclass(eq=False, kw_only=True)
class TrainStep:
    """One optimizer step: distributed batches (images, targets), ... -> losses, scalars.

    Keys are "loss", "loss/NAME" for every part, "gradient_norm" before clipping, and "skipped": 1
    if loss or norm is not finite, else 0. A skipped step changes only the loss scale. With loss
    scaling, "loss_scale" is the scale of this step.

    Attributes:
        strategy: the devices; everything below is made under it.
        model: the network.
        head: of the model.
        optimizer: built for the model's trainable variables.
        average: of the model's weights, or None.
        loss_scale: of the backward pass, or None.
        encoder_rate: learning rate of the encoder, if it has another one, or None.
        samples: number of samples of a step, over all its batches and replicas.
        prepare: batch of the input, without its tuple -> images and targets, on each replica; None
            where the input has them.
        clip_norm: global norm to which the gradients of the step are scaled down; 0 does not clip.
        jit_compile: compiles forward and backward pass by XLA; for one replica only, because XLA
            cannot compile the all-reduce of synchronised batch normalisation.
        compiled: the TensorFlow function that a call runs.
    """

    strategy: tf.distribute.Strategy
    model: keras.Model
    head: Head
    optimizer: keras.optimizers.Optimizer
    average: WeightAverage | None = None
    loss_scale: LossScale | None = None
    encoder_rate: EncoderRate | None = None
    samples: int
    prepare: Callable[..., tuple] | None = None
    clip_norm: float = 0.0
    jit_compile: bool = False
    compiled: Callable[..., Losses] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.compiled = tf.function(self._step, autograph=False)
        self._call = traced_once(self.compiled)
        self._losses, self._weights = self.head.losses(), self.head.loss_weights
        self._batch_gradients: Callable[..., tuple[Losses, Gradients]] = self._differentiate
        if self.jit_compile:
            self._batch_gradients = tf.function(
                self._differentiate, autograph=False, jit_compile=True
            )

    def __call__(self, *batches: tuple) -> Losses:
        """Runs the step."""
        return self._call(*batches)

    def _step(self, *batches: tuple) -> Losses:
        statistics = [tf.identity(old.value) for old in self.model.non_trainable_variables]
        scale = self.loss_scale.value() if self.loss_scale else None
        with skip_variable_search(), exchanged_once(self.strategy):
            per_replica, gradients = self.strategy.run(self._gradients, args=(scale, *batches))
        values = {
            name: self.strategy.experimental_local_results(value)[0]
            for name, value in per_replica.items()
        }
        # Outside the replicas, because the optimizer's exchange between them cannot be in a branch.
        norm = values["gradient_norm"]
        finite = tf.math.is_finite(values["loss"]) & tf.math.is_finite(norm)
        values["skipped"] = tf.cond(
            finite, lambda: self._update(gradients), lambda: self._undo(statistics)
        )
        if self.loss_scale:
            self.loss_scale.update(finite)
            values["loss_scale"] = scale
        return values

    def _gradients(self, scale: tf.Tensor | None, *batches: tuple) -> tuple[Losses, Gradients]:
        """Returns losses and clipped gradients of all batches, summed over the replicas."""
        if self.prepare:
            batches = tuple(self.prepare(*batch) for batch in batches)
        values, gradients = self._batch_gradients(*batches[0], scale)
        for batch in batches[1:]:
            more, further = self._batch_gradients(*batch, scale)
            values = {name: value + more[name] for name, value in values.items()}
            gradients = [a + b for a, b in zip(gradients, further, strict=True)]
        # Before norm and finiteness are computed, because both belong to the sum. One exchange for
        # everything, because every exchange between hosts takes time.
        context = tf.distribute.get_replica_context()
        gradients, values = context.all_reduce("SUM", (gradients, values))
        gradients = _unscale(gradients, scale)
        norm = tf.linalg.global_norm(gradients)
        return values | {"gradient_norm": norm}, self._clip(gradients, norm)

    def _differentiate(
        self, images: tf.Tensor, targets: Losses, scale: tf.Tensor | None
    ) -> tuple[Losses, Gradients]:
        """Returns losses of one batch on one replica, and the gradients times `scale`."""
        with tf.GradientTape() as tape:
            outputs = self.model(images, training=True)
            parts = {
                name: tf.reduce_sum(loss.call(targets[name], outputs[name])) / self.samples
                for name, loss in self._losses.items()
            }
            total = tf.add_n([self._weights[name] * part for name, part in parts.items()])
            scaled = total if scale is None else total * scale
        variables = [variable.value for variable in self.model.trainable_variables]
        return _name_losses(total, parts), tape.gradient(scaled, variables)

    def _clip(self, gradients: Gradients, norm: tf.Tensor) -> Gradients:
        if not self.clip_norm:
            return gradients
        return [
            gradient * (self.clip_norm / tf.maximum(norm, self.clip_norm)) for gradient in gradients
        ]

    def _update(self, gradients: Gradients) -> tf.Tensor:
        """Changes the weights; returns 0 ("skipped")."""
        step = self.optimizer.iterations
        if self.encoder_rate:
            self.encoder_rate.apply_scaled(lambda: self._apply(gradients), step.value)
        else:
            self._apply(gradients)
        if self.average:
            self.average.update(step.value)
        return tf.constant(0.0)

    def _apply(self, gradients: Gradients) -> None:
        variables = self.model.trainable_variables

        def replica_update(gradients: Gradients) -> None:
            self.optimizer.apply_gradients(zip(gradients, variables, strict=True))

        with gradients_are_sums(self.optimizer):
            self.strategy.run(replica_update, args=(gradients,))

    def _undo(self, statistics: list[tf.Tensor]) -> tf.Tensor:
        """Restores the batch statistics, which the forward pass changed; returns 1 ("skipped")."""
        for variable, old in zip(self.model.non_trainable_variables, statistics, strict=True):
            variable.assign(old)
        return tf.constant(1.0)


def make_validation_step(strategy: tf.distribute.Strategy, model: keras.Model, head: Head) -> Any:
    """Returns a `tf.function`: batch (images, targets, weights, labels) -> sums of its samples.

    Keys are "loss", "loss/NAME" for every part, "count", the sum of the weights, and the keys of
    `metrics.graph.count`, which compares the predicted instances with `labels` `[B, H, W]`.
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
        with placement.host():
            counts = graph.count(labels, head.decode(outputs).labels, weights)
        return _name_losses(total, parts) | counts | {"count": tf.reduce_sum(weights)}

    def step(batch: tuple) -> Losses:
        return _sum_over_replicas(strategy, strategy.run(replica_step, args=batch))

    return tf.function(step, autograph=False)


def traced_once(function: Any) -> Callable[..., Losses]:
    """Returns a function that calls the graph of a `tf.function` for its first arguments.

    TensorFlow counts how often the code of a `tf.function` is traced, over all its instances. Each
    session traces its network, so several short trainings in one process made it warn of retracing.
    """
    graphs: list[Callable[..., Losses]] = []

    def call(*arguments: tuple) -> Losses:
        if not graphs:
            graphs.append(function.get_concrete_function(*arguments))
        return graphs[0](*arguments)

    return call


def _unscale(gradients: Gradients, scale: tf.Tensor | None) -> Gradients:
    return gradients if scale is None else [gradient / scale for gradient in gradients]


def _name_losses(total: tf.Tensor, parts: Losses) -> Losses:
    return {"loss": total} | {f"loss/{name}": part for name, part in parts.items()}


def _sum_over_replicas(strategy: tf.distribute.Strategy, values: Losses) -> Losses:
    return {
        name: strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)
        for name, value in values.items()
    }
