"""Estimates of a training (shapes, memory, time) from a few steps, without writing anything."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from tfseg import operating_system
from tfseg.config import RunConfig
from tfseg.data.dataset.dataset import Dataset
from tfseg.networks.keras_network import Network
from tfseg.training import memory, overfit, validation
from tfseg.training.session import Session


@dataclasses.dataclass(frozen=True, kw_only=True)
class DryRun:
    """Measurements of a few steps.

    Attributes:
        images: shape of a batch of images.
        maps: shape of every output of the network.
        devices: number of devices that share a batch.
        parameters: of the network, trainable or not.
        estimated_gib: memory of a step on each device, from the sizes of the network's features.
        available_gib: memory of the first GPU; without one, what the process may use of the
            machine's, in a container its limit, divided by the number of devices.
        measured_gib: peak memory of the first GPU, or of the process if there is no GPU.
        first_step_seconds: time of the first step, with compiling.
        step_seconds: time of every other step.
        validation_seconds: time of a validation; 0 without a split val.
        steps: of the training; with train.minutes the number expected at this speed.
        total_seconds: expected time of the training.
    """

    images: tuple[int, ...]
    maps: dict[str, tuple[int, ...]]
    devices: int
    parameters: int
    estimated_gib: float
    available_gib: float
    measured_gib: float
    first_step_seconds: float
    step_seconds: float
    validation_seconds: float
    steps: int
    total_seconds: float


def dry_run(config: RunConfig, dataset: Dataset, *, network: Network | None = None) -> DryRun:
    """Runs a few steps, and estimates the memory and time of the training.

    Args:
        config: of the run.
        dataset: of the run.
        network: as for `Trainer`.

    Raises:
        InputError: the configuration does not fit the data, the devices or their memory.
    """
    session = Session(config, dataset, network=network)
    replicas = session.strategy.num_replicas_in_sync
    estimated = memory.estimate(
        session.model,
        batch_size=session.config.train.batch_size // replicas,
        crop_size=config.data.crop_size,
    )
    available = memory.available(replicas)
    memory.warn_of_too_little(estimated, available)
    trial = overfit.take_trial(session)
    train, size = session.config.train, config.data.crop_size
    interval = validation.interval(config.log)
    steps = train.steps or trial.steps(60.0 * train.minutes, validate_every=interval)
    images = (train.batch_size, size, size, session.config.model.channels)
    return DryRun(
        images=images,
        maps={name: (*images[:3], count) for name, count in session.head.outputs.items()},
        devices=replicas,
        parameters=sum(int(np.prod(weight.shape)) for weight in session.model.weights),
        estimated_gib=estimated / 2**30,
        available_gib=available / 2**30,
        measured_gib=_peak_memory() / 2**30,
        first_step_seconds=trial.first_step,
        step_seconds=trial.step,
        validation_seconds=trial.validation,
        steps=steps,
        total_seconds=trial.total_seconds(steps, validate_every=interval),
    )


def _peak_memory() -> int:
    if tf.config.list_logical_devices("GPU"):
        return tf.config.experimental.get_memory_info("GPU:0")["peak"]
    return operating_system.peak_memory()
