"""One step: the same on one replica and on two, and its loss is that of Keras."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfseg
from tfseg.config import RunConfig
from tfseg.data.pipeline import batches
from tfseg.networks.build import build_model
from tfseg.training.step import TrainStep, make_validation_step
from tfseg.training.strategy import make_strategy

BATCH_SIZE = 4


@pytest.fixture(scope="module")
def batch(config: RunConfig, dataset: tfseg.Dataset) -> tuple:
    """Four crops; those of the second half are mostly ignored, so the replicas differ in weight."""
    config = dataclasses.replace(config, train=tfseg.TrainConfig(batch_size=BATCH_SIZE))
    head = tfseg.make_head(config.model.head)
    ((images, targets),) = batches.training_batches(dataset, config, head).take(1)
    kept = np.ones((BATCH_SIZE, 64, 64, 1), np.float32)
    kept[2:, 8:] = 0
    targets = {
        "foreground": tf.where(kept > 0, targets["foreground"], -1.0),
        "center": tf.where(kept > 0, targets["center"], -1.0),
        "offset": tf.concat([targets["offset"][..., :2], targets["offset"][..., 2:] * kept], -1),
    }
    return images, targets


def steps_on(devices: tuple[str, ...], config: RunConfig, batch: tuple) -> tuple[list, list, dict]:
    """Takes two SGD steps and a validation step; returns losses, weights and validation sums."""
    strategy = make_strategy(devices)
    head = tfseg.make_head(config.model.head)
    with strategy.scope():
        model = build_model(dataclasses.replace(config.model, channels=1), seed=1)
        optimizer = keras.optimizers.SGD(1e-3)
        optimizer.build(model.trainable_variables)
    step = TrainStep(
        strategy=strategy, model=model, head=head, optimizer=optimizer, samples=BATCH_SIZE
    )

    def distributed(values: tuple) -> tuple:
        data = tf.data.Dataset.from_tensors(values)
        return next(iter(strategy.experimental_distribute_dataset(data)))

    losses = [step(distributed(batch)) for _ in range(2)]
    weights = tf.constant([1.0, 1.0, 1.0, 0.0])
    labels = tf.zeros([BATCH_SIZE, 64, 64], tf.int32)
    sums = make_validation_step(strategy, model, head)(distributed((*batch, weights, labels)))
    return (
        [{name: float(value) for name, value in row.items()} for row in losses],
        [np.asarray(variable) for variable in model.variables],
        {name: float(value) for name, value in sums.items()},
    )


@pytest.fixture(scope="module")
def one(config, batch):
    return steps_on(("CPU:0",), config, batch)


def test_two_replicas_do_what_one_does(one, config, batch):
    losses, weights, sums = one
    other_losses, other_weights, other_sums = steps_on(("CPU:0", "CPU:1"), config, batch)
    for first, second in zip(losses, other_losses, strict=True):
        assert second == pytest.approx(first, rel=1e-5)
    for first, second in zip(weights, other_weights, strict=True):
        np.testing.assert_allclose(second, first, rtol=1e-5, atol=1e-5)
    assert other_sums == pytest.approx(sums, rel=1e-4)


def test_two_replicas_drop_the_same_channels_of_every_sample(one, config, batch):
    dropping = dataclasses.replace(config, model=dataclasses.replace(config.model, dropout=0.5))
    alone, together = (
        steps_on(tuple(f"CPU:{k}" for k in range(count)), dropping, batch)[0] for count in (1, 2)
    )
    for first, second in zip(alone, together, strict=True):
        assert second == pytest.approx(first, rel=1e-5)
    assert abs(alone[0]["loss"] - one[0][0]["loss"]) > 1e-3


def test_a_step_changes_the_weights_so_that_the_loss_falls(one):
    losses, _, _ = one
    assert losses[1]["loss"] < losses[0]["loss"]


def test_the_loss_is_the_weighted_sum_of_its_parts(one, config):
    losses, _, _ = one
    weights = tfseg.make_head(config.model.head).loss_weights
    total = sum(weight * losses[0][f"loss/{name}"] for name, weight in weights.items())
    assert losses[0]["loss"] == pytest.approx(total, rel=1e-6)


def test_the_first_loss_is_that_of_keras(one, config, batch):
    losses, _, _ = one
    head = tfseg.make_head(config.model.head)
    model = build_model(dataclasses.replace(config.model, channels=1), seed=1)
    outputs = model(batch[0], training=True)
    total = sum(
        head.loss_weights[name] * float(loss(batch[1][name], outputs[name]))
        for name, loss in head.losses().items()
    )
    assert losses[0]["loss"] == pytest.approx(total, rel=1e-5)


def test_a_sample_of_weight_0_does_not_count_in_validation(one, config, batch):
    _, weights, sums = one
    assert sums["count"] == 3.0
    head = tfseg.make_head(config.model.head)
    model = build_model(dataclasses.replace(config.model, channels=1), seed=1)
    for variable, value in zip(model.variables, weights, strict=True):
        variable.assign(value)
    outputs = model(batch[0][:3], training=False)
    for name, loss in head.losses().items():
        part = float(tf.reduce_sum(loss.call(batch[1][name][:3], outputs[name])))
        assert sums[f"loss/{name}"] == pytest.approx(part, rel=1e-4)
