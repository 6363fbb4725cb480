"""A network with its optimizer on its devices, ready to take steps."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator

import keras
import tensorflow as tf

from tfseg import checks
from tfseg.config import RunConfig
from tfseg.data import pipeline
from tfseg.data.store import Dataset
from tfseg.heads import make_head
from tfseg.networks.build import build_model
from tfseg.training import step, strategy
from tfseg.training.muon import Muon


class Session:
    """What a training is made of, built from a configuration for a data set.

    Attributes:
        config: with the channels of the data set's images filled in.
        strategy: the devices.
        head: of the network.
        model: the network, with its first weights.
        optimizer: Muon on a cosine schedule.
        train_step: batch of `training_batches` -> losses, scalars; changes the weights.
        validation_step: batch of `validation_batches` -> sums of losses and "count".

    Raises:
        InputError: the configuration does not fit the data set or the devices.
    """

    def __init__(self, config: RunConfig, dataset: Dataset) -> None:
        self.config = _with_channels(config, dataset)
        self.dataset = dataset
        dataset.split("train")
        self.strategy = strategy.make_strategy(config.train.devices)
        strategy.check_batch_size(config.train.batch_size, self.strategy)
        self.head = make_head(self.config.model.head)
        with self.strategy.scope():
            self.model = build_model(self.config.model, seed=config.seed)
            self.optimizer = make_optimizer(config)
            self.optimizer.build(self.model.trainable_variables)
        self.train_step = step.make_train_step(
            self.strategy,
            self.model,
            self.optimizer,
            self.head,
            batch_size=config.train.batch_size,
            # Without XLA a step on a CPU takes 1.4 times as long (benchmarks/training.py).
            jit_compile=self.strategy.num_replicas_in_sync == 1,
        )
        self.validation_step = step.make_validation_step(self.strategy, self.model, self.head)
        _warn_of_small_images(config.data.crop_size, dataset)

    @property
    def variables(self) -> list[keras.Variable]:
        """Everything that a step changes, the network's variables first."""
        return [*self.model.variables, *self.optimizer.variables]

    def training_batches(self, *, first_step: int = 0) -> Iterator[tuple]:
        """Returns endless batches, shared out over the devices; the same for any number of them."""
        batches = pipeline.training_batches(
            self.dataset, self.config, self.head, first_step=first_step
        )
        return iter(self._distributed(batches))

    def validation_batches(self) -> Iterator[tuple]:
        """Returns batches that cover the `val` split once."""
        batches = pipeline.validation_batches(self.dataset, self.config, self.head)
        return iter(self._distributed(batches))

    def _distributed(self, batches: tf.data.Dataset) -> tf.distribute.DistributedDataset:
        options = tf.data.Options()
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
        return self.strategy.experimental_distribute_dataset(batches.with_options(options))


def _warn_of_small_images(size: int, dataset: Dataset) -> None:
    least = dataset.split("train").min_side
    if size > least:
        warnings.warn(
            f"data.crop_size is {size}, and the images of {dataset.path} begin at {least} pixels: "
            "the smaller ones are padded, mirrored, with pixels that no loss counts.",
            stacklevel=3,
        )


def _with_channels(config: RunConfig, dataset: Dataset) -> RunConfig:
    there = dataset.info.channels
    if config.model.channels not in (0, there):
        raise checks.InputError(
            f"model.channels is {config.model.channels}, the images of {dataset.path} have "
            f"{there}; leave it 0 to take theirs."
        )
    model = dataclasses.replace(config.model, channels=there)
    return dataclasses.replace(config, model=model)


def make_optimizer(config: RunConfig) -> keras.optimizers.Optimizer:
    """Returns the optimizer of a run, for the trainer or for `model.compile`."""
    train = config.train
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if train.warmup_steps else train.learning_rate,
        decay_steps=max(1, train.steps - train.warmup_steps),
        warmup_target=train.learning_rate if train.warmup_steps else None,
        warmup_steps=train.warmup_steps,
    )
    optimizer = Muon(
        schedule,
        weight_decay=train.weight_decay,
        adam_weight_decay=train.weight_decay,
        exclude_layers=[config.model.head],
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
