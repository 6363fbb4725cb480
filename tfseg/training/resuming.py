"""Whether a run can be resumed with a configuration, and what changes in it."""

from __future__ import annotations

import warnings

import numpy as np
import tensorflow as tf

from tfseg import config
from tfseg.checks import InputError
from tfseg.config import RunConfig
from tfseg.run_files import CONFIG, NETWORK
from tfseg.training.progress import Progress
from tfseg.training.run_folder import RunFolder
from tfseg.training.schedules import Schedule

_NETWORK = "model.network"


def check_config(folder: RunFolder, run_config: RunConfig) -> None:
    """Checks that the values which must not change on resume equal those of the run.

    Raises:
        InputError: a value differs.
    """
    path, free = folder.path / CONFIG, set(config.names_free_on_resume(RunConfig))
    values, expected = config.flat(run_config), config.flat(folder.read_config())
    for name, value in values.items():
        if name == _NETWORK and value and expected[name] and value != expected[name]:
            raise InputError(
                f"The network must be the one in {folder.path / NETWORK} to resume the run; its "
                "layers differ. Resume with the same network, or start another run."
            )
        if name not in free and value != expected[name]:
            raise InputError(
                f"{name} must be {expected[name]!r} to resume the run, as in {path}; got "
                f"{value!r}. Resume with this value, or start another run."
            )


def check_steps(folder: RunFolder, run_config: RunConfig, *, done: int, updates: int) -> None:
    """Checks the number of steps, and warns if another number changes the learning rates to come.

    Args:
        folder: of the run.
        run_config: to resume with.
        done: steps of the run so far.
        updates: those of them that changed the weights.

    Raises:
        InputError: there are fewer steps than the run has done.
    """
    begun, steps = folder.read_config(), run_config.train.steps
    if steps is None:  # the learning rates follow the clock
        return
    if steps < done:
        raise InputError(
            f"train.steps must be at least {done}, the steps that the run in {folder.path} has "
            f"done; got {steps}. Give more steps, or start another run."
        )
    if begun.train.steps is None:
        return
    before, now = (_rates(values, updates, steps - done) for values in (begun, run_config))
    if (before != now).any():
        most = int(np.argmax(np.abs(now - before)))
        warnings.warn(
            f"train.steps is {steps} instead of {begun.train.steps}, on which "
            f"optimizer.schedule {run_config.optimizer.schedule} depends: the learning rate of "
            f"step {done + 1 + most} is {now[most]:.3g} instead of {before[most]:.3g}.",
            stacklevel=2,
        )


def _rates(run_config: RunConfig, first: int, count: int) -> np.ndarray:
    """Returns the learning rates of the updates from `first` on, `[count]` float32."""
    train, updates = run_config.train, tf.range(first, first + count, dtype=tf.float32)
    if not train.progress:
        return Schedule(run_config.optimizer, steps=train.steps)(updates).numpy()
    progress = Progress(train.progress)
    positions = [progress.at(step) for step in range(first, first + count)]
    schedule = Schedule(run_config.optimizer, steps=None)
    return schedule.rate(updates, tf.constant(positions, tf.float32)).numpy()
