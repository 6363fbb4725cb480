"""A few steps on real batches, to know what a training will take before it is begun."""

from __future__ import annotations

import dataclasses
import itertools
import math
import time

from tfseg import checks
from tfseg.training import memory
from tfseg.training.session import Session

_STEPS = 5
_VALIDATION_BATCHES = 2
# One batch again and again: from random weights the default network gets to less than half.
_OVERFIT_STEPS, _OVERFIT_SHARE = 60, 0.7


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """How long things take, in seconds.

    Attributes:
        first_step: with compiling.
        step: of the others, the mean, with the wait for data.
        validation: of the whole `val` split; 0 where there is none.
    """

    first_step: float
    step: float
    validation: float

    def seconds_of(self, steps: int, *, validate_every: int) -> float:
        """Returns what `steps` will take, the first of them and validations included."""
        return self.first_step + steps * self.step_with_validation(validate_every)

    def step_with_validation(self, validate_every: int) -> float:
        """Returns what a step takes with its share of the validations."""
        return self.step + self.validation / validate_every


def take_trial(session: Session) -> Trial:
    """Takes some steps; `session` has other weights afterwards, so begin the run with a new one.

    Raises:
        InputError: the devices have not the memory.
    """
    batches = session.training_input()

    def take(steps: int) -> float:
        start = time.monotonic()
        for _ in range(steps):
            values = session.train_step(*itertools.islice(batches, session.config.train.accumulate))
            float(values["loss"])  # waits for the devices
        return time.monotonic() - start

    with memory.explained(session.config, session.strategy):
        first, others = take(1), take(_STEPS)
        return Trial(first_step=first, step=others / _STEPS, validation=_validation(session))


def _validation(session: Session) -> float:
    if "val" not in session.dataset.info.splits:
        return 0.0
    count = session.dataset.split("val").num_images
    images = min(session.config.log.validation_images or count, count)
    batches = list(itertools.islice(session.validation_input(), _VALIDATION_BATCHES))
    session.validation_step(batches[0])  # compiles
    start = time.monotonic()
    for batch in batches:
        float(session.validation_step(batch)["loss"])
    share = math.ceil(images / session.config.train.batch_size) / len(batches)
    return (time.monotonic() - start) * share


def overfit_batch(session: Session) -> tuple[float, float]:
    """Trains on the first batches alone; what cannot learn one step by heart learns nothing.

    Returns:
        The loss before and after.

    Raises:
        InputError: the loss hardly fell, or the devices have not the memory.
    """
    taken = list(itertools.islice(session.training_input(), session.config.train.accumulate))
    with memory.explained(session.config, session.strategy):
        losses = [float(session.train_step(*taken)["loss"]) for _ in range(_OVERFIT_STEPS)]
    first, last = losses[0], losses[-1]
    if not last <= _OVERFIT_SHARE * first:
        raise checks.InputError(
            f"The loss of one batch, trained on {_OVERFIT_STEPS} times, must fall to "
            f"{_OVERFIT_SHARE:g} of its first value; it went from {first:.4f} to {last:.4f}. Look "
            "at the samples (tfseg check, tfseg info --out), and at optimizer.learning_rate."
        )
    return first, last
