"""Which network is built."""

from __future__ import annotations

import dataclasses
from typing import Any

from tfseg import checks

ARCHITECTURES = ("Compact", "FPN", "Linknet", "PSPNet", "Unet")
HEADS = ("center_offset", "boundary", "distance", "semantic")
PREPROCESSING = ("backbone", "none")
BALANCED = "balanced"  # weights of classes
DATASET = "dataset"  # limits of images
NUM_STAGES = 5  # of the Unet decoder, and of Compact at most


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Which network is built.

    Attributes:
        architecture: Unet, Linknet, FPN or PSPNet of segmentation-models, or Compact, a small
            U-Net made for training on a CPU.
        backbone: an encoder of segmentation-models, such as resnet18 or efficientnetb0; Compact
            has one of its own.
        encoder_weights: none; imagenet, the files of segmentation-models, from Keras's cache or
            the network; or the path of such a file, or of a folder of them: grey images are then
            given to the encoder three times. Or a run of tfseg with this backbone, its folder or a
            checkpoint in it: the encoder there, with the averaged weights where it has them.
        limits: image values that become 0 and 1, in the unit of the images: empty takes the 1st and
            the 99.8th percentile of each image, so that its exposure does not matter; two numbers,
            such as [0, 255], keep it; dataset takes the 1st and 99th percentiles of the data set,
            all splits together, and config.yaml has the numbers.
        preprocessing: what follows on images in [0, 1]: none, or backbone, the values its
            ImageNet weights were trained with.
        mean: subtracted from each channel of images in [0, 1], before `std`; empty: nothing.
        std: by which each channel is then divided.
        decoder_filters: channels of the Unet decoder's stages, deepest first; FPN, Linknet and
            PSPNet keep their own.
        filters: channels of Compact's stages, at 1/2, 1/4, 1/8 ... of the resolution.
        dropout: share of the channels before the last convolution that is dropped in training, in
            [0, 0.9]; others of every sample, drawn from its image.
        channels: channels of the input image; 0 takes the data set's.
        head: what makes the dense network find instances: center_offset, boundary, distance or
            semantic.
        loss: of the head's mask, such as "dice + 0.5 * bce": a sum of bce, dice, focal, jaccard,
            lovasz and tversky; empty takes the head's own.
        head_options: further attributes of the head, such as {center_threshold: 0.2,
            border_weight: 10} (see `heads`).
        class_names: what the network tells apart; empty takes the data set's, and one name takes
            all instances for the same.
        class_weights: of the pixels of each class in the loss of the classes; empty: all 1;
            balanced: instances of all classes / (classes * instances of this one), of the data set,
            and config.yaml has the numbers.
    """

    architecture: str = "Compact"
    backbone: str = "resnet18"
    encoder_weights: str = "none"
    limits: tuple[float, ...] | str = ()
    preprocessing: str = "none"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    decoder_filters: tuple[int, ...] = (128, 64, 64, 32, 16)
    filters: tuple[int, ...] = (32, 64, 96, 128)
    dropout: float = 0.0
    channels: int = 0
    head: str = "center_offset"
    loss: str = ""
    head_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    class_weights: tuple[float, ...] | str = ()

    def __post_init__(self) -> None:
        checks.one_of("model.architecture", self.architecture, ARCHITECTURES)
        checks.one_of("model.head", self.head, HEADS)
        checks.one_of("model.preprocessing", self.preprocessing, PREPROCESSING)
        self._check_input()
        checks.in_range("model.dropout", self.dropout, low=0.0, high=0.9)
        checks.integer("model.channels", self.channels, low=0)
        checks.mapping("model.head_options", self.head_options)
        checks.sequence("model.class_names", self.class_names, "[cell, nucleus]")
        if self.class_weights != BALANCED:
            checks.sequence("model.class_weights", self.class_weights, "[1.0, 3.0] or balanced")
        _numbers("model.decoder_filters", self.decoder_filters, low=NUM_STAGES)
        _numbers("model.filters", self.filters, low=2)

    def _check_input(self) -> None:
        self._check_limits()
        checks.sequence("model.mean", self.mean, "[0.5]")
        checks.sequence("model.std", self.std, "[0.25]")
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
                "segmentation-models; Compact has one of its own. Set model.architecture to Unet, "
                "or take a whole network of another run by train.init."
            )

    def _check_limits(self) -> None:
        if isinstance(self.limits, str):
            checks.one_of("model.limits", self.limits, (DATASET,))
            return
        checks.sequence("model.limits", self.limits, f"[0, 255], or {DATASET}")
        for value in self.limits:
            checks.in_range("Each of model.limits", value, low=-1e9, high=1e9)
        if self.limits and not (len(self.limits) == 2 and self.limits[0] < self.limits[1]):
            raise checks.InputError(
                "model.limits must be empty or two numbers, the lower one first; got "
                f"{list(self.limits)}."
            )


def _numbers(name: str, values: Any, *, low: int) -> None:
    """Refuses what is no list of `low` to NUM_STAGES whole numbers from 1 on."""
    if not isinstance(values, tuple | list) or not low <= len(values) <= NUM_STAGES:
        count = f"{low}" if low == NUM_STAGES else f"{low} to {NUM_STAGES}"
        raise checks.InputError(f"{name} must be {count} numbers, one a stage; got {values!r}.")
    for number in values:
        checks.integer(f"Each of {name}", number, low=1)
