"""Pixel-level transforms. Names and meaning follow albumentations; values are in [0, 1]."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import tensorflow as tf

from tfseg import checks, random
from tfseg.augment.base import Params, Pixel
from tfseg.kernels import intensity


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomBrightnessContrast(Pixel):
    """Multiplies by 1 + contrast and adds brightness.

    The chain clips the result, so there is no `ensure_safe_range`.

    Args:
        brightness_limit: in [-1, 1], in image values or shares of the image's mean.
        contrast_limit: in [-1, 10].
        brightness_by_max: whether brightness is in image values; otherwise it is a share of the
            mean of the image before the transform.
        p: probability in [0, 1].
    """

    brightness_limit: tuple[float, float] = (-0.2, 0.2)
    contrast_limit: tuple[float, float] = (-0.2, 0.2)
    brightness_by_max: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self._interval("brightness_limit", low=-1.0, high=1.0)
        self._interval("contrast_limit", low=-1.0, high=10.0)
        self._flag("brightness_by_max")

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `brightness` and `contrast`."""
        return {
            "brightness": random.uniform(
                random.for_name(seed, "brightness"), *self.brightness_limit
            ),
            "contrast": random.uniform(random.for_name(seed, "contrast"), *self.contrast_limit),
        }

    def change(self, image: tf.Tensor, params: Params) -> tf.Tensor:
        """Applies both to `image` `[H, W, C]`."""
        brightness = params["brightness"]
        if not self.brightness_by_max:
            brightness *= intensity.mean(image)
        return intensity.brightness_contrast(image, brightness, params["contrast"])


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomGamma(Pixel):
    """Raises values to a power.

    Args:
        gamma_limit: percent, in [1, 1000]; 100 changes nothing, more darkens.
        p: probability in [0, 1].
    """

    gamma_limit: tuple[float, float] = (80.0, 120.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._interval("gamma_limit", low=1.0, high=1000.0)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `exponent`."""
        return {"exponent": random.uniform(seed, *self.gamma_limit) / 100.0}

    def change(self, image: tf.Tensor, params: Params) -> tf.Tensor:
        """Applies the power to `image` `[H, W, C]`."""
        return intensity.gamma(image, params["exponent"])


@dataclasses.dataclass(frozen=True, kw_only=True)
class GaussNoise(Pixel):
    """Adds normal noise.

    Args:
        std_range: standard deviation in image values, in [0, 1].
        mean_range: mean in image values, in [-1, 1].
        per_channel: whether every channel has different noise; otherwise all have the same.
        noise_scale_factor: in [0.001, 1]. Below 1 the noise is drawn at this share of the height
            and width and enlarged bilinearly, which gives coarser and weaker grain.
        p: probability in [0, 1].
    """

    std_range: tuple[float, float] = (0.0, 0.1)
    mean_range: tuple[float, float] = (0.0, 0.0)
    per_channel: bool = True
    noise_scale_factor: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._interval("std_range", low=0.0, high=1.0)
        self._interval("mean_range", low=-1.0, high=1.0)
        self._flag("per_channel")
        self._number("noise_scale_factor", low=0.001, high=1.0)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `std`, `mean` and the `key` of the noise."""
        return {
            "std": random.uniform(random.for_name(seed, "std"), *self.std_range),
            "mean": random.uniform(random.for_name(seed, "mean"), *self.mean_range),
            "key": random.integer(random.for_name(seed, "key"), 0, 2**31 - 1),
        }

    def change(self, image: tf.Tensor, params: Params) -> tf.Tensor:
        """Adds the noise to `image` `[H, W, C]`."""
        *size, channels = image.shape
        small = [max(1, int(length * self.noise_scale_factor)) for length in size]
        noise = intensity.normal_noise(params["key"], (*small, channels if self.per_channel else 1))
        if small != size:
            # A branch, because XLA would compute the noise again for every pixel that reads it.
            noise = tf.cond(
                params["std"] > 0.0,
                lambda: intensity.enlarged(noise, tuple(size)),
                lambda: tf.zeros([*size, noise.shape[-1]]),
            )
        return image + params["mean"] + params["std"] * noise


@dataclasses.dataclass(frozen=True, kw_only=True)
class Normalize(Pixel):
    """Subtracts a mean and divides by a standard deviation; must be the last pixel-level transform.

    Both are in image values, which are in [0, 1] whatever the bit depth of the file, so there is no
    `max_pixel_value`. The result is not clipped.

    Args:
        mean: one number for all channels, or one per channel, in [-1000, 1000].
        std: one number for all channels, or one per channel, in [0.001, 1000].
        p: probability in [0, 1].
    """

    value_range: ClassVar[tuple[float, float]] = (-math.inf, math.inf)

    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    p: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, low in (("mean", -1000.0), ("std", 0.001)):
            numbers = getattr(self, name)
            if not isinstance(numbers, tuple | list) or not numbers:
                raise checks.InputError(
                    f"Normalize.{name} must be (a, ...), one number per channel; got {numbers!r}."
                )
            for channel, number in enumerate(numbers):
                checks.in_range(f"Normalize.{name}[{channel}]", number, low=low, high=1000.0)

    def change(self, image: tf.Tensor, params: Params) -> tf.Tensor:
        """Subtracts the mean from `image` `[H, W, C]` and divides by the standard deviation."""
        del params
        for name in ("mean", "std"):
            count, channels = len(getattr(self, name)), image.shape[-1]
            if count not in (1, channels):
                raise checks.InputError(
                    f"Normalize.{name} must have 1 number, or {channels} for images of {channels} "
                    f"channels; got {count}."
                )
        return intensity.normalize(image, tf.constant(self.mean), tf.constant(self.std))
