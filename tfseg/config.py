"""What a run is: plain values, checked when they are made, written beside every result.

Sizes are in pixels, ranges are `(low, high)`, steps are optimizer steps. A configuration file holds
the same names as these classes, and an unknown name is refused with the nearest valid one.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tfseg import checks

ARCHITECTURES = ("Compact", "FPN", "Linknet", "PSPNet", "Unet")
HEADS = ("center_offset", "boundary", "distance", "semantic")
CACHES = ("none", "memory", "disk")
NUM_STAGES = 5  # of the Unet decoder, and of Compact at most
# Those of Keras that train weights by their gradients alone, by their Keras names.
OPTIMIZERS = (
    *("Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion"),
    *("Muon", "Nadam", "RMSprop", "SGD"),
)
PREPROCESSING = ("backbone", "none")
SCHEDULES = ("constant", "cosine", "plateau", "poly", "step")
ON_NONFINITE = ("skip", "stop")
STRATEGIES = ("auto", "multi_worker", "mirrored", "one_device")
# What the best checkpoint may be chosen by.
FIGURES = ("loss", "ap50", "pq", "dice", "iou")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataConfig:
    """How samples are read for training.

    Attributes:
        crop_size: side of the square training crop, pixels; multiples of 32 waste nothing.
        foreground_share: share of the crops that are sure to hold a piece of an instance, in
            [0, 1].
        instance_share: share of the crops that have an instance in their middle, in [0, 1]; small
            ones are as likely as large ones. The rest is as `foreground_share` says.
        copy_paste: probability that an image gets instances of another one of its batch, in [0, 1]
            (see `augment.CopyPaste`).
        service: servers started with tfseg serve-data, such as grpc://localhost:5050, that make the
            training batches, the same ones in the same order; none makes them here.
        on_corrupt: what a damaged record does: fail, or skip, which takes the next whole one in its
            place and warns.
        weights: of several data sets, samples of each in every so many, such as 2 1; empty takes
            every image equally often.
        balance: a CSV file that says how often each image of the split train comes: by the columns
            id and weight, relative to the others, or id and group, all groups equally often; empty
            takes each once an epoch.
        cache: where decoded images are kept after the first epoch: none, memory, or disk (in the
            folder for temporary files, until training ends).
    """

    crop_size: int = 128
    foreground_share: float = 0.5
    instance_share: float = 0.0
    copy_paste: float = 0.0
    on_corrupt: str = "fail"
    service: tuple[str, ...] = ()
    weights: tuple[int, ...] = ()
    balance: str = ""
    cache: str = "none"

    def __post_init__(self) -> None:
        checks.whole("data.crop_size", self.crop_size, low=32, high=8192)
        checks.in_range("data.foreground_share", self.foreground_share, low=0.0, high=1.0)
        checks.in_range("data.instance_share", self.instance_share, low=0.0, high=1.0)
        checks.in_range("data.copy_paste", self.copy_paste, low=0.0, high=1.0)
        checks.one_of("data.on_corrupt", self.on_corrupt, ("fail", "skip"))
        _listed("data.service", self.service, "[grpc://localhost:5050]")
        for server in self.service:
            if not re.fullmatch(r"grpc://[^/\s]+:[1-9]\d*", str(server)):
                raise checks.InputError(
                    f"Each of data.service must be grpc://HOST:PORT; got {server!r}. Take what "
                    "tfseg serve-data prints."
                )
        if self.service and self.on_corrupt == "skip":
            raise checks.InputError(
                "data.on_corrupt skip counts damaged records where training runs; with "
                "data.service it must be fail. Take them out by converting again."
            )
        _listed("data.weights", self.weights, "[2, 1]")
        for weight in self.weights:
            checks.whole("Each of data.weights", weight, low=1)
        checks.one_of("data.cache", self.cache, CACHES)
        if self.service and self.cache != "none":
            raise checks.InputError(
                f"data.cache keeps images where training runs, and data.service decodes them "
                f"elsewhere; got {self.cache} with {checks.listed(self.service)}. Set it to none."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Which network is built.

    Attributes:
        architecture: Unet, Linknet, FPN or PSPNet of segmentation-models, or Compact, a small
            U-Net made for training on a CPU.
        backbone: an encoder of segmentation-models, such as resnet18 or efficientnetb0; Compact
            has one of its own.
        encoder_weights: none; imagenet, the files of segmentation-models, from Keras's cache or
            the network; or the path of such a file, or of a folder of them. Grey images are then
            given to the encoder three times.
        preprocessing: what follows on images in [0, 1]: none, or backbone, the values its
            ImageNet weights were trained with.
        mean: subtracted from each channel of images in [0, 1], before `std`; empty: nothing.
        std: by which each channel is then divided.
        decoder_filters: channels of the Unet decoder's stages, deepest first; FPN, Linknet and
            PSPNet keep their own.
        filters: channels of Compact's stages, at 1/2, 1/4, 1/8 ... of the resolution.
        channels: channels of the input image; 0 takes the data set's.
        head: what makes the dense network find instances: center_offset, boundary, distance or
            semantic.
        loss: of the head's mask, such as "dice + 0.5 * bce": a sum of bce, dice, focal, jaccard,
            lovasz and tversky; empty takes the head's own.
        head_options: further attributes of the head, such as {center_threshold: 0.2,
            border_weight: 10} (see `heads`).
        class_names: what the network tells apart; empty takes the data set's, and one name takes
            all instances for the same.
        class_weights: of the pixels of each class in the loss of the classes; empty: all 1.
    """

    architecture: str = "Compact"
    backbone: str = "resnet18"
    encoder_weights: str = "none"
    preprocessing: str = "none"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    decoder_filters: tuple[int, ...] = (128, 64, 64, 32, 16)
    filters: tuple[int, ...] = (32, 64, 96, 128)
    channels: int = 0
    head: str = "center_offset"
    loss: str = ""
    head_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    class_weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        checks.one_of("model.architecture", self.architecture, ARCHITECTURES)
        checks.one_of("model.head", self.head, HEADS)
        checks.one_of("model.preprocessing", self.preprocessing, PREPROCESSING)
        self._check_input()
        checks.whole("model.channels", self.channels, low=0)
        _mapped("model.head_options", self.head_options)
        _listed("model.class_names", self.class_names, "[cell, nucleus]")
        _listed("model.class_weights", self.class_weights, "[1.0, 3.0]")
        _numbers("model.decoder_filters", self.decoder_filters, low=NUM_STAGES)
        _numbers("model.filters", self.filters, low=2)

    def _check_input(self) -> None:
        _listed("model.mean", self.mean, "[0.5]")
        _listed("model.std", self.std, "[0.25]")
        for value in self.std:
            checks.in_range("Each of model.std", value, low=1e-6)
        if len(self.mean) != len(self.std) or (self.mean and self.preprocessing != "none"):
            raise checks.InputError(
                "model.mean and model.std must have a number for each channel, and go with "
                f"model.preprocessing none; got {list(self.mean)}, {list(self.std)} and "
                f"{self.preprocessing}."
            )
        pretrained = self.encoder_weights != "none" or self.preprocessing != "none"
        if pretrained and self.architecture == "Compact":
            raise checks.InputError(
                "model.encoder_weights and model.preprocessing need an encoder of "
                "segmentation-models; Compact has one of its own. Set model.architecture to Unet."
            )


