"""The training loop."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfseg.config import RunConfig
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.pipeline.reading import unwrap_input_errors
from tfseg.networks import weights
from tfseg.networks.build import build_model
from tfseg.run_files import RECORD
from tfseg.training import checkpoint, duration, memory, nonfinite, provenance, validation
from tfseg.training.callbacks import Callback, OnLog
from tfseg.training.clock import Clock
from tfseg.training.history import History, Row
from tfseg.training.interrupt import deferred_interrupt
from tfseg.training.run_folder import RunFolder
from tfseg.training.session import BuildModel, Session

Figures = dict[str, Any]  # of one step; scalars float32


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

    Where several processes train together, each of them calls `fit`; the first of them, the chief,
    has the folder.

    The folder holds config.yaml (the resolved configuration), run.json (the same with versions,
    data and command), history.csv (a row every `log_every` steps) and checkpoints: best.npz,
    last.npz, and before it last-1.npz and so on. `best` has the best figure `config.log.best` on
    the `val` split; without one it is the same as `last`. nonfinite.csv names the samples of steps
    whose loss or gradients were not finite, where there were some.

    Args:
        run_config: of the run.
        run_dir: folder of the run.
        build: makes the network, called as `build_model`.

    Attributes:
        is_chief: whether this process has the folder; known after the beginning of `fit`.

    Example:
        summary = Trainer(RunConfig(seed=1), "run").fit(Dataset.open("data"))
    """

    def __init__(
        self, run_config: RunConfig, run_dir: str | Path, *, build: BuildModel = build_model
    ) -> None:
        self.config, self._build = run_config, build
        self.run_dir = Path(run_dir)
        self.is_chief = True

    def fit(
        self,
        dataset: Dataset,
        *,
        resume: bool = False,
        on_log: Callable[[Row], None] | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> TrainingSummary:
        """Trains to the end of the budget, or until `config.train.patience` is at its end.

        Ctrl-C and SIGTERM let the step at work finish, write the last checkpoint and raise
        `KeyboardInterrupt`, or `Terminated`, which is one.

        Args:
            dataset: has a split `train`, and maybe `val`.
            resume: goes on from the last whole checkpoint of the folder; the weights come out as
                those of an uninterrupted run.
            on_log: called with every row of the history, as `Callback.on_log`.
            callbacks: are told how it goes; those of the chief alone.

        Raises:
            WorkerLost: another of several processes ended or cannot be reached.
            InputError: the folder is taken (or, to resume, has no checkpoint), the configuration
                does not fit the data, the devices, their memory or the run, a record is damaged, or
                a loss or weight is not finite.
        """
        folder = RunFolder(self.run_dir)
        told = [*callbacks, *([OnLog(on_log)] if on_log else [])]
        with unwrap_input_errors():
            begun = self._begun(folder, resume=resume)
            config = duration.settled(self.config, dataset, begun=begun, build=self._build)
            run = _Run(config, folder, dataset, told, self._build)
            self.is_chief = run.workers.is_chief
            session = run.session
            with run.workers.clear_errors(), memory.explained(session.config, session.strategy):
                if resume:
                    run.restore()
                else:
                    run.workers.from_chief(folder.check_free)
                run.workers.from_chief(run.begin)
                return run.train_on()

    def _begun(self, folder: RunFolder, *, resume: bool) -> RunConfig | None:
        """Returns what the run began with, where that decides about its steps."""
        if not self.config.train.minutes:
            return None
        if resume:
            return folder.begun_with()
        folder.check_free()  # before minutes are spent on a trial
        return None


class _Run:
    """One call of `fit`: a session, the folder it is kept in, and how far it is."""

    def __init__(
        self,
        run_config: RunConfig,
        folder: RunFolder,
        dataset: Dataset,
        callbacks: Sequence[Callback],
        build: BuildModel,
    ) -> None:
        self.session = Session(run_config, dataset, build=build)
        self.workers = self.session.workers
        self.train, self.log, self.folder = run_config.train, run_config.log, folder
        self.callbacks = callbacks if self.workers.is_chief else []
        self.samples = run_config.train.batch_size * run_config.train.accumulate
        self.num_images = dataset.split("train").num_images
        self.validated = "val" in dataset.info.splits
        self.history = History(folder.history)
        self.step, self.out_of_patience = 0, False
        self.pending: list[Figures] = []

    def restore(self) -> None:
        """Takes up the run in the folder; from its beginning, if it was stopped that soon."""
        self.step, self.history.rows, self.pending = self.workers.from_chief(self._restored)
        self.workers.share(self.session.variables)
        self._follow()

    def _restored(self) -> tuple[int, list[Row], list[Figures]]:
        step, pending = 0, []
        self.folder.check_same(self.session.config)
        if self.folder.is_begun:
            whole = checkpoint.newest(self.folder.last)
            step, _ = weights.restore(whole, self.session.variables)
            pending = checkpoint.pending(whole)
        self.history.restore(step)
        return step, self.history.rows, pending

    def begin(self) -> None:
        """Writes what the run is made with."""
        self.folder.write_config(self.session.config)
        path = self.folder.path / RECORD
        provenance.record(path, self.session, first_step=self.step)

    def train_on(self) -> TrainingSummary:
        """Trains from the current step to the last one."""
        clock = Clock(self.step, self.samples)
        batches = self.session.training_input(first_step=self.step)
        with self._watched(), deferred_interrupt() as interrupted:
            while True:
                over, interrupt = self.workers.agree(self._over(), interrupted())
                if over or interrupt:
                    break
                with clock.waiting():
                    taken = list(itertools.islice(batches, self.train.accumulate))
                self.pending.append(self.session.train_step(*taken))
                self.step += 1
                self._tell("on_step", self.step)
                if self._is_row_due():
                    self._add_row(clock)
            if interrupt and not over:
                self._check_finite()
                self._checkpoint()
                raise interrupt()
        best_loss = validation.lowest_loss(self.history.rows)
        return TrainingSummary(
            steps=self.step,
            seconds=clock.seconds(),
            images_per_second=clock.images_per_second(self.step),
            loss=self.history.rows[-1]["loss"],
            best_loss=best_loss if self.validated else None,
        )

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        self._tell("on_begin", self.session)
        try:
            yield
        finally:
            self._tell("on_end")

    def _tell(self, event: str, *what: object) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(*what)

    def _over(self) -> bool:
        return self.step >= self.train.steps or self.out_of_patience

    def _due(self, every: int) -> bool:
        return self.step % every == 0 or self.step == self.train.steps

    def _is_validation_due(self) -> bool:
        return self.validated and self._due(validation.interval(self.log))

    def _is_row_due(self) -> bool:
        due = self._due(self.log.log_every) or self._due(self.log.checkpoint_every)
        return due or self._is_validation_due()

    def _add_row(self, clock: Clock) -> None:
        """Adds a row to the history, with all that is due with it."""
        row = self._row(clock)
        self.history.rows.append(row)
        self.pending = []
        told = {
            "steps": self.train.steps,
            "seconds_left": clock.seconds_left(self.step, self.train.steps),
            "data_wait": clock.data_wait(),
        }
        if self._is_validation_due():
            with self.session.as_used():
                row |= validation.validate(self.session)
                if validation.is_best(self.history.rows, self.log.best):
                    variables = self.session.model.variables
                    save = functools.partial(self._save, self.folder.best, variables)
                    self.workers.from_chief(save)
                self._tell("on_validation", row | told)
            self._follow()
        if self._due(self.log.checkpoint_every):
            self._checkpoint()
        self._tell("on_log", row | told)

    def _follow(self) -> None:
        """Lets the rest of the run know of the validations so far."""
        rows, figure, patience = self.history.rows, self.log.best, self.train.patience
        self.session.schedule.follow(validation.scores(rows, figure))
        self.out_of_patience = 0 < patience <= validation.since_best(rows, figure)

    def _row(self, clock: Clock) -> Row:
        self._check_finite()
        counted = [losses for losses in self.pending if not losses["skipped"]]
        means = {
            name: float(np.mean([losses[name] for losses in counted])) if counted else math.nan
            for name in self.pending[0]
        }
        return {
            "step": self.step,
            "epoch": self.step * self.samples / self.num_images,
            **means,
            "skipped": len(self.pending) - len(counted),
            "learning_rate": float(np.asarray(self.session.optimizer.learning_rate)),
            "images_per_second": clock.images_per_second(self.step),
        }

    def _check_finite(self) -> None:
        folder, session = self.folder, self.session
        nonfinite.check_finite(self.pending, last=self.step, folder=folder, session=session)

    def _checkpoint(self) -> None:
        self.workers.from_chief(self._write_checkpoint)
        self._tell("on_checkpoint", self.folder.last, self.step)

    def _write_checkpoint(self) -> None:
        # The history first: rows beyond the last checkpoint are dropped when the run goes on, and
        # rows that were never written would be missing for good.
        self.history.write()
        if not self.validated or not self.folder.best.exists():
            with self.session.as_used():
                self._save(self.folder.best, self.session.model.variables)
        own, keep = self.session.variables, self.log.keep
        self._save(self.folder.last, own, keep=keep, pending=self.pending)

    def _save(self, path: Path, variables: list[keras.Variable], **options: Any) -> None:
        loss = validation.lowest_loss(self.history.rows)
        if not checkpoint.save(path, variables, step=self.step, loss=loss, **options):
            what = "loss was finite, the weights after it are not,"
            raise nonfinite.diverged(self.folder, self.step, what)
