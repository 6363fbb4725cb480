"""What tests of training share: a network that compiles in a second, batches, short runs."""

from __future__ import annotations

import dataclasses
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfseg.config import (
    DataConfig,
    LogConfig,
    ModelConfig,
    OptimizerConfig,
    RunConfig,
    TrainConfig,
)
from tfseg.data.dataset.dataset import Dataset
from tfseg.training.callbacks import Callback
from tfseg.training.session import Session

SIZE = 16


def network(*, normalized: bool = True) -> keras.Model:
    """Two convolutions, with synchronised batch normalisation between them if wanted.

    The first one with its normalisation is the encoder.
    """
    inputs = keras.Input((None, None, 1))
    # No bias before a normalisation: its gradient is nothing but the rounding of the others.
    features = keras.layers.Conv2D(
        *(6, 3),
        padding="same",
        use_bias=not normalized,
        kernel_initializer=keras.initializers.GlorotUniform(seed=1),
    )(inputs)
    if normalized:
        features = keras.layers.BatchNormalization(synchronized=True, momentum=0.9)(features)
    features = keras.Model(inputs, features, name="encoder")(inputs)
    features = keras.layers.Activation("relu")(features)
    maps = keras.layers.Conv2D(
        *(4, 3),
        padding="same",
        dtype="float32",
        kernel_initializer=keras.initializers.GlorotUniform(seed=2),
    )(features)
    outputs = {
        "foreground": maps[..., :1],
        "center": maps[..., 1:2],
        "offset": maps[..., 2:],
    }
    return keras.Model(inputs, outputs)


@keras.saving.register_keras_serializable("tests")
class _Huge(keras.layers.Layer):
    """Asks for 2 ** 58 bytes in training, which NumPy refuses; TensorFlow tries for 10 seconds."""

    def call(self, features: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training:
            return features
        size = tf.numpy_function(lambda: np.zeros(2**56, np.float32), [], tf.float32)
        return features + tf.reduce_max(size)


def huge() -> keras.Model:
    """A network that no memory holds."""
    model = network()
    maps = _Huge()(model.outputs[0])
    return keras.Model(
        model.inputs,
        {name: maps for name in ("foreground", "center")}
        | {"offset": keras.ops.concatenate([maps, maps], -1)},
    )


def batches(count: int, *, batch_size: int, seed: int = 0) -> list[tuple]:
    """Seeded batches; the later a sample in its batch, the more of it is ignored or background."""
    rng = np.random.default_rng(seed)
    share = np.linspace(0.9, 0.05, batch_size)[:, None, None, None]
    result = []
    for _ in range(count):
        shape = (batch_size, SIZE, SIZE, 1)
        foreground = (rng.uniform(size=shape) < share).astype(np.float32)
        ignored = rng.uniform(size=shape) > share + 0.1
        images = (foreground * 0.5 + rng.uniform(size=shape) * 0.5).astype(np.float32)
        offset = rng.normal(size=(*shape[:3], 2)).astype(np.float32)
        counted = foreground * ~ignored
        heat = rng.uniform(size=shape).astype(np.float32) * foreground
        targets = {
            "foreground": np.where(ignored, -1, foreground).astype(np.float32),
            "center": np.where(ignored, -1, heat).astype(np.float32),
            "offset": np.concatenate([offset, counted.astype(np.float32)], axis=-1),
        }
        result.append((images, targets))
    return result


def builder(
    make: Callable[..., keras.Model] = network, **options: Any
) -> Callable[[ModelConfig], keras.Model]:
    """Returns what a session calls for its network: `make`, with its `options`."""
    return lambda _: make(**options)


class PressCtrlC(Callback):
    """Interrupts after a step."""

    def __init__(self, at: int) -> None:
        self._at = at

    def on_step(self, step: int) -> None:
        if step == self._at:
            os.kill(os.getpid(), signal.SIGINT)


CONFIG = RunConfig(
    seed=3,
    data=DataConfig(crop_size=32),
    augment=(),  # takes a third of the time of a short run; test_stopped.py has it
    train=TrainConfig(steps=6, batch_size=2),
    optimizer=OptimizerConfig(warmup_steps=2),
    log=LogConfig(log_every=2, checkpoint_every=2),
)
build = builder()
PLAIN = builder(normalized=False)


def changed(config: RunConfig, **groups: dict[str, Any]) -> RunConfig:
    """Returns `config` with other values in its groups, such as train={"steps": 4}."""
    replaced = {
        name: dataclasses.replace(getattr(config, name), **values)
        for name, values in groups.items()
    }
    return dataclasses.replace(config, **replaced)


def arrays(path: Path) -> dict[str, np.ndarray]:
    """Returns what is in a checkpoint, by name."""
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


class Run:
    """A session of a tiny network on `devices`, which takes steps on arrays."""

    def __init__(
        self,
        dataset: Dataset,
        config: RunConfig,
        devices: Sequence[str] = ("CPU:0",),
        *,
        normalized: bool = True,
    ) -> None:
        config = changed(config, devices={"names": tuple(devices)})
        self.session = Session(config, dataset, network=builder(normalized=normalized))
        self.model = self.session.model

    def step(self, *taken: tuple) -> dict[str, float]:
        """Takes one step on global batches, and returns its losses."""
        values = self.session.train_step(*map(self._distributed, taken))
        return {name: float(value) for name, value in values.items()}

    def state(self) -> list[np.ndarray]:
        """Returns copies of network, optimizer, average and loss scale."""
        average, scale = self.session.average, self.session.loss_scale
        return [
            np.array(variable)
            for variable in (
                *self.model.variables,
                *self.session.optimizer.variables,
                *(average.variables if average else []),
                *(scale.variables if scale else []),
            )
        ]

    def _distributed(self, batch: tuple) -> tuple:
        data = tf.data.Dataset.from_tensors(batch)
        return next(iter(self.session.strategy.experimental_distribute_dataset(data)))