def _numbers(name: str, values: Any, *, low: int) -> None:
    """Refuses what is no list of `low` to NUM_STAGES whole numbers from 1 on."""
    if not isinstance(values, tuple | list) or not low <= len(values) <= NUM_STAGES:
        count = f"{low}" if low == NUM_STAGES else f"{low} to {NUM_STAGES}"
        raise checks.InputError(f"{name} must be {count} numbers, one a stage; got {values!r}.")
    for number in values:
        checks.whole(f"Each of {name}", number, low=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How the network is trained.

    Attributes:
        steps: optimizer steps in all.
        epochs: passes over the data, in place of steps; 0 leaves it to them.
        minutes: time of the training, in place of steps: they are fixed before it begins, from the
            speed of the first few, and stand in config.yaml; 0 leaves it to them.
        batch_size: samples a batch, over all replicas together.
        accumulate: batches a step; the step is that of one batch with all their samples, but for
            the statistics of batch normalisation.
        optimizer: a class of keras.optimizers, such as AdamW, Lamb, Lion, Muon or SGD. Muon moves
            the kernels of convolutions, and by AdamW all else; on a CPU it is slow where they have
            512 channels, as in the encoders of segmentation-models.
        optimizer_options: further arguments of that class, such as {momentum: 0.9}.
        schedule: course of the learning rate after the warm-up: constant, cosine, poly (falls as
            (1 - progress) ** power), step (falls by a factor at each milestone) or plateau (falls
            by a factor after each row of validations without a better `best`).
        schedule_options: "power" of poly; "milestones", shares of the steps, and "factor" of step;
            "patience", validations in such a row, and "factor" of plateau; "final", share of the
            peak at which cosine and poly end.
        learning_rate: peak of the schedule.
        warmup_steps: steps of linear rise to the peak.
        weight_decay: decoupled decay, times the learning rate; biases and normalisations have none.
        clip_norm: gradients are scaled down to this norm of all of them together; 0 leaves them.
        precision: what layers compute in: float32, or half of it with weights, last layer and
            losses in float32, as mixed_bfloat16 or mixed_float16, with a loss scale of its own. For
            GPUs: a CPU is slower with them. Prediction is always in float32.
        ema: decay a step of a moving average of the weights, which is then what is validated,
            predicted with and exported; 0 keeps none.
        on_nonfinite: what follows a step whose loss or gradients are not finite, and that therefore
            changed nothing: stop, or skip, which counts it in history.csv. nonfinite.csv names its
            samples.
        log_every: steps between two rows of history.csv.
        checkpoint_every: steps between two checkpoints.
        validate_every: steps between two validations on the middle crops of the `val` split, where
            there is one: loss, ap50, pq, dice and iou; 0 validates with every checkpoint.
        validation_images: images of the split that are validated on, from the first on; 0 takes
            all.
        best: figure of the validation that chooses the best checkpoint, and that patience is about:
            loss, ap50, pq, dice or iou.
        keep: last checkpoints that are kept, in case the newest is damaged.
        patience: validations in a row without a better one that end the training; 0 goes on.
        strategy: over what the training is spread: auto (multi_worker where TF_CONFIG or srun names
            several processes, else mirrored), multi_worker, mirrored (over `devices`), or
            one_device, the first of them.
        init: a run, or a checkpoint of one, whose network's weights are the first ones; layers of
            another shape, as with another head, begin anew and are named. Empty begins all anew.
        deterministic: lets TensorFlow take operations that give the same bits every time on a GPU
            too, for the rest of the process; they are slower, some several times. On a CPU the same
            seed gives the same bits without it.
        devices: devices to mirror over, such as CPU:0 CPU:1; empty takes every visible GPU, or the
            CPU where there is none.
    """

    steps: int = 1000
    epochs: float = 0.0
    minutes: float = 0.0
    batch_size: int = 8
    accumulate: int = 1
    optimizer: str = "Muon"
    optimizer_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    schedule: str = "cosine"
    schedule_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    learning_rate: float = 1e-2
    warmup_steps: int = 20
    weight_decay: float = 1e-4
    clip_norm: float = 0.0
    precision: str = "float32"
    ema: float = 0.0
    on_nonfinite: str = "stop"
    log_every: int = 10
    checkpoint_every: int = 100
    validate_every: int = 0
    validation_images: int = 0
    best: str = "loss"
    keep: int = 2
    patience: int = 0
    strategy: str = "auto"
    init: str = ""
    deterministic: bool = False
    devices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulate", "log_every", "checkpoint_every", "keep"):
            checks.whole(f"train.{name}", getattr(self, name), low=1)
        for name in ("epochs", "minutes"):
            checks.in_range(f"train.{name}", getattr(self, name), low=0.0)
        if self.epochs and self.minutes:
            raise checks.InputError(
                "train.epochs and train.minutes are two budgets; "
                f"got {self.epochs:g} and {self.minutes:g}. Give one of them."
            )
        checks.one_of("train.optimizer", self.optimizer, OPTIMIZERS)
        checks.one_of("train.schedule", self.schedule, SCHEDULES)
        checks.one_of("train.on_nonfinite", self.on_nonfinite, ON_NONFINITE)
        checks.one_of("train.strategy", self.strategy, STRATEGIES)
        checks.one_of("train.best", self.best, FIGURES)
        checks.one_of("train.precision", self.precision, PRECISIONS)
        for name in ("optimizer_options", "schedule_options"):
            _mapped(f"train.{name}", getattr(self, name))
        checks.in_range("train.learning_rate", self.learning_rate, low=0.0, high=10.0)
        highest = self.steps if not (self.epochs or self.minutes) else 2**31 - 1
        checks.whole("train.warmup_steps", self.warmup_steps, low=0, high=highest)
        checks.in_range("train.weight_decay", self.weight_decay, low=0.0, high=1.0)
        checks.in_range("train.clip_norm", self.clip_norm, low=0.0)
        checks.in_range("train.ema", self.ema, low=0.0, high=1.0)
        for name in ("validate_every", "validation_images", "patience"):
            checks.whole(f"train.{name}", getattr(self, name), low=0)
        checks.flag("train.deterministic", self.deterministic)
        _listed("train.devices", self.devices, "[CPU:0]")


# Gamma, not brightness: on the embedded sample a shift by up to 0.2 wiped out nuclei that are 0.1
# brighter than their background, and after 80 steps the loss was 0.51 instead of 0.45.
DEFAULT_AUGMENT: tuple[dict[str, Any], ...] = (
    {"name": "HorizontalFlip"},
    {"name": "RandomRotate90"},
    {"name": "ShiftScaleRotate", "scale_limit": (-0.2, 0.2), "rotate_limit": (-15.0, 15.0)},
    {"name": "RandomGamma"},
    {"name": "GaussNoise", "std_range": (0.0, 0.03)},
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One training run.

    Attributes:
        seed: of the initial weights, the order of the samples and every augmentation.
        data: how samples are read.
        augment: transforms in the order in which they act, each {"name": ..., parameters}, or the
            name of a ready list: light, natural, nuclei or satellite.
        model: which network is built.
        train: how it is trained.
    """

    seed: int = 0
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    augment: tuple[dict[str, Any] | str, ...] = DEFAULT_AUGMENT
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        checks.whole("seed", self.seed, low=0)
        _listed("augment", self.augment, "[{name: HorizontalFlip}]")


def _listed(name: str, value: Any, example: str) -> None:
    if not isinstance(value, tuple | list):
        raise checks.InputError(f"{name} must be a list, such as {example}; got {value!r}.")


def _mapped(name: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise checks.InputError(f"{name} must map names to values; got {value!r}.")


def to_dict(config: RunConfig) -> dict[str, Any]:
    """Returns plain dicts, lists and scalars, ready for YAML or JSON."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, tuple | list) else value

    return plain(dataclasses.asdict(config))


def flat(config: RunConfig) -> dict[str, Any]:
    """Returns every value by its dotted name, such as "train.steps"."""
    values: dict[str, Any] = {}
    for name, value in to_dict(config).items():
        group = value if isinstance(value, dict) else {"": value}
        values |= {f"{name}.{key}".rstrip("."): item for key, item in group.items()}
    return values


def from_dict(values: Mapping[str, Any], kind: type = RunConfig, path: str = "") -> Any:
    """Builds a `kind` from plain values; the reverse of `to_dict`.

    Raises:
        InputError: an unknown name, or a value its class refuses.
    """
    _mapped(path.rstrip(".") or "The configuration", values)
    types = typing.get_type_hints(kind)
    arguments = {}
    for name, value in values.items():
        if name not in types:
            raise checks.InputError(
                f"Unknown configuration name {path}{name}; there are {', '.join(types)}."
                f"{checks.nearest(name, types)}"
            )
        if dataclasses.is_dataclass(types[name]):
            value = from_dict(value, types[name], f"{path}{name}.")
        arguments[name] = frozen(value)
    return kind(**arguments)


def frozen(value: Any) -> Any:
    """Returns plain values with tuples for lists, as the fields of a configuration hold them."""
    if isinstance(value, Mapping):
        return {key: frozen(item) for key, item in value.items()}
    return tuple(map(frozen, value)) if isinstance(value, list | tuple) else value


def write(config: RunConfig, path: Path) -> None:
    """Writes `config` as YAML."""
    path.write_text(yaml.safe_dump(to_dict(config), sort_keys=False), encoding="utf-8")


def read(path: Path) -> RunConfig:
    """Reads what `write` wrote, or a hand-written file with any part of it.

    Raises:
        InputError: no such file, not YAML, or an unknown name.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = str(error).replace("\n", " ")
        raise checks.InputError(f"{path} cannot be read as a configuration: {reason}") from error
    return from_dict(values)
