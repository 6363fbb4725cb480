"""How long a run is: steps, epochs or minutes."""

from __future__ import annotations

import dataclasses
import math
import time
import warnings
from collections.abc import Callable, Sequence

from tfseg import checks
from tfseg.config import RunConfig
from tfseg.config.train import DEFAULT_STEPS
from tfseg.data.dataset.dataset import Dataset
from tfseg.training import cluster
from tfseg.training.clock import Clock
from tfseg.training.history import Row
from tfseg.training.progress import Progress
from tfseg.training.schedules import Schedule, warmup_steps

_RECENT = 0.1  # of the budget: the speed is that of the steps in this last part of it
_LONGEST = 0.01  # of the budget, without a row of the history
_TOLERANCE = 0.05  # of the steps left: a smaller error of the estimated end changes nothing


def with_step_count(config: RunConfig, dataset: Dataset) -> RunConfig:
    """Returns `config` with the steps of the training and of its warm-up.

    With train.minutes, train.steps stays None: only `Budget` knows it, at the end.

    Args:
        config: with train.steps, train.epochs, train.minutes, or none of them.
        dataset: of the run.

    Raises:
        InputError: there are fewer steps than in the warm-up, or minutes are given with several
            processes.
    """
    train = config.train
    if train.minutes:
        if cluster.find_resolver():
            raise checks.InputError(
                f"train.minutes must be 0 with several processes, which would measure different "
                f"speeds; got {train.minutes:g}. Give train.steps or train.epochs."
            )
        optimizer = dataclasses.replace(
            config.optimizer, warmup_steps=warmup_steps(config.optimizer, None)
        )
        return dataclasses.replace(config, optimizer=optimizer)
    steps = train.steps or DEFAULT_STEPS
    if train.epochs:
        images = train.epochs * dataset.split("train").num_images
        steps = math.ceil(images / (train.batch_size * train.accumulate))
    warmup = warmup_steps(config.optimizer, steps)
    if config.optimizer.warmup_steps is None and warmup < warmup_steps(config.optimizer, None):
        warnings.warn(
            f"optimizer.warmup_steps is {warmup}, because the training has only {steps} steps. Set "
            "it for another warm-up.",
            stacklevel=2,
        )
    return dataclasses.replace(
        with_steps(config, steps),
        optimizer=dataclasses.replace(config.optimizer, warmup_steps=warmup),
    )


def with_steps(config: RunConfig, steps: int, progress: Progress | None = None) -> RunConfig:
    """Returns `config` with a number of steps, and maybe a progress, for epochs or minutes."""
    lines = tuple(progress.lines) if progress else config.train.progress
    train = dataclasses.replace(config.train, steps=steps, epochs=0.0, minutes=0.0, progress=lines)
    return dataclasses.replace(config, train=train)


def duration_of(config: RunConfig, *, start: float) -> Steps:
    """Returns the duration of a run whose `with_step_count` is `config`, since the time `start`."""
    if config.train.steps is not None:
        return Steps(config.train.steps, Progress(config.train.progress))
    warmup = warmup_steps(config.optimizer, None)
    return Budget(config.train.minutes, warmup=warmup, start=start)


class Steps:
    """A duration in steps.

    Attributes:
        steps: number of steps of the run.
        progress: of the schedule, where it is not a function of the steps.
    """

    def __init__(self, steps: int, progress: Progress | None = None) -> None:
        self.steps, self.progress = steps, progress or Progress()

    def restore(self, rows: Sequence[Row], step: int) -> None:
        """Continues a run after `step` steps, with these rows of its history."""

    def before_step(self, step: int, schedule: Schedule) -> None:
        """Moves the schedule to its position for the step after `step` steps."""
        schedule.move_to(self.progress.at(step))

    def after_step(self, step: int) -> None:
        """Corrects the number of steps of the run after `step` steps."""

    def seconds_left(self, step: int, clock: Clock) -> float:
        """Returns the expected time from the end of `step` steps to the end of the run."""
        return clock.seconds_left(step, self.steps)

    def is_row_due(self) -> bool:
        """Returns whether the history needs a row after this step."""
        return False

    def row(self, step: int) -> Row:
        """Returns columns for a row of the history after `step` steps."""
        del step
        return {}

    def end_validation(self) -> None:
        """Notes that the validation and the checkpoint of a row are done."""


