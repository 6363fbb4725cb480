"""The measurements of benchmarks/training.py: a function for each question."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import keras
import numpy as np
import tensorflow as tf
from common import interleaved

import tfseg
from tfseg.metrics import evaluate_pairs, graph
from tfseg.run_files import LAST
from tfseg.training import checkpoint, step
from tfseg.training.loss_scale import LossScale
from tfseg.training.strategy import make_strategy

Results = dict[str, Any]
Step = Callable[[], object]


def batch_of(config: tfseg.RunConfig) -> tuple[Any, ...]:
    """Returns the first batch of the embedded sample, in memory."""
    head = tfseg.make_head(config.model.head)
    with tempfile.TemporaryDirectory() as folder:
        dataset = tfseg.convert(tfseg.sample.path(), f"{folder}/data")
        return next(iter(tfseg.training_batches(dataset, config, head)))


def trained(
    config: tfseg.RunConfig,
    strategy: tf.distribute.Strategy,
    optimizer: Callable[[], keras.optimizers.Optimizer] | None = None,
    *,
    jit_compile: bool = False,
) -> step.TrainStep:
    """Returns the step of a network with an optimizer, by default the one of `config`."""
    with strategy.scope():
        model = tfseg.build_model(config.model, seed=0, precision=config.devices.precision)
        built = optimizer() if optimizer else tfseg.make_optimizer(config)
        built.build(model.trainable_variables)
        loss_scale = LossScale() if config.devices.precision == "mixed_float16" else None
    head = tfseg.make_head(config.model.head)
    return step.TrainStep(
        strategy=strategy,
        model=model,
        head=head,
        optimizer=built,
        loss_scale=loss_scale,
        samples=config.train.batch_size,
        jit_compile=jit_compile,
    )


def trainer_step(
    config: tfseg.RunConfig,
    batch: tuple[Any, ...],
    *,
    devices: tuple[str, ...] = (),
    jit_compile: bool = False,
    optimizer: Callable[[], keras.optimizers.Optimizer] | None = None,
) -> Step:
    """Returns a call of the trainer's step on `batch` that waits and returns the loss."""
    taken = queued_step(
        config, batch, devices=devices, jit_compile=jit_compile, optimizer=optimizer
    )
    return lambda: float(taken())


def queued_step(
    config: tfseg.RunConfig,
    batch: tuple[Any, ...],
    *,
    devices: tuple[str, ...] = (),
    jit_compile: bool = False,
    optimizer: Callable[[], keras.optimizers.Optimizer] | None = None,
) -> Callable[[], tf.Tensor]:
    """Returns a call of the trainer's step on `batch`, which is already on the devices.

    The call returns the loss and does not wait for it. XLA compiles the step only on one device.
    """
    strategy = make_strategy(devices)
    compiled = jit_compile and strategy.num_replicas_in_sync == 1
    taken = trained(config, strategy, optimizer, jit_compile=compiled)
    data = tf.data.Dataset.from_tensors(batch)
    shared = next(iter(strategy.experimental_distribute_dataset(data)))
    return lambda: taken(shared)["loss"]


def network(model: tfseg.ModelConfig, architecture: str) -> tfseg.ModelConfig:
    """Returns the configuration of Compact with its filters, or of another architecture."""
    filters = model.filters if architecture == "Compact" else ()
    return dataclasses.replace(model, architecture=architecture, filters=filters)


def choices(config: tfseg.RunConfig, batch: tuple[Any, ...], rounds: int) -> Results:
    """Times choices in the step: XLA, the optimizer, the network."""
    unet = dataclasses.replace(config, model=network(config.model, "Unet"))
    adamw = keras.optimizers.AdamW
    calls = {
        "tfseg": trainer_step(config, batch),
        "XLA": trainer_step(config, batch, jit_compile=True),
        "AdamW": trainer_step(config, batch, optimizer=adamw),
        "Unet, resnet18": trainer_step(unet, batch, optimizer=adamw),
    }
    np.testing.assert_allclose(calls["tfseg"](), calls["XLA"](), rtol=1e-4)
    return interleaved(calls, rounds=rounds)


def loops(config: tfseg.RunConfig, batch: tuple[Any, ...], rounds: int, steps: int) -> Results:
    """Times the trainer's step, a bare loop and Keras's `fit`: `steps` of one batch per call."""
    call = trainer_step(config, batch)
    calls: dict[str, Step] = {
        "bare loop": _repeated(_bare_step(config, batch), steps),
        "tfseg": _repeated(call, steps),
    }
    for name, compiled in (("Keras fit, XLA", True), ("Keras fit", False)):
        calls[name] = _keras_fit(config, batch, steps, jit_compile=compiled)
    return interleaved(calls, rounds=rounds, warm_up=2)


def _repeated(call: Step, times: int) -> Step:
    def run() -> None:
        for _ in range(times):
            call()

    return run


