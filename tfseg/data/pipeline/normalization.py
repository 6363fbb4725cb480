"""Which image values become 0 and 1: percentiles of every image, or the same two for all."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from tfseg.checks import InputError
from tfseg.config import DATASET, ModelConfig
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.dataset.mixture import parts_of, statistics_of
from tfseg.kernels import normalize

_LOW, _HIGH = "1", "99"  # dataset.json has no 99.8, which kernels.normalize takes of one image
_BITS = {"uint8": 8, "uint16": 16}


@dataclasses.dataclass(frozen=True)
class Normalization:
    """Maps images to [0, 1].

    Attributes:
        fixed: the values that become 0 and 1; empty takes two percentiles of the image.
        min_contrast: how far these are below and above the median at least; empty: not at all.
        bits: 8 or 16, of the unit of both. An image of the other depth is converted, white to
            white, and floats are in this unit. 0: images are taken as they are.
    """

    fixed: tuple[float, ...] = ()
    min_contrast: tuple[float, ...] = ()
    bits: int = 0

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
        return cls(tuple(model.limits), tuple(model.min_contrast), model.bits)

    def __call__(self, image: tf.Tensor) -> tf.Tensor:
        """Maps `image` `[H, W, C]` of any real dtype to float32 in [0, 1].

        It must be the full image, not a crop: percentiles of a crop depend on its position. By
        percentiles, neither affine changes of exposure nor the bit depth of the file matter, unless
        `min_contrast` keeps the limits apart; an image of one value becomes 0.
        """
        return self.scale(image, self.limits(image))

    def limits(self, image: tf.Tensor) -> tf.Tensor:
        """Returns the values `[2]` float32 that become 0 and 1, in the unit of `bits`."""
        if self.fixed:  # without reading the image
            return tf.constant(self.fixed, tf.float32)
        return self.limits_of(normalize.spread(image), image.dtype)

    def limits_of(self, spread: tf.Tensor, dtype: np.dtype | tf.DType) -> tf.Tensor:
        """Returns `limits` of an image from its `kernels.normalize.spread` `[3]` and its dtype."""
        spread = normalize.in_depth(spread, dtype, self.bits)
        return normalize.widened(spread, self.least(dtype))

    def least(self, dtype: np.dtype | tf.DType) -> tuple[float, ...]:
        """Returns `min_contrast` for images of a dtype; 0 where the unit is not that of `bits`.

        An image of 16 bits can be one of a camera of 12, and floats can have any unit: for a
        network that was trained on 8 bits, their contrast says nothing.
        """
        is_known = dtype == np.uint8 or (dtype, self.bits) == (np.uint16, 16)
        return self.min_contrast if self.min_contrast and is_known else (0.0, 0.0)

    def scale(self, image: tf.Tensor, limits: tf.Tensor) -> tf.Tensor:
        """Maps `limits` to 0 and 1 in `image`, which may be a crop, and clips to [0, 1]."""
        values = normalize.in_depth(tf.cast(image, tf.float32), image.dtype, self.bits)
        return normalize.scale(values, limits)


def resolved(model: ModelConfig, dataset: Dataset) -> ModelConfig:
    """Returns `model` with its limits, least contrast and depth in numbers, those of `dataset`.

    Raises:
        InputError: as for `fixed_limits`.
    """
    model = dataclasses.replace(model, bits=model.bits or _BITS[dataset.info.dtype])
    limits = fixed_limits(model, dataset)
    min_contrast = model.min_contrast or (() if limits else _min_contrast(model.bits, dataset))
    return dataclasses.replace(model, limits=limits, min_contrast=min_contrast)


def fixed_limits(model: ModelConfig, dataset: Dataset) -> tuple[float, ...]:
    """Returns `model.limits` in numbers; empty where they are percentiles of every image.

    The limits of a data set are its 1st and 99th percentiles: the lowest and the highest over all
    channels and, in a mixture, all data sets, so that colours are kept.

    Raises:
        InputError: dataset.json lacks the percentiles, or they are equal.
    """
    if not isinstance(model.limits, str):
        return tuple(model.limits)
    statistics = statistics_of(dataset, needed=f"model.limits {DATASET} needs the percentiles")
    low, high = (
        pick(
            channel.percentiles[share] * unit
            for part, unit in zip(statistics, _units(model.bits, dataset), strict=True)
            for channel in part.channels
        )
        for pick, share in ((min, _LOW), (max, _HIGH))
    )
    if low == high:
        raise InputError(
            f"model.limits {DATASET} needs different 1st and 99th percentiles; in {dataset.path} "
            f"both are {low}. Give two numbers."
        )
    return float(low), float(high)


def _min_contrast(bits: int, dataset: Dataset) -> tuple[float, ...]:
    """Returns the least contrast in all data sets of a mixture; empty if one states none."""
    pairs = [
        tuple(distance * unit for distance in part.info.statistics.min_contrast)
        for part, unit in zip(parts_of(dataset), _units(bits, dataset), strict=True)
        if part.info.statistics is not None
    ]
    if len(pairs) < len(parts_of(dataset)) or () in pairs:
        return ()
    return tuple(float(min(distances)) for distances in zip(*pairs, strict=True))


def _units(bits: int, dataset: Dataset) -> list[float]:
    """Returns for each part of a mixture what its values are multiplied by to get those of bits."""
    of_parts = [np.dtype(part.info.dtype) for part in parts_of(dataset)]
    return [normalize.in_depth(np.float64(1), dtype, bits).item() for dtype in of_parts]
