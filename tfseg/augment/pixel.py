"""Transforms that change values. Names and meaning follow albumentations; values are in [0, 1]."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import tensorflow as tf

from tfseg import random
from tfseg.augment.base import Params, Pixel
from tfseg.kernels import intensity


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomBrightnessContrast(Pixel):
    """Multiplies by 1 + contrast and adds brightness.

    Args:
        brightness_limit: in image values, in [-1, 1].
        contrast_limit: in [-1, 10].
        p: probability in [0, 1].
    """

    brightness_limit: tuple[float, float] = (-0.2, 0.2)
    contrast_limit: tuple[float, float] = (-0.2, 0.2)
    identity: ClassVar[dict[str, float]] = {"brightness": 0.0, "contrast": 0.0}

    def __post_init__(self) -> None:
        super().__post_init__()
        self._interval("brightness_limit", low=-1.0, high=1.0)
        self._interval("contrast_limit", low=-1.0, high=10.0)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `brightness` and `contrast`."""
        return {
            "brightness": random.uniform(
                random.for_name(seed, "brightness"), *self.brightness_limit
            ),
            "contrast": random.uniform(random.for_name(seed, "contrast"), *self.contrast_limit),
        }

    def change(self, images: tf.Tensor, params: Params) -> tf.Tensor:
        """Applies both to `images` `[B, H, W, C]`."""
        return intensity.brightness_contrast(images, params["brightness"], params["contrast"])


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomGamma(Pixel):
    """Raises values to a power.

    Args:
        gamma_limit: percent, in [1, 1000]; 100 changes nothing, more darkens.
        p: probability in [0, 1].
    """

    gamma_limit: tuple[float, float] = (80.0, 120.0)
    identity: ClassVar[dict[str, float]] = {"exponent": 1.0}

    def __post_init__(self) -> None:
        super().__post_init__()
        self._interval("gamma_limit", low=1.0, high=1000.0)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `exponent`."""
        return {"exponent": random.uniform(seed, *self.gamma_limit) / 100.0}

    def change(self, images: tf.Tensor, params: Params) -> tf.Tensor:
        """Applies the power to `images` `[B, H, W, C]`."""
        return intensity.gamma(images, params["exponent"])


@dataclasses.dataclass(frozen=True, kw_only=True)
class GaussNoise(Pixel):
    """Adds normal noise, drawn for every pixel and channel by itself.

    Args:
        std_range: standard deviation in image values, in [0, 1].
        p: probability in [0, 1].
    """

    std_range: tuple[float, float] = (0.0, 0.1)
    identity: ClassVar[dict[str, float | int]] = {"std": 0.0, "key": 0}

    def __post_init__(self) -> None:
        super().__post_init__()
        self._interval("std_range", low=0.0, high=1.0)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `std` and the noise's `key`."""
        return {
            "std": random.uniform(random.for_name(seed, "std"), *self.std_range),
            "key": random.integer(random.for_name(seed, "key"), 0, 2**31 - 1),
        }

    def change(self, images: tf.Tensor, params: Params) -> tf.Tensor:
        """Adds the noise to `images` `[B, H, W, C]`."""
        return intensity.add_noise(images, params["std"], params["key"])
