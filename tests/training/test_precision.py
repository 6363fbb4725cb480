"""Half precision: it learns as float32 does, on one or two replicas, and overflows harmlessly."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest
import runs
import tensorflow as tf

from tfseg.config import DeviceConfig, ModelConfig, OptimizerConfig, RunConfig, TrainConfig
from tfseg.networks.build import build_model
from tfseg.training.loss_scale import LossScale

Start = Callable[..., runs.Run]
STEPS = 12
SGD = RunConfig(
    train=TrainConfig(steps=STEPS, batch_size=8),
    optimizer=OptimizerConfig(
        name="SGD", options={"momentum": 0.9}, learning_rate=0.05, warmup_steps=3, clip_norm=0.5
    ),
)
# A number of 8 bits is off by up to 2^-9, one of 11 bits by 2^-12: 12 steps make five of that.
HALVES = [("mixed_bfloat16", 1e-2), ("mixed_float16", 1.5e-3)]


def trained(start: Start, precision: str, replicas: int = 1) -> tuple[np.ndarray, list[str]]:
    """Takes 12 steps; returns the losses, and the types of the outputs."""
    config = runs.changed(SGD, devices={"precision": precision})
    run = start(config, [f"CPU:{number}" for number in range(replicas)])
    rows = [run.step(batch) for batch in runs.batches(STEPS, batch_size=8)]
    outputs = run.model(tf.zeros([1, runs.SIZE, runs.SIZE, 1]))
    types = [maps.dtype.name for maps in outputs.values()]
    return np.array([row["loss"] for row in rows]), types


@pytest.fixture(scope="module")
def single(start) -> np.ndarray:
    return trained(start, "float32")[0]


@pytest.mark.parametrize(("precision", "bound"), HALVES)
def test_half_precision_learns_as_float32_does(start, single, precision, bound):
    losses, types = trained(start, precision)
    np.testing.assert_allclose(losses, single, rtol=bound)
    assert (losses != single).any()
    assert losses[-1] < 0.95 * losses[0]
    assert set(types) == {"float32"}


@pytest.mark.parametrize(("precision", "bound"), HALVES)
def test_two_replicas_do_what_one_does_in_half_precision(start, precision, bound):
    two, one = (trained(start, precision, replicas)[0] for replicas in (2, 1))
    np.testing.assert_allclose(two, one, rtol=bound)


def test_an_overflow_halves_the_scale_and_changes_nothing_else(start):
    config = RunConfig(
        train=TrainConfig(steps=4, batch_size=4),
        optimizer=OptimizerConfig(warmup_steps=0, ema=0.9),
        devices=DeviceConfig(precision="mixed_float16"),
    )
    run = start(config, ("CPU:0", "CPU:1"))
    scale, good_steps = run.session.loss_scale.variables
    first, second = runs.batches(2, batch_size=4)
    assert run.step(first)["loss_scale"] == 2.0**15
    scale.assign(2.0**40)  # far beyond float16, while the loss stays finite
    before = run.state()
    values = run.step(second)
    assert (values["skipped"], values["loss_scale"]) == (1, 2.0**40)
    assert np.isfinite(values["loss"])
    for a, b in zip(run.state()[:-2], before[:-2], strict=True):
        np.testing.assert_array_equal(a, b)
    assert [float(np.asarray(variable)) for variable in (scale, good_steps)] == [2.0**39, 0]
    scale.assign(2.0**10)
    assert run.step(second)["skipped"] == 0


def test_the_scale_does_not_change_what_a_step_does(start):
    # A power of 2, as long as no gradient is too small or too large for float16.
    config = runs.changed(SGD, devices={"precision": "mixed_float16"})
    states = []
    for scale in (2.0**6, 2.0**9):
        run = start(config, normalized=False)
        run.session.loss_scale.variables[0].assign(scale)
        norms = [run.step(batch)["gradient_norm"] for batch in runs.batches(2, batch_size=8)]
        states.append((norms, run.state()[:-2]))
    assert states[0][0] == pytest.approx(states[1][0], rel=1e-3)
    for a, b in zip(states[0][1], states[1][1], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_the_scale_doubles_after_steps_in_a_row_that_were_finite():
    scale = LossScale(growth_steps=3)
    scales = []
    for finite in (True, True, False, True, True, True, True):
        scale.update(tf.constant(finite))
        scales.append(float(scale.value()) / 2**15)
    assert scales == [1, 1, 0.5, 0.5, 0.5, 1, 1]


def test_the_scale_does_not_fall_below_1():
    scale = LossScale()
    for _ in range(20):
        scale.update(tf.constant(False))
    assert float(scale.value()) == 1.0


@pytest.mark.parametrize(
    ("architecture", "options"), [("Compact", {"filters": (8, 16)}), ("PSPNet", {})]
)
def test_every_layer_works_under_the_policy_which_the_process_does_not_keep(architecture, options):
    config = ModelConfig(architecture=architecture, channels=1, **options)
    before = keras.config.dtype_policy().name
    mixed = build_model(config, seed=1, precision="mixed_float16")
    assert keras.config.dtype_policy().name == before == "float32"
    single = build_model(config, seed=1)
    images = np.random.default_rng(0).uniform(size=(2, 40, 56, 1)).astype(np.float32)
    for name, maps in single(images).items():
        half = mixed(images)[name]
        assert (half.dtype, half.shape) == (tf.float32, maps.shape)
        assert 0 < np.abs(half - maps).max() < 0.02 * np.abs(maps).max()
    assert {variable.dtype for variable in mixed.variables if "seed" not in variable.path} == {
        "float32"
    }
    kinds = {layer.compute_dtype for layer in mixed.get_layer(architecture.lower()).layers}
    assert "float16" in kinds
