"""An encoder that is frozen, or learns more slowly than the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import runs

from tfseg.checks import InputError
from tfseg.config import DeviceConfig, OptimizerConfig, RunConfig, TrainConfig
from tfseg.networks.encoder import encoder_variables

BATCH_SIZE, ACCUMULATE = 4, 2


@pytest.fixture
def taken(start) -> Callable[..., runs.Run]:
    """Returns a function that returns a run after some steps."""

    def take(
        steps: int,
        *,
        devices: tuple[str, ...] = ("CPU:0",),
        precision: str = "float32",
        **values: Any,
    ) -> runs.Run:
        options = {"name": "SGD", "learning_rate": 0.05} | values
        config = RunConfig(
            train=TrainConfig(steps=8, batch_size=BATCH_SIZE, accumulate=ACCUMULATE),
            optimizer=OptimizerConfig(warmup_steps=0, **options),
            devices=DeviceConfig(precision=precision),
        )
        run = start(config, devices)
        data = runs.batches(steps * ACCUMULATE, batch_size=BATCH_SIZE)
        for k in range(steps):
            run.step(*data[k * ACCUMULATE : (k + 1) * ACCUMULATE])
        return run

    return take


def encoder(run: runs.Run) -> list[np.ndarray]:
    return [np.array(variable) for variable in encoder_variables(run.model)]


def others(run: runs.Run) -> list[np.ndarray]:
    known = {id(variable) for variable in encoder_variables(run.model)}
    return [
        np.array(variable)
        for variable in run.model.trainable_variables
        if id(variable) not in known
    ]


def assert_equal(arrays: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for one, two in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(one, two)


def moved(after: list[np.ndarray], before: list[np.ndarray]) -> bool:
    return all((one != two).any() for one, two in zip(after, before, strict=True))


@pytest.mark.parametrize("name", ["SGD", "AdamW", "Muon"])
def test_a_frozen_encoder_stays_to_the_bit_while_the_rest_learns(taken, name):
    options = {"name": name, "weight_decay": 0.1, "ema": 0.9}
    start, frozen = (taken(n, freeze_encoder=2, **options) for n in (0, 2))
    assert_equal(encoder(frozen), encoder(start))
    assert moved(others(frozen), others(start))
    # kernel, gamma and beta, as the network is used
    averages = [np.array(average) for average in frozen.session.average.variables[:3]]
    assert_equal(averages, encoder(start))
    free = taken(3, freeze_encoder=2, **options)
    assert moved(encoder(free), encoder(start))


def test_the_averages_of_a_frozen_normalisation_follow_the_data(taken):
    start, frozen = (taken(n, freeze_encoder=2) for n in (0, 2))
    moving = [
        [np.array(variable) for variable in run.model.non_trainable_variables]
        for run in (start, frozen)
    ]
    assert moved(*moving)


def test_the_moments_of_a_frozen_encoder_are_there_when_it_is_free(taken):
    run = taken(2, freeze_encoder=6, name="AdamW")
    shapes = [variable.shape for variable in encoder_variables(run.model)]
    moments = [
        np.array(state) for state in run.session.optimizer.variables if state.shape in shapes
    ]
    assert len(moments) == 2 * 3  # of kernel, gamma and beta
    assert all(np.abs(moment).max() > 0 for moment in moments)


@pytest.mark.parametrize("name", ["SGD", "AdamW", "Lion"])
def test_an_encoder_at_a_tenth_of_the_rate_moves_a_tenth_as_far(taken, name):
    options = {"name": name, "weight_decay": 0.1}
    start, full, tenth = (
        taken(0, **options),
        taken(1, **options),
        taken(1, encoder_learning_rate=0.1, **options),
    )
    assert_equal(others(tenth), others(full))
    for before, far, near in zip(encoder(start), encoder(full), encoder(tenth), strict=True):
        np.testing.assert_allclose(near - before, 0.1 * (far - before), rtol=1e-2, atol=1e-7)


def test_an_encoder_that_was_frozen_moves_as_far_as_it_would_have_from_there(taken):
    # SGD without momentum has no memory: the third step from the weights after the second is w - lr
    # g, whether they were frozen before or not.
    before, after = (taken(n, freeze_encoder=2, schedule="constant") for n in (2, 3))
    other = taken(2, freeze_encoder=2, schedule="constant", encoder_learning_rate=0.5)
    data = runs.batches(3 * ACCUMULATE, batch_size=BATCH_SIZE)
    other.step(*data[2 * ACCUMULATE :])
    for start, full, half in zip(encoder(before), encoder(after), encoder(other), strict=True):
        np.testing.assert_allclose(half - start, 0.5 * (full - start), rtol=1e-2, atol=1e-7)


def test_two_replicas_do_what_one_does(taken):
    options = {
        "freeze_encoder": 2,
        "encoder_learning_rate": 0.3,
        "options": {"momentum": 0.9},
        "weight_decay": 0.01,
        "ema": 0.9,
    }
    one, two = (
        taken(5, devices=devices, **options) for devices in (("CPU:0",), ("CPU:0", "CPU:1"))
    )
    for a, b in zip(two.state(), one.state(), strict=True):
        assert np.abs(a - b).max() <= 1e-5 * max(np.abs(b).max(), 1e-6)


def test_in_half_precision_it_is_frozen_too(taken):
    start, frozen, free = (taken(n, freeze_encoder=2, precision="mixed_float16") for n in (0, 2, 4))
    assert_equal(encoder(frozen), encoder(start))
    assert moved(encoder(free), encoder(start))


def test_a_network_without_encoder_and_an_optimizer_without_rate_are_refused():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    with pytest.raises(
        InputError, match=r"optimizer.freeze_encoder and .* need a network with an enc"
    ):
        encoder_variables(model)
    with pytest.raises(InputError, match="have no effect with Ftrl"):
        OptimizerConfig(name="Ftrl", freeze_encoder=1)
    with pytest.raises(InputError, match="have no effect with Ftrl"):
        OptimizerConfig(name="Ftrl", encoder_learning_rate=0.5)
