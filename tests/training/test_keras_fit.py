"""Plain `keras.Model.fit` with tfseg's parts is the same on one replica and on two."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import runs
import tensorflow as tf

import tfseg
from tfseg.config import DataConfig, OptimizerConfig, RunConfig, TrainConfig
from tfseg.data.pipeline import batches
from tfseg.heads import CenterOffset
from tfseg.metrics.graph import Dice
from tfseg.training.optimizers import make_optimizer
from tfseg.training.strategy import make_strategy

CONFIG = RunConfig(
    data=DataConfig(crop_size=32),
    train=TrainConfig(steps=6, batch_size=2),
    optimizer=OptimizerConfig(
        name="SGD",
        options={"momentum": 0.9},
        learning_rate=0.05,
        warmup_steps=0,
        weight_decay=0.01,
    ),
)


class ForegroundDice(Dice):
    """Dice of the logits of the foreground, where the target is not ignored."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(tf.cast(y_true, tf.int32), tf.cast(y_pred > 0, tf.int32))


def fitted(dataset, folder, devices: tuple[str, ...]) -> tuple[pd.DataFrame, list[np.ndarray]]:
    """Returns the log and the weights of six steps in two epochs."""
    head = CenterOffset()
    with make_strategy(devices).scope():
        model = runs.network()
        model.compile(
            optimizer=make_optimizer(CONFIG),
            loss=head.losses(),
            loss_weights=head.loss_weights,
            metrics={"foreground": [ForegroundDice()]},
            jit_compile=False,  # which Keras leaves on for one device, and counting has no kernel
        )
    validation = batches.validation_batches(dataset, CONFIG, head)
    log, checkpoint = folder / "log.csv", folder / "last.keras"
    model.fit(
        batches.training_batches(dataset, CONFIG, head),
        epochs=2,
        steps_per_epoch=3,
        validation_data=validation.map(lambda images, targets, _: (images, targets)),
        callbacks=[
            keras.callbacks.CSVLogger(log),
            keras.callbacks.ModelCheckpoint(checkpoint),
        ],
        shuffle=False,
        verbose=0,
    )
    restored = keras.models.load_model(checkpoint, compile=False)
    weights = [np.asarray(variable) for variable in model.variables[: len(restored.variables)]]
    for weight, other in zip(weights, restored.variables, strict=True):
        np.testing.assert_array_equal(weight, np.asarray(other))
    return pd.read_csv(log), weights


LOAD = """
import sys
import keras
import tfseg.keras_objects

registered = set(sys.argv[2:])
assert registered <= set(sys.modules), registered - set(sys.modules)
for name in ("tfseg>slice_tensor", "tfseg>expand_dims"):  # of the networks with groups
    assert keras.saving.get_registered_object(name), name
model = keras.models.load_model(sys.argv[1])
assert type(model.optimizer).__name__ == "Muon" and model.optimizer.built
assert type(model.optimizer._learning_rate).__name__ == "Schedule"
channels = {"foreground": 1, "center": 1, "offset": 3}
targets = {name: keras.ops.ones((2, 32, 32, size)) for name, size in channels.items()}
print(*model.train_on_batch(keras.ops.ones((2, 32, 32, 1)), targets))
"""


def test_a_saved_model_is_loaded_in_a_fresh_process_compiled(tmp_path):
    head = CenterOffset()
    model = runs.network()
    model.compile(
        optimizer=make_optimizer(RunConfig()),
        loss=head.losses(),
        loss_weights=head.loss_weights,
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    package = Path(tfseg.__file__).parent
    registering = [
        ".".join(path.relative_to(package.parent).with_suffix("").parts)
        for path in package.rglob("*.py")
        if "@keras.saving.register_keras_serializable" in path.read_text(encoding="utf-8")
    ]
    command = [sys.executable, "-c", LOAD, str(tmp_path / "model.keras"), *registering]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert np.isfinite([float(value) for value in result.stdout.split()]).all()


@pytest.fixture(scope="module")
def one(dataset, tmp_path_factory):
    return fitted(dataset, tmp_path_factory.mktemp("one"), ("CPU:0",))


def test_two_replicas_log_and_learn_what_one_does(one, dataset, tmp_path):
    log, weights = fitted(dataset, tmp_path, ("CPU:0", "CPU:1"))
    pd.testing.assert_frame_equal(log, one[0], rtol=1e-4)
    for weight, other in zip(weights, one[1], strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-4, atol=1e-5)


def test_the_log_has_the_losses_and_the_metric_of_training_and_validation(one):
    log, _ = one
    parts = ("loss", "foreground_loss", "center_loss", "offset_loss", "foreground_dice")
    assert {f"{kind}{name}" for kind in ("", "val_") for name in parts} <= set(log.columns)
    assert np.isfinite(log.to_numpy()).all()
    assert log["loss"].iloc[-1] < log["loss"].iloc[0]
    assert log["foreground_dice"].between(0.01, 1).all()
