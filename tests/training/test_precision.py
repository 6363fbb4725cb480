"""Half precision: it learns as float32 does, on one or two replicas, and overflows harmlessly."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny

from tfseg.config import ModelConfig, TrainConfig
from tfseg.networks.build import build_model
from tfseg.training.loss_scale import LossScale

STEPS = 12
SGD = TrainConfig(
    steps=STEPS,
    batch_size=8,
    optimizer="SGD",
    optimizer_options={"momentum": 0.9},
    learning_rate=0.05,
    warmup_steps=3,
    clip_norm=0.5,
)
# A number of 8 bits is off by up to 2^-9, one of 11 bits by 2^-12: 12 steps make five of that.
HALVES = [("mixed_bfloat16", 1e-2), ("mixed_float16", 1.5e-3)]


def trained(precision: str, replicas: int = 1) -> tuple[np.ndarray, list[str]]:
    """Takes 12 steps; returns the losses, and the types of the outputs."""
    config = dataclasses.replace(SGD, precision=precision)
    run = tiny.Run(config, [f"CPU:{number}" for number in range(replicas)])
    rows = [run.step(batch) for batch in tiny.batches(STEPS, batch_size=8)]
    outputs = run.model(tf.zeros([1, tiny.SIZE, tiny.SIZE, 1]))
    types = [each.dtype.name for each in outputs.values()]
    return np.array([row["loss"] for row in rows]), types


@pytest.fixture(scope="module")
def whole() -> np.ndarray:
    return trained("float32")[0]


@pytest.mark.parametrize(("precision", "bound"), HALVES)
def test_half_precision_learns_as_float32_does(whole, precision, bound):
    losses, types = trained(precision)
    np.testing.assert_allclose(losses, whole, rtol=bound)
    assert (losses != whole).any()
    assert losses[-1] < 0.95 * losses[0]
    assert set(types) == {"float32"}


@pytest.mark.parametrize(("precision", "bound"), HALVES)
def test_two_replicas_do_what_one_does_in_half_precision(precision, bound):
    np.testing.assert_allclose(trained(precision, 2)[0], trained(precision)[0], rtol=bound)


def test_an_overflow_halves_the_scale_and_changes_nothing_else():
    config = TrainConfig(steps=4, batch_size=4, warmup_steps=0, ema=0.9, precision="mixed_float16")
    run = tiny.Run(config, ("CPU:0", "CPU:1"))
    scale, good_steps = run.train_step.loss_scale.variables
    first, second = tiny.batches(2, batch_size=4)
    assert run.step(first)["loss_scale"] == 2.0**15
    scale.assign(2.0**40)  # far beyond float16, while the loss stays finite
    before = run.state()
    values = run.step(second)
    assert (values["skipped"], values["loss_scale"]) == (1, 2.0**40)
    assert np.isfinite(values["loss"])
    for a, b in zip(run.state()[:-2], before[:-2], strict=True):
        np.testing.assert_array_equal(a, b)
    assert [float(np.asarray(each)) for each in (scale, good_steps)] == [2.0**39, 0]
    scale.assign(2.0**10)
    assert run.step(second)["skipped"] == 0


def test_the_scale_does_not_change_what_a_step_does():
    # A power of 2, as long as no gradient is too small or too large for float16.
    states = []
    for scale in (2.0**6, 2.0**9):
        run = tiny.Run(dataclasses.replace(SGD, precision="mixed_float16"), normalized=False)
        run.train_step.loss_scale.variables[0].assign(scale)
        norms = [run.step(each)["gradient_norm"] for each in tiny.batches(2, batch_size=8)]
        states.append((norms, run.state()[:-2]))
    assert states[0][0] == pytest.approx(states[1][0], rel=1e-3)
    for a, b in zip(states[0][1], states[1][1], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_the_scale_doubles_after_steps_in_a_row_that_were_finite():
    scale = LossScale(growth_steps=3)
    seen = []
    for finite in (True, True, False, True, True, True, True):
        scale.follow(tf.constant(finite))
        seen.append(float(scale.value()) / 2**15)
    assert seen == [1, 1, 0.5, 0.5, 0.5, 1, 1]


def test_the_scale_does_not_fall_below_1():
    scale = LossScale()
    for _ in range(20):
        scale.follow(tf.constant(False))
    assert float(scale.value()) == 1.0


@pytest.mark.parametrize("architecture", ["Compact", "PSPNet"])
def test_every_layer_works_under_the_policy_which_the_process_does_not_keep(architecture):
    config = ModelConfig(architecture=architecture, filters=(8, 16), channels=1)
    before = keras.config.dtype_policy().name
    mixed = build_model(config, seed=1, precision="mixed_float16")
    assert keras.config.dtype_policy().name == before == "float32"
    whole = build_model(config, seed=1)
    images = np.random.default_rng(0).uniform(size=(2, 40, 56, 1)).astype(np.float32)
    for name, maps in whole(images).items():
        half = mixed(images)[name]
        assert (half.dtype, half.shape) == (tf.float32, maps.shape)
        assert 0 < np.abs(half - maps).max() < 0.02 * np.abs(maps).max()
    assert {each.dtype for each in mixed.variables if "seed" not in each.path} == {"float32"}
    kinds = {layer.compute_dtype for layer in mixed._flatten_layers(include_self=False)}
    assert "float16" in kinds
