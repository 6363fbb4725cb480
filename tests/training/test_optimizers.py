"""Keras's optimizers by their names."""

from __future__ import annotations

import inspect

import keras
import numpy as np
import pytest
import runs

from tfseg import config as configs
from tfseg.checks import InputError
from tfseg.config import OptimizerConfig, RunConfig, TrainConfig
from tfseg.training.optimizers import make_optimizer

# They wrap others, or train with weights that are not those to be used.
LEFT_OUT = {"LossScaleOptimizer", "MultiOptimizer", "Optimizer", "ScheduleFreeAdamW"}


def test_the_names_are_those_of_keras():
    kinds = {
        name
        for name, kind in vars(keras.optimizers).items()
        if inspect.isclass(kind) and issubclass(kind, keras.optimizers.Optimizer)
    }
    assert set(configs.OPTIMIZERS) == kinds - LEFT_OUT


@pytest.mark.parametrize("name", configs.OPTIMIZERS)
def test_every_optimizer_moves_the_weights_and_does_not_decay_biases(name):
    rate, decay = 0.5, 0.25
    options = {"learning_rate": rate, "weight_decay": decay, "warmup_steps": 0}
    optimizer = make_optimizer(RunConfig(optimizer=OptimizerConfig(name=name, **options)))
    kernel, bias, gamma = (
        keras.Variable(np.ones((2, 2), np.float32), name=variable)
        for variable in ("kernel", "bias", "gamma")
    )
    optimizer.build([kernel, bias, gamma])
    optimizer.apply([np.zeros((2, 2), np.float32)] * 3)
    # With gradients of 0 only the decay acts: 1 - 0.5 * 0.25. Ftrl makes every weight anew of the
    # sums of its gradients, whatever it was.
    if name != "Ftrl":
        np.testing.assert_allclose(np.asarray(kernel), 0.875, atol=1e-3)
        for variable in (bias, gamma):
            np.testing.assert_allclose(np.asarray(variable), 1.0, atol=1e-3)
    optimizer.apply([np.ones((2, 2), np.float32)] * 3)
    assert (np.asarray(bias) < 1.0).all()


def test_muon_turns_kernels_and_leaves_out_what_it_is_told():
    options = {"exclude_layers": ["head"]}
    optimizer = make_optimizer(RunConfig(optimizer=OptimizerConfig(name="Muon", options=options)))
    shapes = {"dense": (4, 4), "head": (4, 4), "convolution": (3, 3, 2, 4), "vector": (4,)}
    variables = [keras.Variable(np.ones(shape), name=name) for name, shape in shapes.items()]
    optimizer.build(variables)
    # Only what AdamW moves has a second moment.
    by_adamw = [velocity is not None for velocity in optimizer.adam_velocities]
    assert dict(zip(shapes, by_adamw, strict=True)) == {
        "dense": False,
        "head": True,
        "convolution": False,
        "vector": True,
    }


def test_muon_leaves_the_layer_of_the_head_out_by_itself():
    optimizer = make_optimizer(RunConfig())
    head = keras.Variable(np.ones((3, 3, 2, 4)), name="center_offset")
    optimizer.build([head])
    assert optimizer.adam_velocities[0] is not None


def test_muon_takes_a_step_on_two_replicas_as_on_one(start):
    config = RunConfig(
        train=TrainConfig(steps=2, batch_size=4),
        optimizer=OptimizerConfig(name="Muon", warmup_steps=0),
    )
    (batch,) = runs.batches(1, batch_size=4)
    one, two = (start(config, devices) for devices in (("CPU:0",), ("CPU:0", "CPU:1")))
    assert two.step(batch) == pytest.approx(one.step(batch), rel=1e-5)
    for a, b in zip(two.state(), one.state(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("SGD", {"momentun": 0.9}, r"of SGD must be one of .*momentun'. Did you mean 'momentum'"),
        ("SGD", {"clipnorm": 1.0}, r"must not have clipnorm; give optimizer.clip_norm."),
        ("Adam", {"use_ema": True}, r"must not have use_ema; give optimizer.ema."),
        ("SGD", {"momentum": 3.0}, r"optimizer.options does not suit SGD: .*momentum"),
    ],
)
def test_a_wrong_option_is_refused(name, options, message):
    with pytest.raises(InputError, match=message):
        make_optimizer(RunConfig(optimizer=OptimizerConfig(name=name, options=options)))


def test_an_optimizer_without_a_data_set_needs_a_number_of_steps():
    with pytest.raises(InputError, match=r"train.steps must be given .* got train.epochs 3 and"):
        make_optimizer(RunConfig(train=TrainConfig(epochs=3)))


def test_an_unknown_optimizer_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"optimizer.name must be one of .* mean 'Adam'"):
        OptimizerConfig(name="AdamV")