class Budget(Steps):
    """A duration in minutes: the schedule follows the clock, and the last step is when time is up.

    The speed of a machine changes, so the number of steps is estimated again with every row of the
    history, from the speed of the last tenth of the budget. The position rises linearly with the
    steps, to 1 at the estimated end, and turns to another end where the estimate has moved. It
    starts at 0, after the warm-up and when the first speed is known. The rows have the seconds
    used, the position and its end, so the history is a record of the schedule, and a resumed run
    continues it with the minutes that are left.

    Attributes:
        steps: number of steps of the run, an estimate until the time is up.

    Args:
        minutes: from `start` on, with building, compiling and validations.
        warmup: number of first steps in which the position is 0.
        start: time of the start.
        clock: returns the time in seconds.
    """

    def __init__(
        self,
        minutes: float,
        *,
        warmup: int,
        start: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(steps=1)
        self._total, self._warmup, self._clock = 60.0 * minutes, warmup, clock
        self._start, self._used = start, 0.0
        self._marks: list[tuple[int, float]] = []  # steps done, and seconds used until then
        self._step_seconds, self._row_seconds, self._validations = 0.0, 0.0, 0
        self._is_over = False

    def seconds(self) -> float:
        """Returns the time used, with that of earlier starts."""
        return self._used + self._clock() - self._start

    def restore(self, rows: Sequence[Row], step: int) -> None:
        """Continues a run after `step` steps, with these rows of its history.

        Raises:
            InputError: the run did not have a budget from its start on.
        """
        if not rows:
            return
        last = rows[-1]
        if "aim" not in last:
            raise checks.InputError(
                f"train.minutes must be 0 to resume a run that was not started with it; got "
                f"{self._total / 60.0:g}. Give train.steps."
            )
        self._used = last["seconds"]
        self.progress = Progress.from_rows(rows, warmup=self._warmup)
        self._marks = [(int(row["step"]), row["seconds"]) for row in rows[-2:-1]]
        self._estimate(int(last["step"]), last["seconds"])
        self.after_step(step)

    def after_step(self, step: int) -> None:
        """Makes this step the last one if the time is up, without what the end of the run takes.

        Raises:
            InputError: the time is up in the warm-up.
        """
        if self.seconds() + self._row_seconds + self._step_seconds / 2 >= self._total:
            self._check_warmup(step)
            self.steps, self._is_over = step, True
        else:
            self.steps = max(self.steps, step + 1)

    def seconds_left(self, step: int, clock: Clock) -> float:
        """Returns the rest of the minutes."""
        del step, clock
        return max(0.0, self._total - self.seconds())

    def is_row_due(self) -> bool:
        """Returns whether the last row is so old that the speed must be measured again."""
        last = self._marks[-1][1] if self._marks else self._used
        return self.seconds() - last > _LONGEST * self._total

    def row(self, step: int) -> Row:
        """Measures the speed after `step` steps; returns the columns of a row of the history."""
        seconds, position = self.seconds(), self.progress.at(step)
        if self._estimate(step, seconds):
            self._aim(step, position)
        return {"seconds": seconds, "position": position, "aim": self.progress.end}

    def end_validation(self) -> None:
        """Measures the validation and the checkpoint, which the end of the run has too."""
        self._validations += 1
        if self._validations > 1:  # the first one is slower, because it is compiled
            self._row_seconds = self.seconds() - self._marks[-1][1]

    def _estimate(self, step: int, seconds: float) -> bool:
        """Estimates the number of steps; returns whether there is a new estimate."""
        self._marks.append((step, seconds))
        recent = [mark for mark in self._marks[:-1] if mark[1] >= seconds - _RECENT * self._total]
        first_step, first_seconds = (recent or self._marks[-2:])[0]
        self._marks = [*(recent or self._marks[-2:-1]), self._marks[-1]]
        if step == first_step or self._is_over:
            return False
        self._step_seconds = (seconds - first_seconds) / (step - first_step)
        left = max(0.0, self._total - seconds - self._row_seconds)
        self.steps = step + max(1, round(left / self._step_seconds))
        self._check_warmup(self.steps)
        return True

    def _aim(self, step: int, position: float) -> None:
        """Turns the progress to the estimated end, if that has moved."""
        start = max(step, self._warmup)
        if abs(self.steps - self.progress.end) > _TOLERANCE * (self.steps - start):
            self.progress.turn(start, position, self.steps)

    def _check_warmup(self, steps: int) -> None:
        if steps <= self._warmup:
            raise checks.InputError(
                f"train.minutes must be enough for more steps than the {self._warmup} of "
                f"optimizer.warmup_steps; {self._total / 60.0:g} are about {steps} steps on this "
                "machine. Give more minutes or fewer steps of warm-up."
            )
