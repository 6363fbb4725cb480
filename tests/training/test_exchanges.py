"""What replicas exchange in a step, counted from its graph."""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import runs
import tensorflow as tf

import tfseg
from tfseg import compat, placement
from tfseg.config import DeviceConfig, ModelConfig, OptimizerConfig, RunConfig, TrainConfig
from tfseg.training.statistics import exchanged_once, moments
from tfseg.training.step import TrainStep
from tfseg.training.strategy import make_strategy

# The small network has 3 x 3 x 6, scale and offset of 6 channels, 3 x 3 x 6 x 4 + 4; and 4 losses.
WEIGHTS, LOSSES, STATISTICS = 54 + 12 + 220, 4, 2 * 6
# Everything that a step can have: an average, clipping, another rate for the encoder.
CONFIG = RunConfig(
    train=TrainConfig(steps=1, batch_size=8),
    optimizer=OptimizerConfig(
        warmup_steps=0, clip_norm=0.5, ema=0.9, freeze_encoder=1, encoder_learning_rate=0.5
    ),
)
Start = Callable[..., runs.Run]


def names(replicas: int) -> tuple[str, ...]:
    return tuple(f"CPU:{index}" for index in range(replicas))


def traced(start: Start, config: RunConfig, replicas: int) -> Any:
    run = start(config, names(replicas))
    count = config.train.accumulate
    taken = map(run._distributed, runs.batches(count, batch_size=config.train.batch_size))
    return run.session.train_step.compiled.get_concrete_function(*taken)


def exchanged(function: Any, replicas: int) -> list[int]:
    """Returns the elements of each all-reduce: its 2 (n - 1) copies are counted as one."""
    moved = [tensor for tensor, _ in placement.moved_between_devices(function)]
    copies = collections.Counter(
        tensor.shape.num_elements() for tensor in moved if tensor.dtype == tf.float32
    )
    assert all(count % (2 * (replicas - 1)) == 0 for count in copies.values())
    # The optimizer counts its steps on the first replica.
    assert [tensor.dtype for tensor in moved if tensor.dtype != tf.float32] == [tf.int64] * (
        replicas - 1
    )
    return sorted(
        size for size, count in copies.items() for _ in range(count // (2 * (replicas - 1)))
    )


@pytest.mark.parametrize(
    "replicas", [2, *(pytest.param(count, marks=pytest.mark.exhaustive) for count in (4, 8))]
)
def test_a_step_exchanges_gradients_and_losses_once_and_statistics_once_in_each_direction(
    start, replicas
):
    function = traced(start, CONFIG, replicas)
    assert exchanged(function, replicas) == [STATISTICS, STATISTICS, WEIGHTS + LOSSES]


@pytest.mark.exhaustive
def test_batches_of_one_step_exchange_their_gradients_together(start):
    function = traced(start, runs.changed(CONFIG, train={"accumulate": 3}), 2)
    assert exchanged(function, 2) == [*[STATISTICS] * 6, WEIGHTS + LOSSES]


@pytest.mark.exhaustive
def test_half_precision_exchanges_no_more(start):
    config = runs.changed(CONFIG, devices={"precision": "mixed_float16"})
    assert exchanged(traced(start, config, 2), 2) == [STATISTICS] * 2 + [WEIGHTS + LOSSES]


def test_exchanges_between_hosts_are_as_few():
    # The collective operations of MultiWorkerMirroredStrategy; they are traced, and do not run.
    strategy = tf.distribute.MirroredStrategy(names(2))
    with strategy.scope():
        model = runs.network()
        optimizer = keras.optimizers.SGD(0.1)
        optimizer.build(model.trainable_variables)
    head = tfseg.make_head("center_offset")
    step = TrainStep(strategy=strategy, model=model, head=head, optimizer=optimizer, samples=4)
    data = tf.data.Dataset.from_tensors(runs.batches(1, batch_size=4)[0])
    batch = next(iter(strategy.experimental_distribute_dataset(data)))
    operations = step.compiled.get_concrete_function(batch).graph.get_operations()
    reduced = [
        operation.inputs[0].shape.num_elements()
        for operation in operations
        if "Collective" in operation.type
    ]
    assert sorted(reduced) == [*[STATISTICS] * 4, *[WEIGHTS + LOSSES] * 2]  # on both replicas


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("architecture", "layers", "without_backward"),
    [("Compact", 14, 0), ("Unet", 29, 1)],  # Unet's first layer normalises the images
)
def test_a_deep_network_exchanges_twice_a_layer_and_once_more(
    dataset, architecture, layers, without_backward
):
    from tfseg.training.session import Session

    config = RunConfig(
        model=ModelConfig(architecture=architecture),
        train=TrainConfig(batch_size=2),
        devices=DeviceConfig(names=names(2)),
    )
    session = Session(config, dataset)
    batch = next(session.training_input(first_step=0))
    sizes = exchanged(session.train_step.compiled.get_concrete_function(batch), 2)
    assert len(sizes) == 2 * layers - without_backward + 1
    weights = sum(int(np.prod(weight.shape)) for weight in session.model.trainable_variables)
    assert sizes[-1] == weights + LOSSES
    assert sum(sizes[:-1]) < 0.02 * weights


def test_statistics_are_those_of_the_values_of_all_replicas():
    values = np.random.default_rng(0).normal(3.0, 2.0, (8, 5, 4, 3)).astype(np.float32)
    strategy = make_strategy(names(4))
    data = tf.data.Dataset.from_tensors(values)
    parts = next(iter(strategy.experimental_distribute_dataset(data)))
    for keepdims in (False, True):
        compute = tf.function(lambda part, kept=keepdims: moments(part, (0, 1, 2), kept))
        results = strategy.run(compute, args=(parts,))
        for result, expected in zip(results, (values.mean, values.var), strict=True):
            for local in strategy.experimental_local_results(result):
                np.testing.assert_allclose(local, expected((0, 1, 2), keepdims=keepdims), rtol=1e-5)


def test_one_replica_keeps_the_operations_of_keras():
    before = compat.MOMENTS.value()
    with exchanged_once(make_strategy(("CPU:0",))):
        assert compat.MOMENTS.value() is before
    with exchanged_once(make_strategy(names(2))):
        assert compat.MOMENTS.value() is moments
    assert compat.MOMENTS.value() is before


@pytest.mark.exhaustive
def test_without_fewer_exchanges_a_layer_has_five(start, monkeypatch):
    monkeypatch.setattr(
        "tfseg.training.step.exchanged_once", lambda _: compat.skip_variable_search()
    )
    sizes = exchanged(traced(start, CONFIG, 2), 2)
    assert sizes == [*[STATISTICS // 2] * 5, WEIGHTS + LOSSES]
