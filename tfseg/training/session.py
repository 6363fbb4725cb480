"""A network with its optimizer on its devices, ready to train."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfseg import checks
from tfseg.config import BALANCED, RunConfig, flat
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.dataset.integrity import info_sha256
from tfseg.data.dataset.mixture import parts_of
from tfseg.data.pipeline import stages, windows
from tfseg.data.pipeline.batches import scored_batches
from tfseg.data.pipeline.normalization import resolved
from tfseg.data.pipeline.scale import Scale
from tfseg.data.pipeline.service import batches_from_service
from tfseg.heads import head_of
from tfseg.networks.build import build_model
from tfseg.networks.keras_network import Network, described, registered
from tfseg.networks.pretrained import checkpoint_of
from tfseg.networks.weights import assign
from tfseg.training import duration, memory, options, step, strategy
from tfseg.training.averaging import WeightAverage
from tfseg.training.class_weights import balanced
from tfseg.training.encoder_rate import encoder_rate
from tfseg.training.first_weights import load_first_weights
from tfseg.training.loss_scale import LossScale
from tfseg.training.optimizers import make_optimizer
from tfseg.training.schedules import Schedule
from tfseg.training.workers import Workers

_OF_A_PROCESS = ("data.cache", "data.service", "devices.names")


class Session:
    """All parts of a training, built from a configuration for a data set.

    Attributes:
        config: with the number of steps and the defaults of the architecture, and with channels,
            class names, limits, least contrast, depth and balanced weights of the data set filled
            in.
        strategy: the devices.
        workers: the processes that train together, including this one.
        head: of the network.
        model: the network, with its initial weights.
        schedule: of the learning rate.
        optimizer: with this schedule.
        average: moving average of the weights, or None.
        loss_scale: for float16, or None.
        encoder_rate: learning rate of the encoder, if it has another one, or None.
        train_step: `accumulate` batches of `training_input` -> losses, scalars; changes the
            weights.
        validation_step: batch of `validation_input` -> sums over its samples.

    Args:
        config: of the run.
        dataset: has a split `train`, and maybe `val`.
        network: a Keras model, or a function that makes one, as for `build_model`; none: that of
            the configuration.
        pretrained: reads `train.init` and `model.encoder_weights`; use false if a checkpoint
            replaces all weights.

    Raises:
        InputError: the configuration does not fit the data set, the devices or their memory.
    """

    def __init__(
        self,
        config: RunConfig,
        dataset: Dataset,
        *,
        network: Network | None = None,
        pretrained: bool = True,
    ) -> None:
        dataset = dataset.with_channels(config.data.channels)
        dataset.split("train")
        options.check_options(config, dataset)
        scale = Scale.of(dataset, config.data)  # refuses images without a pixel size
        self.config, self.dataset = _resolve(config, dataset), dataset
        if config.devices.deterministic:
            tf.config.experimental.enable_op_determinism()
        self.strategy = strategy.make_strategy(config.devices.names, kind=config.devices.strategy)
        self.workers = Workers(self.strategy)
        weights = self._complete_model(network)
        self.workers.check_same(_common(self.config, dataset))
        strategy.check_batch_size(config.train.batch_size, self.strategy)
        strategy.check_jit_compile(config.devices.jit_compile, self.strategy)
        self.head = head_of(self.config.model)
        stages.check_transforms(self.config)
        with memory.explain_out_of_memory(self.config, self.strategy), self.strategy.scope():
            self._make_variables(weights, pretrained)
        self.train_step = step.TrainStep(
            strategy=self.strategy,
            model=self.model,
            head=self.head,
            optimizer=self.optimizer,
            average=self.average,
            loss_scale=self.loss_scale,
            encoder_rate=self.encoder_rate,
            samples=config.train.batch_size * config.train.accumulate,
            prepare=self._prepare(),
            clip_norm=config.optimizer.clip_norm,
            jit_compile=config.devices.jit_compile,
        )
        validation_step = step.make_validation_step(self.strategy, self.model, self.head)
        self.validation_step = step.traced_once(validation_step)
        _warn_of_small_images(config.data.crop_size, dataset, scale)

    def _prepare(self) -> Callable[..., tuple] | None:
        """Returns what makes images and targets in a step, if the host does not."""
        if self.config.train.augment_on == "host":
            return None
        return windows.Finish(self.config, self.head)

    def _complete_model(self, network: Network | None) -> Sequence[np.ndarray]:
        """Completes the configuration of the network; returns a Keras network's first weights."""
        model = self.config.model
        weights: Sequence[np.ndarray] = ()
        network = registered(model) if network is None else network
        if network is not None:
            model, weights = described(network, model, seed=self.config.seed)
        self.config = dataclasses.replace(self.config, model=model.completed())
        return weights

    def _make_variables(self, weights: Sequence[np.ndarray], pretrained: bool) -> None:
        """Makes the network and everything else that has variables."""
        config, precision = self.config, self.config.devices.precision
        self.model = build_model(
            config.model, seed=config.seed, pretrained=pretrained, precision=precision
        )
        if weights:
            if pretrained:
                assign(self.model.variables, weights)
            # Also to resume, because only the chief sees whether there is a checkpoint.
            self.workers.broadcast_variables(self.model.variables)
        if pretrained and config.train.init:
            load_first_weights(config.train.init, self.model, config.model)
        steps = None if config.train.progress else config.train.steps
        self.schedule = Schedule(config.optimizer, steps=steps)
        self.optimizer = make_optimizer(config, self.schedule)
        self.optimizer.build(self.model.trainable_variables)
        decay = config.optimizer.ema
        self.average = WeightAverage(self.model.variables, decay=decay) if decay else None
        self.loss_scale = LossScale() if precision == "mixed_float16" else None
        self.encoder_rate = encoder_rate(config.optimizer, self.model)

    @property
    def variables(self) -> list[keras.Variable]:
        """All variables that a step changes, starting with the averaged weights, if any."""
        network = self.model.variables
        others = [
            *self.optimizer.variables,
            *(self.loss_scale.variables if self.loss_scale else ()),
        ]
        if self.average is None:
            return [*network, *others]
        return [*self.average.variables, *others, *network]

    def with_average(self) -> contextlib.AbstractContextManager[None]:
        """Assigns the averaged weights, if any, to the network inside the context."""
        return self.average.swapped_in() if self.average else contextlib.nullcontext()

    def training_input(self, *, first_step: int = 0, repeated: int = 0) -> Iterator[tuple]:
        """Returns endless batches, divided among the devices, the same for any number of them.

        Args:
            first_step: the step whose batches come first.
            repeated: keeps so many batches in memory and repeats them; 0 makes new ones.
        """
        first_batch = first_step * self.config.train.accumulate
        divide = functools.partial(windows.divided, config=self.config)

        def make(*arguments: Any, **part: Any) -> tf.data.Dataset:
            batches = batches_from_service(*arguments, first_step=first_batch, **part)
            return batches.take(repeated).cache().repeat() if repeated else batches

        return iter(self._distribute(make, divide))

    def validation_input(self) -> Iterator[tuple]:
        """Returns batches that cover the validated images of the split val once."""
        return iter(self._validation_batches)

    @functools.cached_property
    def _validation_batches(self) -> Iterable[tuple]:
        # Kept, because each validation would trace it again, in 0.3 s.
        return self._distribute(scored_batches, windows.rebatched)

    def _distribute(
        self,
        make: Callable[..., tf.data.Dataset],
        divide: Callable[[tf.data.Dataset, int], tf.data.Dataset],
    ) -> Iterable[tuple]:
        """Returns the batches of `make` for each host, which `divide` divides among replicas."""

        def host_batches(context: tf.distribute.InputContext) -> tf.data.Dataset:
            batches = make(
                self.dataset,
                self.config,
                self.head,
                host=context.input_pipeline_id,
                num_hosts=context.num_input_pipelines,
            )
            size = context.get_per_replica_batch_size(self.config.train.batch_size)
            return divide(batches, size)

        return self.strategy.distribute_datasets_from_function(host_batches)


