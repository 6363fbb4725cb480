"""What a training would be: shapes, sizes and times, without writing anything."""

from __future__ import annotations

import dataclasses
import resource

import numpy as np
import tensorflow as tf

from tfseg.config import RunConfig
from tfseg.data.dataset.dataset import Dataset
from tfseg.networks.build import build_model
from tfseg.training import duration, memory, overfit, validation
from tfseg.training.session import BuildModel, Session


@dataclasses.dataclass(frozen=True, kw_only=True)
class DryRun:
    """What a few steps have shown.

    Attributes:
        images: shape of a batch.
        maps: shape of every output.
        devices: that share a batch.
        parameters: of the network, trained and not.
        estimated_gib: of memory a step on each device, from the sizes of the network's features.
        measured_gib: that were used at the most: of the first GPU, or of the process where there is
            none.
        first_step_seconds: with compiling.
        step_seconds: of every other step.
        validation_seconds: of every validation; 0 where there is no `val` split.
        steps: of the whole training.
        total_seconds: that it would take.
    """

    images: tuple[int, ...]
    maps: dict[str, tuple[int, ...]]
    devices: int
    parameters: int
    estimated_gib: float
    measured_gib: float
    first_step_seconds: float
    step_seconds: float
    validation_seconds: float
    steps: int
    total_seconds: float


def dry_run(config: RunConfig, dataset: Dataset, *, build: BuildModel = build_model) -> DryRun:
    """Takes a few steps, and says what all of them would take.

    Args:
        config: of the run.
        dataset: of the run.
        build: makes the network, called as `build_model`.

    Raises:
        InputError: the configuration does not fit the data, the devices or their memory.
    """
    config = duration.settled(config, dataset, begun=None, build=build)
    session = Session(config, dataset, build=build)
    seen = overfit.take_trial(session)
    train, size = config.train, config.data.crop_size
    images = (train.batch_size, size, size, session.config.model.channels)
    replicas = session.strategy.num_replicas_in_sync
    return DryRun(
        images=images,
        maps={name: (*images[:3], count) for name, count in session.head.outputs.items()},
        devices=replicas,
        parameters=sum(int(np.prod(each.shape)) for each in session.model.weights),
        estimated_gib=memory.estimate(
            session.model, batch_size=train.batch_size // replicas, crop_size=size
        )
        / 2**30,
        measured_gib=_measured() / 2**30,
        first_step_seconds=seen.first_step,
        step_seconds=seen.step,
        validation_seconds=seen.validation,
        steps=train.steps,
        total_seconds=seen.seconds_of(train.steps, validate_every=validation.interval(config.log)),
    )


def _measured() -> int:
    if tf.config.list_logical_devices("GPU"):
        return tf.config.experimental.get_memory_info("GPU:0")["peak"]
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
