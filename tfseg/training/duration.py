"""The number of steps of a run that is given in epochs or minutes."""

from __future__ import annotations

import dataclasses
import math
import time

from tfseg import checks
from tfseg.config import RunConfig
from tfseg.data.dataset.dataset import Dataset
from tfseg.networks.build import build_model
from tfseg.training import cluster, validation
from tfseg.training.overfit import take_trial
from tfseg.training.session import BuildModel, Session


def with_step_count(
    config: RunConfig,
    dataset: Dataset,
    *,
    begun: RunConfig | None,
    build: BuildModel = build_model,
) -> RunConfig:
    """Returns `config` with steps in place of epochs or minutes.

    Minutes become steps once, by a trial before the run starts. A resumed run keeps its number of
    steps, so it ends as if it had not been interrupted.

    Args:
        config: with train.epochs, train.minutes, or neither.
        dataset: of the run.
        begun: the configuration of the run that is resumed, or None.
        build: makes the network, called as `build_model`.

    Raises:
        InputError: the configuration does not fit the data or the devices, there are fewer steps
            than in the warm-up, or minutes are given with several processes.
    """
    train = config.train
    if train.minutes and cluster.find_resolver():
        raise checks.InputError(
            f"train.minutes must be 0 with several processes, which would measure different "
            f"speeds; got {train.minutes:g}. Give train.steps or train.epochs."
        )
    if train.minutes and begun:
        return _with_steps(config, begun.train.steps)
    if train.minutes:
        return _with_steps(config, _steps_of_minutes(config, dataset, build))
    if train.epochs:
        images = train.epochs * dataset.split("train").num_images
        return _with_steps(config, math.ceil(images / (train.batch_size * train.accumulate)))
    return config


def _with_steps(config: RunConfig, steps: int) -> RunConfig:
    train = dataclasses.replace(config.train, steps=steps, epochs=0.0, minutes=0.0)
    return dataclasses.replace(config, train=train)


def _steps_of_minutes(config: RunConfig, dataset: Dataset, build: BuildModel) -> int:
    start, minutes = time.monotonic(), config.train.minutes
    session = Session(config, dataset, build=build)
    trial = take_trial(session)
    # Twice, because the run builds and compiles again, exactly as a run with this many steps.
    spent = 2 * (time.monotonic() - start)
    steps = int(
        (60.0 * minutes - spent) / trial.step_with_validation(validation.interval(config.log))
    )
    if steps < 1:
        raise checks.InputError(
            f"train.minutes must be more than {spent / 60.0:.1f}, the time before the first step; "
            f"got {minutes:g}."
        )
    return steps
