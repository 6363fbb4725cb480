"""The training loop."""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfseg import checks, config
from tfseg.config import RunConfig
from tfseg.data.reading import clear_errors
from tfseg.data.store import Dataset
from tfseg.training import checkpoint, offenders
from tfseg.training.history import History, Row
from tfseg.training.interrupt import deferred_interrupt
from tfseg.training.session import Session
from tfseg.whole import write_whole

CONFIG, HISTORY, CHECKPOINTS = "config.yaml", "history.csv", "checkpoints"
NONFINITE = "nonfinite.csv"
# What may differ when a run goes on; the rest decides which batches come and what they teach.
_FREE_ON_RESUME = (
    "data.cache",
    "train.steps",
    "train.log_every",
    "train.checkpoint_every",
    "train.devices",
    "train.keep",
    "train.patience",
    "train.on_nonfinite",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingSummary:
    """What a finished training came to.

    Attributes:
        steps: optimizer steps done in all.
        seconds: time of this call, without building the network.
        images_per_second: samples of this call over its seconds.
        loss: mean training loss over the last row of the history.
        best_loss: lowest validation loss; None where there is no `val` split.
    """

    steps: int
    seconds: float
    images_per_second: float
    loss: float
    best_loss: float | None


class Trainer:
    """Trains one network on the `train` split of a data set and keeps everything in a folder.

    The folder holds config.yaml (the resolved configuration), history.csv (a row every `log_every`
    steps) and checkpoints: best.npz, last.npz, and before it last-1.npz and so on. `best` has the
    lowest loss on the `val` split; without one it is the same as `last`. nonfinite.csv names the
    samples of steps whose loss or gradients were not finite, where there were some.

    Example:
        summary = Trainer(RunConfig(seed=1), "run").fit(Dataset.open("data"))
    """

    def __init__(self, run_config: RunConfig, run_dir: str | Path) -> None:
        self.config = run_config
        self.run_dir = Path(run_dir)

    def fit(
        self,
        dataset: Dataset,
        *,
        resume: bool = False,
        on_log: Callable[[Row], None] | None = None,
    ) -> TrainingSummary:
        """Trains to `config.train.steps`, or until `config.train.patience` is at its end.

        Ctrl-C and SIGTERM let the step at work finish, write the last checkpoint and raise
        `KeyboardInterrupt`, or `Terminated`, which is one.

        Args:
            dataset: has a split `train`, and maybe `val`.
            resume: goes on from the last whole checkpoint of the folder; the weights come out as
                those of an uninterrupted run.
            on_log: called with every row of the history, "steps" and "seconds_left" beside it.

        Raises:
            InputError: the folder is taken (or, to resume, has no checkpoint), the configuration
                does not fit the data, the devices or the run, a record is damaged, or a loss or
                weight is not finite.
        """
        run = _Run(self.config, self.run_dir, dataset)
        if resume:
            run.restore()
        else:
            run.begin()
        with clear_errors():
            return run.train_on(on_log)


class _Run:
    """One call of `fit`: a session, the folder it is kept in, and how far it is."""

    def __init__(self, run_config: RunConfig, run_dir: Path, dataset: Dataset) -> None:
        self.session = Session(run_config, dataset)
        self.train, self.run_dir = run_config.train, run_dir
        self.samples = run_config.train.batch_size * run_config.train.accumulate
        self.num_images = dataset.split("train").num_images
        self.validated = "val" in dataset.info.splits
        self.history = History(run_dir / HISTORY)
        self.last, self.best = (
            run_dir / CHECKPOINTS / name for name in (checkpoint.LAST, checkpoint.BEST)
        )
        self.step, self.best_loss = 0, math.inf

    def begin(self) -> None:
        """Takes a new or empty folder."""
        unfinished = self.run_dir / f"{CONFIG}.partial"
        if self.run_dir.exists() and any(file != unfinished for file in self.run_dir.iterdir()):
            raise checks.InputError(
                f"{self.run_dir} is not empty; resume the run in it (--resume) or choose another "
                "folder."
            )
        self._write_config()

    def restore(self) -> None:
        """Takes up the run in the folder; from its beginning, if it was stopped that soon."""
        begun = any(self.last.parent.glob(f"{self.last.stem}*{self.last.suffix}"))
        if not begun and not (self.run_dir / CONFIG).is_file():
            checkpoint.require(self.last)
        _check_same_run(self.session.config, self.run_dir / CONFIG)
        if begun:
            whole = checkpoint.newest(self.last)
            self.step, self.best_loss = checkpoint.restore(whole, self.session.variables)
        self.history.restore(self.step)
        self._write_config()

    def train_on(self, on_log: Callable[[Row], None] | None) -> TrainingSummary:
        """Trains from the current step to the last one."""
        clock = _Clock(self.step, self.samples)
        batches = self.session.training_batches(first_step=self.step)
        pending: list[dict[str, tf.Tensor]] = []
        with deferred_interrupt() as interrupted:
            while not self._over() and not interrupted():
                taken = itertools.islice(batches, self.train.accumulate)
                pending.append(self.session.train_step(*taken))
                self.step += 1
                if self._due(self.train.log_every) or self._due(self.train.checkpoint_every):
                    row, pending = self._row(pending, clock), []
                    self.history.rows.append(row)
                    if self._due(self.train.checkpoint_every):
                        row |= self._validate()
                        self._checkpoint()
                    if on_log:
                        left = clock.seconds_left(self.step, self.train.steps)
                        on_log(row | {"steps": self.train.steps, "seconds_left": left})
        if not self._over():
            self._check_finite(pending)
            self._checkpoint()
            raise interrupted()
        return TrainingSummary(
            steps=self.step,
            seconds=clock.seconds(),
            images_per_second=clock.images_per_second(self.step),
            loss=self.history.rows[-1]["loss"],
            best_loss=self.best_loss if self.validated else None,
        )

    def _over(self) -> bool:
        return self.step >= self.train.steps or self._without_patience()

    def _without_patience(self) -> bool:
        if not self.train.patience:
            return False
        losses = [row.get("val_loss", math.nan) for row in self.history.rows]
        losses = [loss for loss in losses if not math.isnan(loss)]
        if not losses:
            return False
        return len(losses) - 1 - losses.index(min(losses)) >= self.train.patience

    def _due(self, every: int) -> bool:
        return self.step % every == 0 or self.step == self.train.steps

    def _row(self, pending: list[dict[str, tf.Tensor]], clock: _Clock) -> Row:
        self._check_finite(pending)
        counted = [losses for losses in pending if not losses["skipped"]]
        means = {
            name: float(np.mean([losses[name] for losses in counted])) if counted else math.nan
            for name in pending[0]
        }
        return {
            "step": self.step,
            "epoch": self.step * self.samples / self.num_images,
            **means,
            "skipped": len(pending) - len(counted),
            "learning_rate": float(np.asarray(self.session.optimizer.learning_rate)),
            "images_per_second": clock.images_per_second(self.step),
        }

    def _check_finite(self, pending: list[dict[str, tf.Tensor]]) -> None:
        first = self.step - len(pending) + 1
        for at, losses in enumerate(pending, start=first):
            if not losses["skipped"]:
                continue
            ids = offenders.sample_ids(self.session.dataset, self.session.config, step=at)
            offenders.note(self.run_dir / NONFINITE, ids, step=at)
            if self.train.on_nonfinite == "stop":
                loss = float(losses["loss"])
                what = f"loss is {loss}" if not math.isfinite(loss) else "gradient is not finite"
                self._diverged(at, what, f" of the samples {checks.listed(ids)} ({NONFINITE})")

    def _diverged(self, at: int, what: str, samples: str = "") -> None:
        kept = f"the last good checkpoint is {self.last}"
        if not self.last.exists():
            kept = "no checkpoint had been written yet"
        raise checks.InputError(
            f"The {what} at step {at}{samples}; {kept}. "
            "Lower train.learning_rate or raise train.warmup_steps."
        )

    def _validate(self) -> Row:
        """Scores the `val` split, and keeps the weights if they are the best so far."""
        if not self.validated:
            return {}
        session = self.session
        with session.as_used():
            sums = [session.validation_step(batch) for batch in session.validation_batches()]
            loss = float(sum(part["loss"] for part in sums) / sum(part["count"] for part in sums))
            if loss < self.best_loss:
                self.best_loss = loss
                self._save(self.best, session.model.variables)
        return {"val_loss": loss}

    def _checkpoint(self) -> None:
        # The history first: rows beyond the last checkpoint are dropped when the run goes on, and
        # rows that were never written would be missing for good.
        self.history.write()
        if not self.validated or not self.best.exists():
            with self.session.as_used():
                self._save(self.best, self.session.model.variables)
        self._save(self.last, self.session.variables, keep=self.train.keep)

    def _save(self, path: Path, variables: list[keras.Variable], *, keep: int = 1) -> None:
        if not checkpoint.save(path, variables, step=self.step, loss=self.best_loss, keep=keep):
            self._diverged(self.step, "loss was finite, the weights after it are not,")

    def _write_config(self) -> None:
        try:
            self.run_dir.mkdir(parents=True, exist_ok=True)
            write_whole(self.run_dir / CONFIG, lambda path: config.write(self.session.config, path))
        except OSError as error:
            raise checks.InputError(
                f"{self.run_dir} cannot be written: {error.strerror}. Choose another run directory."
            ) from error


class _Clock:
    """Time and speed of one call of `fit`, which begins at step `first`."""

    def __init__(self, first: int, batch_size: int) -> None:
        self._first, self._batch_size, self._start = first, batch_size, time.monotonic()

    def seconds(self) -> float:
        return time.monotonic() - self._start

    def images_per_second(self, at: int) -> float:
        return (at - self._first) * self._batch_size / self.seconds()

    def seconds_left(self, at: int, last: int) -> float:
        return self.seconds() / (at - self._first) * (last - at)


def _check_same_run(own: RunConfig, path: Path) -> None:
    """Refuses to go on with other values than the run began with."""
    own_values, values = config.flat(own), config.flat(config.read(path))
    other = [
        name
        for name in own_values
        if name not in _FREE_ON_RESUME and own_values[name] != values[name]
    ]
    if other:
        name = other[0]
        raise checks.InputError(
            f"A run goes on with the values it began with; {name} is {own_values[name]!r} here and "
            f"{values[name]!r} in {path}. Give --config {path}, or begin another run."
        )
