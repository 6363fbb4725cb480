"""The training loop."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfseg import calls
from tfseg.config import RunConfig
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.dataset.integrity import named_damage
from tfseg.data.pipeline.reading import unwrap_input_errors
from tfseg.networks import weights
from tfseg.networks.keras_network import Network
from tfseg.training import checkpoint, memory, nonfinite, provenance, resuming, validation
from tfseg.training.callbacks import Callback, OnLog, ProgressBar
from tfseg.training.clock import Clock
from tfseg.training.duration import duration_of, with_steps
from tfseg.training.history import History, Row
from tfseg.training.interrupt import deferred_interrupt
from tfseg.training.keras_callbacks import as_callbacks
from tfseg.training.progress import Progress
from tfseg.training.run_folder import RunFolder
from tfseg.training.session import Session

Losses = dict[str, Any]  # of one step; scalars float32


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingSummary(metaclass=calls.Public):
    """The result of a finished training.

    Attributes:
        steps: optimizer steps of the run.
        seconds: time of this call, without building the network.
        images_per_second: samples of this call divided by its seconds.
        loss: mean training loss of the last row of the history.
        best_validation_loss: lowest validation loss; None without a split val.

    Examples:
        >>> tfseg.TrainingSummary(
        ...     steps=100, seconds=60.0, images_per_second=13.3, loss=0.4, best_validation_loss=None
        ... ).steps
        100
    """

    steps: int
    seconds: float
    images_per_second: float
    loss: float
    best_validation_loss: float | None


class Trainer(metaclass=calls.Public):
    """Trains one network on the `train` split of a data set and keeps everything in a folder.

    If several processes train together, each of them calls `fit`; only the first one, the chief,
    uses the folder.

    The folder has config.yaml (the resolved configuration), run.json (the same with versions, data
    and command), history.csv (a row every `log_every` steps) and checkpoints: best.npz, last.npz
    and older ones, last-1.npz and so on. `best` has the best metric `config.log.best` on the split
    val; without this split it is the same as `last`. nonfinite.csv has the samples of steps with
    non-finite loss or gradients, if there were any.

    Args:
        config: of the run.
        run_dir: folder of the run.
        network: a Keras model, or a function that makes one from the `ModelConfig`: images -> its
            features, or the head's maps by name (see docs/own_network.md); none: that of `config`.

    Attributes:
        is_chief: whether this process uses the folder; known once `fit` has started.

    Examples:
        >>> config = tfseg.RunConfig(
        ...     augment=(),
        ...     data=tfseg.DataConfig(crop_size=32),
        ...     model=tfseg.ModelConfig(filters=(8, 8), head="semantic"),
        ...     train=tfseg.TrainConfig(steps=5, batch_size=1),
        ...     optimizer=tfseg.OptimizerConfig(name="adam"),
        ... )
        >>> tfseg.Trainer(config, "run").fit(tfseg.Dataset.open("nuclei")).steps
        5
    """

    def __init__(
        self, config: RunConfig, run_dir: str | Path, *, network: Network | None = None
    ) -> None:
        self.config, self._network = config, network
        self.run_dir = Path(run_dir)
        self.is_chief = True

    @calls.check
    def fit(
        self,
        dataset: Dataset,
        *,
        resume: bool = False,
        on_log: Callable[[Row], None] | None = None,
        callbacks: Sequence[Callback | keras.callbacks.Callback] = (),
        verbose: bool = True,
    ) -> TrainingSummary:
        """Trains to the last step, or until `config.train.patience` ends the training.

        After Ctrl-C or SIGTERM the current step is finished, the last checkpoint is written, and
        `KeyboardInterrupt` or its subclass `Terminated` is raised.

        Args:
            dataset: has a split train, and maybe val.
            resume: resumes from the last intact checkpoint of the folder; the final weights are
                those of an uninterrupted run.
            on_log: called with every row of the history, as `Callback.on_log`.
            callbacks: of tfseg, or of Keras if they only watch (see `KerasCallback`); they watch
                the training, in the chief only.
            verbose: shows the progress, in place on a terminal and in a notebook, else as lines.

        Raises:
            WorkerLost: another process ended or cannot be reached.
            InputError: the folder is not empty (or, to resume, has no checkpoint), or another run
                writes there; the configuration does not fit the data, the devices, their memory or
                the run; the data are not those of the run to resume; a record is damaged; a loss
                or weight is not finite.
        """
        folder = RunFolder(self.run_dir)
        watching = [*as_callbacks(callbacks), *([OnLog(on_log)] if on_log else [])]
        watching += [ProgressBar()] if verbose else []  # last: only `on_end` closes it
        with unwrap_input_errors(), named_damage(dataset, "val"):
            start = time.monotonic()
            config = self._run_config(folder, resume=resume)
            pretrained = not (resume and folder.has_checkpoint)
            session = Session(config, dataset, network=self._network, pretrained=pretrained)
            run = _Run(session, folder, watching, start=start)
            self.is_chief = run.workers.is_chief
            explained = memory.explain_out_of_memory(session.config, session.strategy)
            with run.workers.raise_worker_lost(), explained, contextlib.ExitStack() as held:
                run.workers.run_on_chief(lambda: held.enter_context(folder.locked()))
                if resume:
                    run.restore()
                else:
                    run.workers.run_on_chief(folder.check_empty)
                run.workers.run_on_chief(run.write_provenance)
                return run.train_on()

    def _run_config(self, folder: RunFolder, *, resume: bool) -> RunConfig:
        """Returns the configuration; a run whose minutes are over keeps its number of steps."""
        if not resume or not self.config.train.minutes:
            return self.config
        begun = folder.read_config().train
        if begun.steps is None:
            return self.config
        warnings.warn(
            f"train.minutes {self.config.train.minutes:g} has no effect: the run in {folder.path} "
            f"has {begun.steps} steps. Give train.steps to train longer.",
            stacklevel=3,
        )
        return with_steps(self.config, begun.steps, Progress(begun.progress))


class _Run:
    """One call of `fit`: a session, its folder, and the current step."""

    def __init__(
        self, session: Session, folder: RunFolder, callbacks: Sequence[Callback], *, start: float
    ) -> None:
        self.session, self.workers, self.folder = session, session.workers, folder
        self.train, self.log = session.config.train, session.config.log
        self.duration = duration_of(session.config, start=start)
        self.callbacks = callbacks if self.workers.is_chief else []
        self.samples = self.train.batch_size * self.train.accumulate
        self.num_images = session.dataset.split("train").num_images
        self.validated = "val" in session.dataset.info.splits
        self.history = History(folder.history)
        self.step, self.out_of_patience = 0, False
        self.pending: list[Losses] = []

    def restore(self) -> None:
        """Resumes the run in the folder, or starts it if there is no checkpoint yet."""
        self.step, self.history.rows, self.pending = self.workers.run_on_chief(
            self._restore_on_chief
        )
        self.workers.broadcast_variables(self.session.variables)
        self.duration.restore(self.history.rows, self.step)
        self._use_validations()

    def _restore_on_chief(self) -> tuple[int, list[Row], list[Losses]]:
        step, pending = 0, []
        folder, session = self.folder, self.session
        resuming.check_config(folder, session.config)
        if folder.has_checkpoint:
            provenance.check_data(folder.record, session.dataset)
            intact = checkpoint.newest(folder.last)
            step, _ = weights.restore(intact, session.variables)
            pending = checkpoint.pending(intact)
            updates = int(np.asarray(session.optimizer.iterations))
            resuming.check_steps(folder, session.config, done=step, updates=updates)
        self.history.restore(step, pending=len(pending))
        return step, self.history.rows, pending

    def write_provenance(self) -> None:
        """Writes config.yaml and run.json."""
        self.folder.write_config(self.session.config)
        provenance.record(self.folder.record, self.session, first_step=self.step)

    def train_on(self) -> TrainingSummary:
        """Trains from the current step to the last one."""
        clock = Clock(self.step, self.samples)
        batches = self.session.training_input(first_step=self.step)
        with self._watch(), deferred_interrupt() as interrupted:
            while True:
                done, interrupt = self.workers.any_done(self._is_done(), interrupted())
                if done or interrupt:
                    break
                with clock.waiting():
                    taken = list(itertools.islice(batches, self.train.accumulate))
                self.duration.before_step(self.step, self.session.schedule)
                self.pending.append(self.session.train_step(*taken))
                self.step += 1
                self.duration.after_step(self.step)
                self._notify("on_step", self.step)
                if self._is_row_due():
                    self._add_row(clock)
            if interrupt and not done:
                self._check_finite()
                self._checkpoint()
                raise interrupt()
        self.workers.run_on_chief(self._settle)
        lowest_loss = validation.lowest_loss(self.history.rows)
        return TrainingSummary(
            steps=self.step,
            seconds=clock.seconds(),
            images_per_second=clock.images_per_second(self.step),
            loss=self.history.rows[-1]["loss"],
            best_validation_loss=lowest_loss if self.validated else None,
        )

    def _settle(self) -> None:
        """Writes the steps that train.minutes became, and the progress of the schedule."""
        if self.train.minutes:
            progress = self.duration.progress
            progress.turn(self.step, progress.at(self.step), self.step)
            config = with_steps(self.session.config, self.step, progress)
            self.folder.write_config(config)
            provenance.write_config(self.folder.record, config)

    @contextlib.contextmanager
    def _watch(self) -> Iterator[None]:
        self._notify("on_begin", self.session)
        try:
            yield
        finally:
            self._notify("on_end")

    def _notify(self, event: str, *arguments: object) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(*arguments)

    def _is_done(self) -> bool:
        return self.step >= self.duration.steps or self.out_of_patience

    def _is_due(self, every: int) -> bool:
        return self.step % every == 0 or self.step == self.duration.steps

    def _is_validation_due(self) -> bool:
        return self.validated and self._is_due(validation.interval(self.log))

    def _is_row_due(self) -> bool:
        due = self._is_due(self.log.log_every) or self._is_due(self.log.checkpoint_every)
        return due or self._is_validation_due() or self.duration.is_row_due()

    def _add_row(self, clock: Clock) -> None:
        """Adds a row to the history, with the validation and checkpoint of this step, if due."""
        row = self._row(clock)
        self.history.rows.append(row)
        self.pending = []
        progress = {
            "steps": self.duration.steps,
            "seconds_left": self.duration.seconds_left(self.step, clock),
            "data_wait": clock.data_wait(),
        }
        if self._is_validation_due():
            with self.session.with_average():
                row |= validation.validate(self.session)
                if validation.is_best(self.history.rows, self.log.best):
                    variables = self.session.model.variables
                    save = functools.partial(self._save, self.folder.best, variables)
                    self.workers.run_on_chief(save)
                self._notify("on_validation", row | progress)
            self._use_validations()
        if self._is_due(self.log.checkpoint_every):
            self._checkpoint()
        if self._is_due(validation.interval(self.log)):
            self.duration.end_validation()
        self._notify("on_log", row | progress)

    def _use_validations(self) -> None:
        """Updates learning rate and patience after a validation, or when a run is resumed."""
        rows, metric, patience = self.history.rows, self.log.best, self.train.patience
        self.session.schedule.observe(validation.scores(rows, metric))
        self.out_of_patience = 0 < patience <= validation.since_best(rows, metric)

    def _row(self, clock: Clock) -> Row:
        self._check_finite()
        measured = self.duration.row(self.step)
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
            **measured,
        }

    def _check_finite(self) -> None:
        folder, session = self.folder, self.session
        nonfinite.check_finite(self.pending, last=self.step, folder=folder, session=session)

    def _checkpoint(self) -> None:
        self.workers.run_on_chief(self._write_checkpoint)
        self._notify("on_checkpoint", self.folder.last, self.step)

    def _write_checkpoint(self) -> None:
        # The history first: a resumed run drops rows after the last checkpoint, but rows before it
        # that were never written would be lost.
        self.history.write()
        if not self.validated or not self.folder.best.exists():
            with self.session.with_average():
                self._save(self.folder.best, self.session.model.variables)
        variables, keep = self.session.variables, self.log.keep
        self._save(self.folder.last, variables, keep=keep, pending=self.pending)

    def _save(self, path: Path, variables: list[keras.Variable], **options: Any) -> None:
        loss = validation.lowest_loss(self.history.rows)
        if not checkpoint.save(path, variables, step=self.step, loss=loss, **options):
            what = "loss was finite, but the weights became non-finite"
            raise nonfinite.diverged(self.folder, self.step, what)