def _bare_step(config: tfseg.RunConfig, batch: tuple[Any, ...]) -> Step:
    """Returns a step of the same network, losses and optimizer without the trainer."""
    parts = trained(config, tf.distribute.get_strategy())
    model, losses, weights = parts.model, parts.head.losses(), parts.head.loss_weights
    variables = model.trainable_variables

    def gradients(images: tf.Tensor, targets: dict[str, tf.Tensor]) -> tuple:
        with tf.GradientTape() as tape:
            outputs = model(images, training=True)
            loss = tf.add_n(
                [
                    weights[name] * tf.reduce_mean(part.call(targets[name], outputs[name]))
                    for name, part in losses.items()
                ]
            )
        return loss, tape.gradient(loss, [variable.value for variable in variables])

    @tf.function(autograph=False)
    def taken(images: tf.Tensor, targets: dict[str, tf.Tensor]) -> tf.Tensor:
        loss, slopes = gradients(images, targets)
        parts.optimizer.apply_gradients(zip(slopes, variables, strict=True))
        return loss

    return lambda: float(taken(*batch))


def _keras_fit(
    config: tfseg.RunConfig, batch: tuple[Any, ...], steps: int, *, jit_compile: bool
) -> Step:
    parts = trained(config, tf.distribute.get_strategy())
    parts.model.compile(
        optimizer=parts.optimizer,
        loss=parts.head.losses(),
        loss_weights=parts.head.loss_weights,
        jit_compile=jit_compile,
    )
    data = tf.data.Dataset.from_tensors(batch).repeat()
    return lambda: parts.model.fit(data, steps_per_epoch=steps, verbose=0, shuffle=False)


def replicas(config: tfseg.RunConfig, batch: tuple[Any, ...], rounds: int) -> Results:
    """Times one device, two halves of the CPU, and two halves that send gradients twice."""
    halves = ("CPU:0", "CPU:1")
    calls = {
        "one replica": trainer_step(config, batch, devices=halves[:1]),
        "two replicas": trainer_step(config, batch, devices=halves),
    }
    with mock.patch.object(step, "gradients_are_sums", contextlib.nullcontext):
        # Traced without the patch: Keras sums the sums again. Only the time matters.
        twice = trainer_step(config, batch, devices=halves)
        twice()
    calls["two replicas, gradients sent twice"] = twice
    return interleaved(calls, rounds=rounds)


def checkpoints(config: tfseg.RunConfig, rounds: int) -> Results:
    """Times writing a complete checkpoint to the disk, and returns its size."""
    parts = trained(config, tf.distribute.get_strategy())
    variables = [*parts.model.variables, *parts.optimizer.variables]
    with tempfile.TemporaryDirectory(dir=".") as folder:
        path = Path(folder) / LAST

        def save() -> None:
            assert checkpoint.save(path, variables, step=0, loss=0.0, keep=config.log.keep)

        times = interleaved({"checkpoint": save}, rounds=rounds)["checkpoint"]
        return times | {"megabytes": path.stat().st_size / 1e6}


def validation_metrics(config: tfseg.RunConfig, rounds: int, side: int) -> Results:
    """Times the forward pass of a batch of images with 100 instances, and their metrics.

    "metrics" are those of the trainer, in its graph; "evaluate_pairs" counts in NumPy.
    """
    parts, count = trained(config, tf.distribute.get_strategy()), config.train.batch_size
    draw, pitch = np.random.default_rng(0), side // 10
    y, x = np.mgrid[:side, :side] // pitch
    cells = np.where((y < 10) & (x < 10), y * 10 + x + 1, 0).astype(np.int32)
    gaps = draw.random((count, side, side)) < 0.1
    truth = np.where(gaps, 0, cells)
    predicted = np.roll(truth, 2, axis=1)
    pairs = [(str(k), truth[k], predicted[k]) for k in range(count)]
    maps = tf.constant(truth), tf.constant(predicted), tf.ones(count)
    images = tf.constant(draw.random((count, side, side, config.model.channels), np.float32))

    @tf.function(autograph=False)
    def forward(batch: tf.Tensor) -> tf.Tensor:
        return parts.head.decode(parts.model(batch, training=False)).labels

    counted = tf.function(graph.count, autograph=False)
    calls = {
        "forward and decoding": lambda: forward(images).numpy(),
        "metrics": lambda: float(counted(*maps)["iou_sum"]),
        "evaluate_pairs": lambda: evaluate_pairs(pairs),
    }
    return interleaved(calls, rounds=rounds)


def memory(steps: int) -> Results:
    """Returns the resident megabytes of a training of a small network at 20 points."""
    every = max(1, steps // 20)
    config = tfseg.RunConfig(
        data=tfseg.DataConfig(crop_size=32),
        model=tfseg.ModelConfig(filters=(8, 16)),
        train=tfseg.TrainConfig(steps=steps, batch_size=2),
        optimizer=tfseg.OptimizerConfig(warmup_steps=0),
        log=tfseg.LogConfig(log_every=every, checkpoint_every=every),
    )
    resident: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        dataset = tfseg.convert(tfseg.sample.path(), f"{folder}/data")
        trainer = tfseg.Trainer(config, f"{folder}/run")
        trainer.fit(dataset, on_log=lambda _: resident.append(_resident_megabytes()))
    return {"steps": steps, "every": every, "megabytes": resident}


def _resident_megabytes() -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise OSError("/proc/self/status has no VmRSS")
