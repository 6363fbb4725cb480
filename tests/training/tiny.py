"""A network that compiles in a second, a head without decoding, and batches for both."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tfseg.config import TrainConfig
from tfseg.heads import CenterOffset
from tfseg.networks.encoder import mark_encoder
from tfseg.networks.precision import dtype_policy
from tfseg.training.averaging import WeightAverage
from tfseg.training.encoder_rate import encoder_rate
from tfseg.training.loss_scale import LossScale
from tfseg.training.optimizers import make_optimizer
from tfseg.training.step import TrainStep
from tfseg.training.strategy import make_strategy

SIZE = 16


def network(*, size: int = SIZE, normalized: bool = True) -> keras.Model:
    """Two convolutions, with synchronised batch normalisation between them if wanted.

    The first one with its normalisation is the encoder.
    """
    inputs = keras.Input((size, size, 1))
    # No bias before a normalisation: its gradient is nothing but the rounding of the others.
    features = keras.layers.Conv2D(
        *(6, 3),
        padding="same",
        use_bias=not normalized,
        kernel_initializer=keras.initializers.GlorotUniform(seed=1),
    )(inputs)
    if normalized:
        features = keras.layers.BatchNormalization(synchronized=True, momentum=0.9)(features)
    mark_encoder(keras.Model(inputs, features).layers)
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


class _Huge(keras.layers.Layer):
    """Asks for 2 ** 58 bytes, which NumPy refuses at once; TensorFlow tries for 10 seconds."""

    def call(self, features: tf.Tensor) -> tf.Tensor:
        size = tf.numpy_function(lambda: np.zeros(2**56, np.float32), [], tf.float32)
        return features + tf.reduce_max(size)


def huge(*, size: int = SIZE) -> keras.Model:
    """A network that no memory holds."""
    model = network(size=size)
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


class Run:
    """A tiny network on `devices`, trained as `config` says."""

    def __init__(
        self, config: TrainConfig, devices: Sequence[str] = ("CPU:0",), *, normalized: bool = True
    ) -> None:
        self.config, self.strategy = config, make_strategy(devices)
        with self.strategy.scope():
            with dtype_policy(config.precision):
                self.model = network(normalized=normalized)
            self.optimizer = make_optimizer(config)
            self.optimizer.build(self.model.trainable_variables)
            average = WeightAverage(self.model.variables, decay=config.ema) if config.ema else None
            loss_scale = LossScale() if config.precision == "mixed_float16" else None
            encoder = encoder_rate(config, self.model)
        self.train_step = TrainStep(
            strategy=self.strategy,
            model=self.model,
            head=CenterOffset(),
            optimizer=self.optimizer,
            average=average,
            loss_scale=loss_scale,
            encoder_rate=encoder,
            samples=config.batch_size * config.accumulate,
            clip_norm=config.clip_norm,
        )

    def step(self, *taken: tuple) -> dict[str, float]:
        """Takes one step on global batches, and returns its figures."""
        values = self.train_step(*map(self._distributed, taken))
        return {name: float(value) for name, value in values.items()}

    def state(self) -> list[np.ndarray]:
        """Returns copies of network, optimizer, average and loss scale."""
        average, scale = self.train_step.average, self.train_step.loss_scale
        return [
            np.array(each)
            for each in (
                *self.model.variables,
                *self.optimizer.variables,
                *(average.variables if average else []),
                *(scale.variables if scale else []),
            )
        ]

    def _distributed(self, batch: tuple) -> tuple:
        data = tf.data.Dataset.from_tensors(batch)
        return next(iter(self.strategy.experimental_distribute_dataset(data)))
