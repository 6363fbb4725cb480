"""A few steps on real batches before a training: measures its time, and whether it learns."""

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
# On one repeated batch, the default network reduces its initial loss to less than half.
_OVERFIT_STEPS, _OVERFIT_SHARE = 60, 0.7


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """Measured times, in seconds.

    Attributes:
        first_step: time of the first step, including compilation.
        step: mean time of the other steps, including waiting for data.
        validation: time of a validation on the split val; 0 without this split.
    """

    first_step: float
    step: float
    validation: float

    def steps(self, seconds: float, *, validate_every: int) -> int:
        """Returns how many steps are expected in this time, including validations."""
        left = max(0.0, seconds - self.first_step)
        return max(1, int(left / self._step_with_validation(validate_every)))

    def total_seconds(self, steps: int, *, validate_every: int) -> float:
        """Returns the expected time of `steps`, including the first one and validations."""
        return self.first_step + steps * self._step_with_validation(validate_every)

    def _step_with_validation(self, validate_every: int) -> float:
        return self.step + self.validation / validate_every


def take_trial(session: Session) -> Trial:
    """Runs a few steps, which change the weights of `session`: the run needs a new session.

    Raises:
        InputError: the devices do not have enough memory.
    """
    batches = session.training_input()

    def take(steps: int) -> float:
        start = time.monotonic()
        for _ in range(steps):
            values = session.train_step(*itertools.islice(batches, session.config.train.accumulate))
            float(values["loss"])  # waits for the devices
        return time.monotonic() - start

    with memory.explain_out_of_memory(session.config, session.strategy):
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
    """Trains only on the batches of the first step; every working training can memorise them.

    Returns:
        The loss before and after.

    Raises:
        InputError: the loss did not fall enough, or the devices do not have enough memory.
    """
    taken = list(itertools.islice(session.training_input(), session.config.train.accumulate))
    with memory.explain_out_of_memory(session.config, session.strategy):
        losses = [float(session.train_step(*taken)["loss"]) for _ in range(_OVERFIT_STEPS)]
    first, last = losses[0], losses[-1]
    if not last <= _OVERFIT_SHARE * first:
        raise checks.InputError(
            f"The loss must fall to {_OVERFIT_SHARE:g} of its first value in {_OVERFIT_STEPS} "
            f"steps on one batch; it went from {first:.4f} to {last:.4f}. Check the samples "
            "(tfseg check, tfseg info --out) and optimizer.learning_rate."
        )
    return first, last
