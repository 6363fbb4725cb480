"""The network."""

from __future__ import annotations

import dataclasses
import operator
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfseg import calls, checks
from tfseg.channels import check_names, is_grey_or_rgb
from tfseg.config import registry
from tfseg.config.fields import match_names
from tfseg.config.heads import HEADS, check_head_options

_ENCODER = {"backbone": "resnet18", "encoder_weights": "none", "preprocessing": "none"}
# The options that some architectures have, with the values used where nothing is given.
_OPTIONS: dict[str, dict[str, Any]] = {
    "Compact": {"filters": (32, 64, 96, 128)},
    "FPN": _ENCODER,
    "Keras": {"network": ""},
    "Linknet": _ENCODER,
    "PSPNet": _ENCODER,
    "Unet": _ENCODER | {"decoder_filters": (128, 64, 64, 32, 16)},
}
ARCHITECTURES = tuple(_OPTIONS)
KERAS = "Keras"
# Registered networks: functions from a `ModelConfig` to a `keras.Model`, as for `build_model`.
NETWORKS: dict[str, Callable[..., Any]] = {}
PREPROCESSING = ("backbone", "none")
BALANCED = "balanced"  # weights of classes
DATASET = "dataset"  # limits of images
IMAGE, CHANNEL = NORMALIZATIONS = ("image", "channel")
_MOST_CHANNELS = 8192  # of an image or a layer; a kernel of 3 x 3 then has 2.4 GB at most
NUM_STAGES = 5  # of the Unet decoder; Compact has at most as many


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig(metaclass=calls.Public):
    """Describes the network: architecture, input and head.

    Attributes:
        architecture: Unet, Linknet, FPN or PSPNet of segmentation-models; Compact, a small U-Net
            made for training on a CPU; a registered network; or Keras, that of `network`.
        network: of architecture Keras: a file with the JSON of a Keras model, as `model.to_json()`
            returns it; its text replaces its path. `Trainer(network=...)` sets it.
        backbone: an encoder of segmentation-models, such as resnet34 or efficientnetb0, for all
            architectures but Compact; empty: resnet18.
        encoder_weights: none; imagenet, the files of segmentation-models, from Keras's cache or
            downloaded; the path of such a file, or of a folder with such files; or the folder or a
            checkpoint of a run of tfseg with this backbone, from which averaged weights are used if
            there are any. Grey images are repeated to 3 channels for ImageNet weights; for other
            numbers of channels, each gets the mean of the three kernels of the first convolution,
            times 3 / channels.
        limits: image values that become 0 and 1, in the unit of the images: empty uses the 1st and
            the 99.8th percentile of each image, so that its exposure does not matter; two numbers,
            such as [0, 255], are the same for all images; dataset uses the 1st and 99th
            percentiles of all splits of the data set, and writes them into config.yaml. Two numbers
            for each channel, one channel after the other, are those of the channels.
        normalization: what percentiles are taken of: image (all channels together, which keeps
            colours) or channel (each for itself); empty: image for grey and RGB, channel for any
            other images.
        min_contrast: how far the percentiles that become 0 and 1 are below and above the median of
            an image at least, in the unit of the images, so that noise is not stretched to the
            contrast of objects; empty uses the least of all images of the data set with instances,
            and writes it into config.yaml. With `normalization` channel, two numbers for each
            channel may be given.
        bits: 8 or 16, of the unit of `limits` and `min_contrast`; images of the other depth are
            converted to it, 255 to 65535; 32: floats, which are taken as they are; 0 uses the depth
            of the data set.
        preprocessing: conversion of images in [0, 1]: none, or backbone, to the values with which
            its ImageNet weights were trained.
        mean: subtracted from each channel of images in [0, 1], before `std`; empty: nothing.
        std: each channel is divided by it, after `mean`.
        decoder_filters: channels of the stages of Unet's decoder, deepest first; only for Unet;
            empty: [128, 64, 64, 32, 16].
        filters: channels of Compact's stages, at 1/2, 1/4, 1/8 ... of the resolution; only for
            Compact; empty: [32, 64, 96, 128].
        dropout: share of the last convolution's input channels that is dropped in training, in
            [0, 0.9]; the choice depends on the image alone.
        channels: channels of the input image; 0 uses the number of the data set.
        channel_names: names of these channels; empty uses those of the data set.
        head: how instances are represented: center_offset, boundary, distance, semantic, or a
            registered one.
        loss: loss of the head's mask, such as "dice + 0.5 * bce": a sum of bce, dice, focal,
            jaccard, lovasz, tversky and registered ones; empty uses the head's default.
        head_options: options of the head, such as {center_threshold: 0.2, separation_weight: 10}
            (see `config.heads`).
        class_names: classes that the network distinguishes; empty uses the classes of the data set,
            and a single name puts all instances into one class.
        class_weights: weights of the pixels of each class in the loss of the classes; empty: 1 for
            all; balanced: instances of all classes / (classes * instances of this class) in the
            data set, written into config.yaml.

    Examples:
        >>> tfseg.ModelConfig(architecture="Unet", backbone="resnet34").completed().decoder_filters
        (128, 64, 64, 32, 16)
    """

    architecture: str = "Compact"
    network: str = ""
    backbone: str = ""
    encoder_weights: str = "none"
    limits: tuple[float, ...] | str = ()
    normalization: str = ""
    min_contrast: tuple[float, ...] = ()
    bits: int = 0
    preprocessing: str = "none"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    decoder_filters: tuple[int, ...] = ()
    filters: tuple[int, ...] = ()
    dropout: float = 0.0
    channels: int = 0
    channel_names: tuple[str, ...] = ()
    head: str = "center_offset"
    loss: str = ""
    head_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    class_weights: tuple[float, ...] | str = ()

    def __post_init__(self) -> None:
        for name in ("architecture", "network", "backbone"):
            if not isinstance(value := getattr(self, name), str):
                raise checks.InputError(
                    f"model.{name} must be text; got {type(value).__name__}. Give a Keras model, "
                    "or a function that makes one, to Trainer(config, run_dir, network=...)."
                )
        match_names(
            self,
            "model",
            architecture=(*ARCHITECTURES, *NETWORKS),
            head=HEADS,
            preprocessing=PREPROCESSING,
        )
        if self.normalization != "":
            match_names(self, "model", normalization=NORMALIZATIONS)
        object.__setattr__(self, "backbone", str(self.backbone).lower())  # as all encoders
        self._check_architecture()
        self._read_network()
        self._check_input()
        checks.in_range("model.dropout", self.dropout, low=0.0, high=0.9)
        checks.integer("model.channels", self.channels, low=0, high=_MOST_CHANNELS)
        check_names("model.channel_names", self.channel_names)
        if self.channel_names and self.channels not in (0, len(self.channel_names)):
            raise checks.InputError(
                f"model.channel_names must be a name for each of {self.channels} channels; got "
                f"{len(self.channel_names)}."
            )
        check_head_options(self.head, self.head_options)
        checks.sequence("model.class_names", self.class_names, "[cell, nucleus]")
        if self.class_weights != BALANCED:
            checks.sequence("model.class_weights", self.class_weights, "[1.0, 3.0] or balanced")

    @property
    def by_channel(self) -> bool:
        """Whether the percentiles that become 0 and 1 are those of each channel."""
        if self.normalization:
            return self.normalization == CHANNEL
        return not is_grey_or_rgb(self.channels or 1, self.channel_names)

    def completed(self) -> ModelConfig:
        """Returns the configuration with the defaults of the architecture for empty values."""
        defaults = _OPTIONS.get(self.architecture, {})
        empty = {name: value for name, value in defaults.items() if not getattr(self, name)}
        return dataclasses.replace(self, **empty)

    def names(self) -> list[tuple[str, str]]:
        """Returns the kinds and names of what the network consists of, such as ("head", "mask")."""
        losses = re.findall(r"[A-Za-z_]\w*", self.loss)
        parts = [("head", self.head), (registry.NETWORK, self.architecture)]
        return parts + [("loss", name) for name in losses]

    def _check_architecture(self) -> None:
        """Checks the options that only some architectures have."""
        for name in {option: None for options in _OPTIONS.values() for option in options}:
            value, default = getattr(self, name), getattr(type(self), name)
            if name not in _OPTIONS.get(self.architecture, {}) and value not in (default, []):
                others = [other for other, options in _OPTIONS.items() if name in options]
                raise checks.InputError(
                    f"model.{name} has no effect with model.architecture {self.architecture}; got "
                    f"{value!r}. Set model.architecture {' or '.join(others)}, or leave it out."
                )
        if self.decoder_filters not in ((), []):
            _check_numbers("model.decoder_filters", self.decoder_filters, low=NUM_STAGES)
        if self.filters not in ((), []):
            _check_numbers("model.filters", self.filters, low=2)

    def _read_network(self) -> None:
        """Replaces the path of a network by the text of the file."""
        if not self.network:
            if self.architecture == KERAS:
                raise checks.InputError(
                    "model.network must be a file with the JSON of a Keras model for "
                    "model.architecture Keras; got none. Give Trainer(network=...) the model "
                    "itself, without model.architecture."
                )
            return
        if self.network.lstrip().startswith("{"):
            return
        try:
            text = Path(self.network).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise checks.InputError(
                "model.network must be a file with the JSON of a Keras model; got "
                f"{self.network}, which cannot be read ({error})."
            ) from error
        object.__setattr__(self, "network", text)

    def _check_input(self) -> None:
        self._check_limits()
        self._check_contrast()
        checks.sequence("model.mean", self.mean, "[0.5]")
        checks.sequence("model.std", self.std, "[0.25]")
        for value in self.std:
            checks.in_range("Each of model.std", value, low=1e-6)
        if len(self.mean) != len(self.std) or (self.mean and self.preprocessing != "none"):
            raise checks.InputError(
                "model.mean and model.std must have a number for each channel, and need "
                f"model.preprocessing none; got {list(self.mean)}, {list(self.std)} and "
                f"{self.preprocessing}."
            )

    def _check_limits(self) -> None:
        if isinstance(self.limits, str):
            checks.one_of("model.limits", self.limits, (DATASET,))
            return
        checks.sequence("model.limits", self.limits, f"[0, 255], or {DATASET}")
        for value in self.limits:
            checks.in_range("Each of model.limits", value, low=-1e9, high=1e9)
        lows, highs = self.limits[::2], self.limits[1::2]
        if len(lows) != len(highs) or any(map(operator.ge, lows, highs)):
            raise checks.InputError(
                "model.limits must be empty or two numbers, the lower one first, or two for each "
                f"channel; got {list(self.limits)}."
            )
        self._check_pairs("limits", may_differ=True)

    def _check_contrast(self) -> None:
        checks.sequence("model.min_contrast", self.min_contrast, "[2, 30]")
        for value in self.min_contrast:
            checks.in_range("Each of model.min_contrast", value, low=0, high=1e9)
        if len(self.min_contrast) % 2:
            raise checks.InputError(
                "model.min_contrast must be empty or two numbers, below and above the median; got "
                f"{list(self.min_contrast)}."
            )
        self._check_pairs("min_contrast", may_differ=self.by_channel or not self.channels)
        if self.limits and self.min_contrast:
            raise checks.InputError(
                f"model.min_contrast has no effect with model.limits {self.limits}; got "
                f"{list(self.min_contrast)}. Give one of them."
            )
        if self.bits not in (0, 8, 16, 32):
            raise checks.InputError(
                "model.bits must be 8, 16, 32 for floats, or 0 for those of the data set; got "
                f"{self.bits!r}."
            )

    def _check_pairs(self, name: str, *, may_differ: bool) -> None:
        """Checks that there are two numbers, or two for each channel where these may differ."""
        count = len(getattr(self, name)) // 2
        if count > 1 and not (may_differ and self.channels in (0, count)):
            for_each = f", or two for each of {self.channels} channels" if may_differ else ""
            raise checks.InputError(
                f"model.{name} must be empty or two numbers{for_each}; got {2 * count}."
            )


def _check_numbers(name: str, values: Any, *, low: int) -> None:
    """Checks for a list of `low` to NUM_STAGES whole numbers from 1 on."""
    if not isinstance(values, tuple | list) or not low <= len(values) <= NUM_STAGES:
        count = f"{low}" if low == NUM_STAGES else f"{low} to {NUM_STAGES}"
        raise checks.InputError(f"{name} must be {count} numbers, one per stage; got {values!r}.")
    for number in values:
        checks.integer(f"Each of {name}", number, low=1, high=_MOST_CHANNELS)


registry.declare(
    registry.Kind(
        name=registry.NETWORK,
        base=None,
        tables=(NETWORKS,),
        reserved=ARCHITECTURES,
        check=lambda network: registry.check_call(registry.NETWORK, network, "a ModelConfig"),
    )
)
