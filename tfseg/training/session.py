"""A network with its optimizer on its devices, ready to take steps."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import keras
import tensorflow as tf

from tfseg import checks
from tfseg.config import BALANCED, RunConfig
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.pipeline.batches import scored_batches
from tfseg.data.pipeline.normalization import fixed_limits
from tfseg.data.pipeline.service import batches_from_service
from tfseg.heads import head_of
from tfseg.networks import weights
from tfseg.networks.build import build_model
from tfseg.networks.pretrained import checkpoint_of
from tfseg.run_files import BEST, CHECKPOINTS
from tfseg.training import memory, step, strategy
from tfseg.training.averaging import WeightAverage
from tfseg.training.class_weights import balanced
from tfseg.training.encoder_rate import encoder_rate
from tfseg.training.loss_scale import LossScale
from tfseg.training.optimizers import make_optimizer
from tfseg.training.schedules import Schedule
from tfseg.training.workers import Workers

BuildModel: TypeAlias = Callable[..., keras.Model]


class Session:
    """What a training is made of, built from a configuration for a data set.

    Attributes:
        config: with channels, class names, limits and balanced weights of the data set filled in.
        strategy: the devices.
        workers: the processes that train together, this one among them.
        head: of the network.
        model: the network, with its first weights.
        schedule: of the learning rate.
        optimizer: on its schedule.
        average: of the weights, or None.
        loss_scale: of float16, or None.
        encoder_rate: how the encoder's steps differ from the others, or None.
        train_step: `accumulate` batches of `training_input` -> losses, scalars; changes the
            weights.
        validation_step: batch of `validation_input` -> sums over its samples.

    Args:
        config: of the run.
        dataset: has a split `train`, and maybe `val`.
        build: makes the network, called as `build_model`.

    Raises:
        InputError: the configuration does not fit the data set, the devices or their memory.
    """

    def __init__(
        self, config: RunConfig, dataset: Dataset, *, build: BuildModel = build_model
    ) -> None:
        self.config = _fitted(config, dataset)
        self.dataset = dataset
        dataset.split("train")
        if config.devices.deterministic:
            tf.config.experimental.enable_op_determinism()
        self.strategy = strategy.make_strategy(config.devices.names, kind=config.devices.strategy)
        self.workers = Workers(self.strategy)
        strategy.check_batch_size(config.train.batch_size, self.strategy)
        strategy.check_jit_compile(config.devices.jit_compile, self.strategy)
        self.head = head_of(self.config.model)
        with memory.explained(self.config, self.strategy), self.strategy.scope():
            self._make_variables(build)
        self.train_step = step.TrainStep(
            strategy=self.strategy,
            model=self.model,
            head=self.head,
            optimizer=self.optimizer,
            average=self.average,
            loss_scale=self.loss_scale,
            encoder_rate=self.encoder_rate,
            samples=config.train.batch_size * config.train.accumulate,
            clip_norm=config.optimizer.clip_norm,
            jit_compile=config.devices.jit_compile,
        )
        self.validation_step = step.make_validation_step(self.strategy, self.model, self.head)
        _warn_of_small_images(config.data.crop_size, dataset)

    def _make_variables(self, build: BuildModel) -> None:
        """Makes the network and everything else that has variables."""
        config, precision = self.config, self.config.devices.precision
        self.model = build(config.model, seed=config.seed, precision=precision)
        if config.train.init:
            _begin_with(config.train.init, self.model)
        self.schedule = Schedule(config.optimizer, steps=config.train.steps)
        self.optimizer = make_optimizer(config, self.schedule)
        self.optimizer.build(self.model.trainable_variables)
        decay = config.optimizer.ema
        self.average = WeightAverage(self.model.variables, decay=decay) if decay else None
        self.loss_scale = LossScale() if precision == "mixed_float16" else None
        self.encoder_rate = encoder_rate(config.optimizer, self.model)

    @property
    def variables(self) -> list[keras.Variable]:
        """Everything that a step changes, first the network as it is used: its average if any."""
        network = self.model.variables
        others = [
            *self.optimizer.variables,
            *(self.loss_scale.variables if self.loss_scale else ()),
        ]
        if self.average is None:
            return [*network, *others]
        return [*self.average.variables, *others, *network]

    def as_used(self) -> contextlib.AbstractContextManager[None]:
        """Lets the network have the weights that it is validated and used with, for a while."""
        return self.average.in_place() if self.average else contextlib.nullcontext()

    def training_input(self, *, first_step: int = 0) -> Iterator[tuple]:
        """Returns endless batches, shared out over the devices; the same for any number of them."""
        first_batch = first_step * self.config.train.accumulate
        make = functools.partial(batches_from_service, first_step=first_batch)
        return self._distributed(make)

    def validation_input(self) -> Iterator[tuple]:
        """Returns batches that cover the `val` split, or what is validated of it, once."""
        return self._distributed(scored_batches)

    def _distributed(self, make: Callable[..., tf.data.Dataset]) -> Iterator[tuple]:
        """Returns the batches of `make`: of each host its part, of each replica its share of it."""

        def of_host(context: tf.distribute.InputContext) -> tf.data.Dataset:
            batches = make(
                self.dataset,
                self.config,
                self.head,
                host=context.input_pipeline_id,
                num_hosts=context.num_input_pipelines,
            )
            size = context.get_per_replica_batch_size(self.config.train.batch_size)
            return batches.rebatch(size, drop_remainder=True)

        return iter(self.strategy.distribute_datasets_from_function(of_host))


def _begin_with(run: str, model: keras.Model) -> None:
    path = Path(run)
    file = path / CHECKPOINTS / BEST if path.is_dir() else path
    left = weights.transfer(file, model.variables)
    if left:
        warnings.warn(
            f"Of {file} everything was taken but what has another shape here, and begins anew: "
            f"{checks.listed(left)}.",
            stacklevel=5,
        )


def _warn_of_small_images(size: int, dataset: Dataset) -> None:
    least = dataset.split("train").min_side
    if size > least:
        warnings.warn(
            f"data.crop_size is {size}, and the images of {dataset.path} begin at {least} pixels: "
            "the smaller ones are padded, mirrored, with pixels that no loss counts.",
            stacklevel=3,
        )


def _fitted(config: RunConfig, dataset: Dataset) -> RunConfig:
    there = dataset.info.channels
    if config.model.channels not in (0, there):
        raise checks.InputError(
            f"model.channels is {config.model.channels}, the images of {dataset.path} have "
            f"{there}; leave it 0 to take theirs."
        )
    names, own = dataset.info.class_names, config.model.class_names or dataset.info.class_names
    if len(own) > 1 and own != names:
        raise checks.InputError(
            f"model.class_names is {', '.join(own)}, the classes of {dataset.path} are "
            f"{', '.join(names)}; leave it empty to take theirs, or give one name for all."
        )
    class_weights = config.model.class_weights
    if class_weights == BALANCED:
        class_weights = balanced(dataset) if len(own) > 1 else ()
    model = dataclasses.replace(
        config.model,
        channels=there,
        class_names=own,
        class_weights=class_weights,
        limits=fixed_limits(config.model, dataset),
        encoder_weights=checkpoint_of(config.model.encoder_weights),
    )
    return dataclasses.replace(config, model=model)
