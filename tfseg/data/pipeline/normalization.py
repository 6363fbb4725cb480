"""Which image values become 0 and 1: percentiles of every image, or the same two for all.

The channels of grey and RGB images have common limits, so that colours are kept; those of any other
image are measurements side by side, and each has its limits.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from tfseg.augment.base import Example
from tfseg.checks import InputError
from tfseg.config import CHANNEL, DATASET, IMAGE, ModelConfig
from tfseg.data.dataset.dataset import Dataset, decoding_of
from tfseg.data.dataset.decoded_records import Decoding
from tfseg.data.dataset.mixture import parts_of, statistics_of
from tfseg.kernels import normalize

_LOW, _HIGH = "1", "99"  # dataset.json has no 99.8, which kernels.normalize takes of one image
_BITS = {"uint8": 8, "uint16": 16, "float32": 32}


@dataclasses.dataclass(frozen=True)
class Normalization:
    """Maps images to [0, 1].

    Attributes:
        fixed: the values that become 0 and 1, or two for each channel; empty takes two percentiles
            of the image.
        min_contrast: how far these are below and above the median at least, or two for each
            channel; empty: not at all.
        bits: 8 or 16, of the unit of both. An image of the other depth is converted, white to
            white, and floats are in this unit. 32: the unit is that of the floats of the training
            images. 0: images are taken as they are.
        by_channel: whether the percentiles are those of each channel.
    """

    fixed: tuple[float, ...] = ()
    min_contrast: tuple[float, ...] = ()
    bits: int = 0
    by_channel: bool = False

    @classmethod
    def of(cls, model: ModelConfig, dataset: Dataset | None = None) -> Normalization:
        """Returns the normalisation of a network, or of one that will be trained on `dataset`.

        Raises:
            InputError: as for `resolved`, or limits of a data set without a data set.
        """
        if dataset is not None:
            model = resolved(model, dataset)
        if isinstance(model.limits, str):
            raise InputError(
                f"model.limits must be two numbers where no data set is given; got {DATASET}. Take "
                "those in the config.yaml of a run."
            )
        return cls(
            tuple(model.limits), tuple(model.min_contrast), model.bits, by_channel=model.by_channel
        )

    def of_channel(self, index: int) -> Normalization:
        """Returns the normalisation of one channel."""
        fixed, min_contrast = (
            numbers[2 * index : 2 * index + 2] if len(numbers) > 2 else numbers
            for numbers in (self.fixed, self.min_contrast)
        )
        return Normalization(fixed, min_contrast, self.bits)

    def __call__(self, image: tf.Tensor) -> tf.Tensor:
        """Maps `image` `[H, W, C]` of any real dtype to float32 in [0, 1].

        It must be the full image, not a crop: percentiles of a crop depend on its position. By
        percentiles, neither affine changes of exposure nor the bit depth of the file matter, unless
        `min_contrast` keeps the limits apart; an image of one value becomes 0.
        """
        return self.scale(image, self.limits(image))

    def limits(self, image: tf.Tensor) -> tf.Tensor:
        """Returns the values that become 0 and 1, in the unit of `bits`.

        They are `[2]` float32, or `[2, C]` where the channels have different ones.
        """
        if self.fixed:  # without reading the image
            return self.fixed_limits()
        spread = normalize.spreads if self.by_channel else normalize.spread
        return self.limits_of(spread(image), image.dtype)

    def limits_of_sample(self, sample: Example, decoding: Decoding) -> tf.Tensor:
        """Returns the `limits` of the image of a sample from `SplitReader.decode`.

        Its percentiles are those of its record, which were computed at conversion; in a record of
        version 1, which has none, they are computed now. For an image in tiles, the common ones of
        some of its channels are not known: `check_percentiles` refuses such a data set.
        """
        if self.fixed:
            return self.fixed_limits()

        def stored() -> tf.Tensor:
            together, *channels = tf.unstack(decoding.spread(sample), 1 + decoding.channels)
            spread = tf.stack(channels, axis=1) if self.by_channel else together
            return self.limits_of(spread, tf.as_dtype(decoding.dtype))

        if not self.by_channel and not decoding.has_spread():
            return self.limits(sample["image"])
        is_stored = tf.shape(sample["spread"])[0] > 0
        return tf.cond(is_stored, stored, lambda: self.limits(sample["image"]))

    def check_percentiles(self, dataset: Dataset) -> None:
        """Checks that `limits_of_sample` knows the percentiles of every image.

        Raises:
            InputError: they are those of some channels together, and there are images in tiles.
        """
        is_known = self.fixed or self.by_channel or decoding_of(dataset).has_spread()
        if dataset.info.has_tiles and not is_known:
            raise InputError(
                f"model.normalization {IMAGE} needs the percentiles of the channels "
                f"{', '.join(dataset.info.channel_names)} together, and the images in tiles in "
                f"{dataset.path} have those of each channel and of all. Choose {CHANNEL}, or set "
                "model.limits."
            )

    def fixed_limits(self) -> tf.Tensor:
        """Returns the `limits` of all images, where they are fixed."""
        return tf.constant(np.array(_pair(self.fixed), np.float32))

    def limits_of(self, spread: tf.Tensor, dtype: np.dtype | tf.DType) -> tf.Tensor:
        """Returns the `limits` of an image.

        Args:
            spread: its `kernels.normalize.spread` `[3]`, or its `spreads` `[3, C]`.
            dtype: of the image.
        """
        spread = normalize.in_depth(spread, dtype, self.bits)
        return normalize.widened(spread, self.least(dtype))

    def least(self, dtype: np.dtype | tf.DType) -> tuple[float | np.ndarray, ...]:
        """Returns `min_contrast` for images of a dtype; 0 where the unit is not that of `bits`.

        These are two numbers, or two arrays `[C]` float32 with a number for each channel.

        An image of 16 bits can be one of a camera of 12, and floats can have any unit: for a
        network that was trained on 8 bits, their contrast says nothing.
        """
        if self.bits == _BITS["float32"]:
            is_known = dtype == np.float32
        else:
            is_known = dtype == np.uint8 or (dtype, self.bits) == (np.uint16, 16)
        return _pair(self.min_contrast) if self.min_contrast and is_known else (0.0, 0.0)

    def scale(self, image: tf.Tensor, limits: tf.Tensor) -> tf.Tensor:
        """Maps `limits` to 0 and 1 in `image`, which may be a crop, and clips to [0, 1]."""
        values = normalize.in_depth(tf.cast(image, tf.float32), image.dtype, self.bits)
        return normalize.scale(values, limits)


def resolved(model: ModelConfig, dataset: Dataset) -> ModelConfig:
    """Returns `model` with all that says how images are read: channels, limits, contrast, depth.

    Raises:
        InputError: other channels than those of the data set, or as for `fixed_limits`.
    """
    model = dataclasses.replace(model, bits=model.bits or _BITS[dataset.info.dtype])
    model = _with_channels(model, dataset)
    limits = fixed_limits(model, dataset)
    min_contrast = model.min_contrast or (() if limits else _min_contrast(model, dataset))
    return dataclasses.replace(model, limits=limits, min_contrast=min_contrast)


def fixed_limits(model: ModelConfig, dataset: Dataset) -> tuple[float, ...]:
    """Returns `model.limits` in numbers; empty where they are percentiles of every image.

    The limits of a data set are its 1st and 99th percentiles: the lowest and the highest over all
    data sets of a mixture and, for grey and RGB, all channels, so that colours are kept.

    Raises:
        InputError: dataset.json lacks the percentiles, or they are equal.
    """
    if not isinstance(model.limits, str):
        return tuple(model.limits)
    statistics = statistics_of(dataset, needed=f"model.limits {DATASET} needs the percentiles")
    channels = [
        (index, row.percentiles[_LOW] * unit, row.percentiles[_HIGH] * unit)
        for part, unit in zip(statistics, _units(model.bits, dataset), strict=True)
        for index, row in enumerate(part.channels)
    ]
    limits: list[float] = []
    for group in range(dataset.info.channels if model.by_channel else 1):
        pairs = [pair for index, *pair in channels if index == group or not model.by_channel]
        low, high = min(low for low, _ in pairs), max(high for _, high in pairs)
        if low == high:
            raise InputError(
                f"model.limits {DATASET} needs different 1st and 99th percentiles; in "
                f"{dataset.path} both are {low}. Give two numbers."
            )
        limits += [float(low), float(high)]
    return tuple(limits)


def _with_channels(model: ModelConfig, dataset: Dataset) -> ModelConfig:
    info = dataset.info
    for name in ("channels", "channel_names"):
        given, wanted = getattr(model, name), getattr(info, name)
        if given and (given if isinstance(given, int) else tuple(given)) != wanted:
            raise InputError(
                f"model.{name} must be {_text(wanted)}, as in {dataset.path}; got {_text(given)}. "
                "Leave it out to use the channels of the data set."
            )
    return dataclasses.replace(
        model,
        channels=info.channels,
        channel_names=info.channel_names,
        normalization=model.normalization or (IMAGE if info.is_grey_or_rgb else CHANNEL),
    )


def _text(value: int | tuple[str, ...]) -> str:
    return str(value) if isinstance(value, int) else ", ".join(value) or "empty"


def _min_contrast(model: ModelConfig, dataset: Dataset) -> tuple[float, ...]:
    """Returns the least contrast in all data sets of a mixture; empty if one states none."""
    pairs = [
        tuple(distance * unit for distance in part.info.statistics.min_contrast)
        for part, unit in zip(parts_of(dataset), _units(model.bits, dataset), strict=True)
        if part.info.statistics is not None
    ]
    wanted = 2 * dataset.info.channels if model.by_channel else 2
    if len(pairs) < len(parts_of(dataset)) or any(len(pair) != wanted for pair in pairs):
        return ()
    return tuple(float(min(distances)) for distances in zip(*pairs, strict=True))


def _pair(numbers: tuple[float, ...]) -> tuple[float | np.ndarray, ...]:
    """Returns two numbers, or the first and the second of each channel in two arrays `[C]`."""
    if len(numbers) == 2:
        return numbers
    return tuple(np.array(numbers, np.float32).reshape(-1, 2).T)


def _units(bits: int, dataset: Dataset) -> list[float]:
    """Returns for each part of a mixture what its values are multiplied by to get those of bits."""
    of_parts = [np.dtype(part.info.dtype) for part in parts_of(dataset)]
    return [normalize.in_depth(np.float64(1), dtype, bits).item() for dtype in of_parts]
