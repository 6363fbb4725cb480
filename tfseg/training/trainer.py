"""The training loop."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from tfseg import checks, config
from tfseg.config import RunConfig
from tfseg.data import pipeline
from tfseg.data.store import Dataset
from tfseg.heads import make_head
from tfseg.networks.build import build_model
from tfseg.training import checkpoint, step, strategy

CONFIG, HISTORY, CHECKPOINTS = "config.yaml", "history.csv", "checkpoints"
Row = dict[str, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingSummary:
    """What a finished training came to.

    Attributes:
        steps: optimizer steps done in all.
        seconds: time of this call, without building the network.
        images_per_second: samples of this call over its seconds.
        loss: mean training loss over the last row of the history.
        best_loss: lowest validation loss; the training loss where there is no `val` split.
    """

    steps: int
    seconds: float
    images_per_second: float
    loss: float
    best_loss: float


class Trainer:
    """Trains one network on the `train` split of a dataset and keeps everything in a folder.

    The folder holds config.yaml (the resolved configuration), history.csv (a row every
    `log_every` steps) and checkpoints/{last,best}.npz. `best` has the lowest loss on the `val` split;
    without one it is the same as `last`.

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
        """Trains to `config.train.steps`.

        A `KeyboardInterrupt` writes the last checkpoint and is raised on.

        Args:
            dataset: has a split `train`, and maybe `val`.
            resume: goes on from the last checkpoint of the folder; the result is that of an
                uninterrupted run.
            on_log: called with every row of the history and "steps" and "seconds_left" beside it.

        Raises:
            InputError: the folder is taken (or, to resume, empty), the configuration does not fit
                the data or the devices, or a loss is not finite.
        """
        session = _Session(self.config, self.run_dir, dataset)
        if resume:
            session.restore()
        else:
            session.begin()
        return session.run(on_log)