def _warn_of_small_images(size: int, dataset: Dataset, scale: Scale | None) -> None:
    least = scale.least_side(dataset) if scale else dataset.split("train").min_side
    if size > least:
        warnings.warn(
            f"data.crop_size is {size}, and some images of {dataset.path} are smaller, down to "
            f"{least} pixels: they are padded by mirroring, and the loss ignores these pixels.",
            stacklevel=3,
        )


def _common(config: RunConfig, dataset: Dataset) -> dict[str, object]:
    """Returns what must be the same in all processes that train together, by name."""
    values = {name: value for name, value in flat(config).items() if name not in _OF_A_PROCESS}
    values["model.network"] = hashlib.sha256(config.model.network.encode()).hexdigest()
    digests = [info_sha256(part) for part in parts_of(dataset)]
    return values | {"the SHA-256 of dataset.json": digests}


def _resolve(config: RunConfig, dataset: Dataset) -> RunConfig:
    names = dataset.info.class_names
    class_names = config.model.class_names or names
    if len(class_names) > 1 and class_names != names:
        raise checks.InputError(
            f"model.class_names must be {', '.join(names)}, as in {dataset.path}; got "
            f"{', '.join(class_names)}. Leave it empty to use the names of the data set, or give "
            "one name for all instances."
        )
    class_weights = config.model.class_weights
    if class_weights and len(class_names) < 2:
        raise checks.InputError(
            f"model.class_weights must be empty for a network of one class; got {class_weights}. "
            "Leave it out."
        )
    if class_weights == BALANCED:
        class_weights = balanced(dataset)
    model = resolved(config.model, dataset)
    if not (model.limits or model.min_contrast):
        warnings.warn(
            f"{dataset.path} does not state the contrast of its images for model.normalization "
            f"{model.normalization} (an older version wrote it, or all are of one value): images "
            "without objects will be stretched to full contrast. Convert it again, or set "
            "model.min_contrast.",
            stacklevel=4,
        )
    model = dataclasses.replace(
        model,
        class_names=class_names,
        class_weights=class_weights,
        encoder_weights=checkpoint_of(config.model.encoder_weights),
    )
    config = dataclasses.replace(config, model=model)
    return duration.with_step_count(config, dataset)
