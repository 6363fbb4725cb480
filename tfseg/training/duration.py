"""How many steps a run takes, where it is said in other words: epochs, or minutes."""

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


def settled(
    config: RunConfig,
    dataset: Dataset,
    *,
    begun: RunConfig | None,
    build: BuildModel = build_model,
) -> RunConfig:
    """Returns `config` with its budget as steps.

    Minutes become steps once, by a trial before the run begins; a run that goes on keeps the number
    that it began with, so it ends as if it had not been interrupted.

    Args:
        config: with train.epochs, train.minutes, or neither.
        dataset: of the run.
        begun: what the run began with, if it goes on.
        build: makes the network, called as `build_model`.

    Raises:
        InputError: the configuration does not fit the data or the devices, the steps do not reach
            to the end of the warm-up, or several processes have minutes.
    """
    train = config.train
    if train.minutes and cluster.resolver():
        raise checks.InputError(
            f"train.minutes is for one process, as several would count other steps; got "
            f"{train.minutes:g}. Say train.steps or train.epochs."
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
    # The run builds and compiles once more, so that it begins as one of so many steps would.
    spent = 2 * (time.monotonic() - start)
    steps = int(
        (60.0 * minutes - spent) / trial.step_with_validation(validation.interval(config.log))
    )
    if steps < 1:
        raise checks.InputError(
            f"train.minutes must be more than the {spent / 60.0:.1f} that go before the first "
            f"step; got {minutes:g}."
        )
    return steps