class _Session:
    """What exists while `fit` runs."""

    def __init__(self, run_config: RunConfig, run_dir: Path, dataset: Dataset) -> None:
        channels = run_config.model.channels or dataset.info.channels
        if channels != dataset.info.channels:
            raise checks.InputError(
                f"model.channels is {channels}, the images of {dataset.path} have "
                f"{dataset.info.channels}; leave it 0 to take theirs."
            )
        model_config = dataclasses.replace(run_config.model, channels=channels)
        self.config = dataclasses.replace(run_config, model=model_config)
        self.train = run_config.train
        self.run_dir, self.dataset = run_dir, dataset
        dataset.split("train")
        self.strategy = strategy.make_strategy(self.train.devices)
        strategy.check_batch_size(self.train.batch_size, self.strategy)
        self.head = make_head(model_config.head)
        with self.strategy.scope():
            self.model = build_model(model_config, seed=run_config.seed)
            self.optimizer = _make_optimizer(run_config)
            self.optimizer.build(self.model.trainable_variables)
        self.step, self.best_loss = 0, math.inf
        self.history: list[Row] = []

    def begin(self) -> None:
        if self.run_dir.exists() and any(self.run_dir.iterdir()):
            raise checks.InputError(
                f"{self.run_dir} is not empty; resume the run in it (--resume) or choose another "
                "folder."
            )
        try:
            self.run_dir.mkdir(parents=True, exist_ok=True)
            config.write(self.config, self.run_dir / CONFIG)
        except OSError as error:
            raise checks.InputError(
                f"{self.run_dir} cannot be written: {error.strerror}. Choose another run directory."
            ) from error

    def restore(self) -> None:
        path = self.run_dir / CHECKPOINTS / checkpoint.LAST
        self.step, self.best_loss = checkpoint.restore(path, self._variables())
        if (self.run_dir / HISTORY).exists():
            rows = pd.read_csv(self.run_dir / HISTORY)
            self.history = rows[rows["step"] <= self.step].to_dict("records")

    def run(self, on_log: Callable[[Row], None] | None) -> TrainingSummary:
        first, start = self.step, time.monotonic()
        train_step = step.make_train_step(
            self.strategy, self.model, self.optimizer, self.head, self.train.batch_size
        )
        batches = iter(
            self._distribute(
                pipeline.training_batches(
                    self.dataset, self.config, self.head, first_step=self.step
                )
            )
        )
        pending: list[dict[str, tf.Tensor]] = []
        try:
            while self.step < self.train.steps:
                pending.append(train_step(next(batches)))
                self.step += 1
                finished = self.step == self.train.steps
                validate = finished or self.step % self.train.checkpoint_every == 0
                if validate or self.step % self.train.log_every == 0:
                    row = self._row(pending, first, start)
                    pending = []
                    if validate:
                        row |= self._validate()
                    self.history.append(row)
                    if on_log:
                        on_log(self._with_time_left(row, first, start))
                if validate:
                    self._checkpoint()
        except KeyboardInterrupt:
            self._check_finite(pending)
            self._checkpoint()
            raise
        seconds = time.monotonic() - start
        return TrainingSummary(
            steps=self.step,
            seconds=seconds,
            images_per_second=(self.step - first) * self.train.batch_size / max(seconds, 1e-9),
            loss=self.history[-1]["loss"] if self.history else math.nan,
            best_loss=self.best_loss,
        )

    def _row(self, pending: list[dict[str, tf.Tensor]], first: int, start: float) -> Row:
        self._check_finite(pending)
        means = {name: float(np.mean([losses[name] for losses in pending])) for name in pending[0]}
        count = self.dataset.split("train").num_images
        rate = (self.step - first) * self.train.batch_size / (time.monotonic() - start)
        return {
            "step": self.step,
            "epoch": self.step * self.train.batch_size / count,
            **means,
            "learning_rate": float(np.asarray(self.optimizer.learning_rate)),
            "images_per_second": rate,
        }

    def _check_finite(self, pending: list[dict[str, tf.Tensor]]) -> None:
        for index, losses in enumerate(pending):
            if not np.isfinite(losses["loss"]):
                bad = self.step - len(pending) + index + 1
                last = self.run_dir / CHECKPOINTS / checkpoint.LAST
                kept = (
                    f"the last good checkpoint is {last}"
                    if last.exists()
                    else ("no checkpoint had been written yet")
                )
                raise checks.InputError(
                    f"The loss is {float(losses['loss'])} at step {bad}; {kept}. "
                    "Lower train.learning_rate or raise train.warmup_steps."
                )

    def _with_time_left(self, row: Row, first: int, start: float) -> Row:
        each = (time.monotonic() - start) / (self.step - first)
        return row | {
            "steps": self.train.steps,
            "seconds_left": each * (self.train.steps - self.step),
        }

    def _validate(self) -> Row:
        """Scores the `val` split and keeps the best weights."""
        if "val" not in self.dataset.info.splits:
            self.best_loss = math.inf
            return {}
        validation_step = step.make_validation_step(self.strategy, self.model, self.head)
        batches = pipeline.validation_batches(self.dataset, self.config, self.head)
        sums = [validation_step(batch) for batch in self._distribute(batches)]
        loss = float(sum(part["loss"] for part in sums) / sum(part["count"] for part in sums))
        return {"val_loss": loss}

    def _checkpoint(self) -> None:
        folder = self.run_dir / CHECKPOINTS
        row = self.history[-1] if self.history else {}
        loss = row.get("val_loss", math.inf) if row.get("step") == self.step else math.inf
        validated = "val" in self.dataset.info.splits
        if loss < self.best_loss or not validated:
            self.best_loss = loss
            checkpoint.save(
                folder / checkpoint.BEST, self.model.variables, step=self.step, loss=loss
            )
        checkpoint.save(
            folder / checkpoint.LAST, self._variables(), step=self.step, loss=self.best_loss
        )
        _write_history(self.history, self.run_dir / HISTORY)

    def _variables(self) -> list[keras.Variable]:
        return [*self.model.variables, *self.optimizer.variables]

    def _distribute(self, batches: tf.data.Dataset) -> tf.distribute.DistributedDataset:
        options = tf.data.Options()
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
        return self.strategy.experimental_distribute_dataset(batches.with_options(options))


def _make_optimizer(run_config: RunConfig) -> keras.optimizers.Optimizer:
    train = run_config.train
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if train.warmup_steps else train.learning_rate,
        decay_steps=max(1, train.steps - train.warmup_steps),
        warmup_target=train.learning_rate if train.warmup_steps else None,
        warmup_steps=train.warmup_steps,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=train.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _write_history(history: list[Row], path: Path) -> None:
    partial = path.with_name(path.name + ".partial")
    pd.DataFrame(history).to_csv(partial, index=False)
    partial.replace(path)
