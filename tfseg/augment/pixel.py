"""Pixel-level transforms. Names and meaning follow albumentations; values are in [0, 1]."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import tensorflow as tf

from tfseg import checks, random
from tfseg.augment.base import Limits, Params, Pixel, draw, frozen_transform, pair
from tfseg.kernels import color, equalization, intensity


@frozen_transform
class RandomBrightnessContrast(Pixel):
    """Multiplies by 1 + contrast and adds brightness.

    The chain clips the result, so there is no `ensure_safe_range`. A limit x is short for (-x, x).

    Args:
        brightness_limit: in [-1, 1], in image values or shares of the image's mean.
        contrast_limit: in [-1, 10].
        brightness_by_max: whether brightness is in image values; otherwise it is a share of the
            mean of the image before the transform.
        p: probability in [0, 1].
    """

    brightness_limit: Limits = (-0.2, 0.2)
    contrast_limit: Limits = (-0.2, 0.2)
    brightness_by_max: bool = True
    _: dataclasses.KW_ONLY
    p: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._limits("brightness_limit", low=-1.0, high=1.0)
        self._limits("contrast_limit", low=-1.0, high=10.0)
        self._flag("brightness_by_max")

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `brightness` and `contrast`."""
        return {
            "brightness": draw(seed, "brightness", self.brightness_limit),
            "contrast": draw(seed, "contrast", self.contrast_limit),
        }

    def change(self, image: tf.Tensor, params: Params) -> tf.Tensor:
        """Applies both to `image` `[H, W, C]`."""
        brightness = params["brightness"]
        if not self.brightness_by_max:
            brightness *= intensity.mean(image)
        return intensity.brightness_contrast(image, brightness, params["contrast"])


@frozen_transform
class RandomGamma(Pixel):
    """Raises values to a power.

    Args:
        gamma_limit: percent, in [1, 1000]; 100 changes nothing, more darkens. A number x is short
            for (1, x).
        p: probability in [0, 1].
    """

    gamma_limit: Limits = (80.0, 120.0)
    p: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._limits("gamma_limit", start=1.0, low=1.0, high=1000.0)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `exponent`."""
        return {"exponent": random.uniform(seed, *pair(self.gamma_limit)) / 100.0}

    def change(self, image: tf.Tensor, params: Params) -> tf.Tensor:
        """Applies the power to `image` `[H, W, C]`."""
        return intensity.gamma(image, params["exponent"])


@frozen_transform
class CLAHE(Pixel):
    """Equalizes the histogram in tiles, with contrast limited.

    Three channels are red, green and blue, of which only the lightness, L* of CIELAB, changes. Of
    any other number each is equalized for itself. As in albumentations there are 256 steps of
    values, but values between them and the result are not rounded to 8 bits.

    Args:
        clip_limit: the largest slope of new over old values in a tile, in [1, 1000]. A number x is
            short for (1, x).
        tile_grid_size: number of tiles along (x, y), in [1, 256]: the order in which albumentations
            2.0.8 uses it, though it documents the other.
        p: probability in [0, 1].
    """

    takes_three_for_colors: ClassVar[bool] = True

    clip_limit: Limits = 4.0
    tile_grid_size: tuple[int, int] = (8, 8)
    p: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._limits("clip_limit", start=1.0, low=1.0, high=1000.0)
        tiles = self.tile_grid_size
        if not isinstance(tiles, tuple | list) or len(tiles) != 2:
            raise checks.InputError(f"CLAHE.tile_grid_size must be (columns, rows); got {tiles!r}.")
        for count in tiles:
            checks.integer("CLAHE.tile_grid_size", count, low=1, high=256)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `clip_limit`."""
        return {"clip_limit": random.uniform(seed, *pair(self.clip_limit))}

    def change(self, image: tf.Tensor, params: Params) -> tf.Tensor:
        """Equalizes `image` `[H, W, C]`."""
        tiles = self.tile_grid_size[::-1]

        def equalized(plane: tf.Tensor) -> tf.Tensor:
            return equalization.equalized(plane, params["clip_limit"], tiles=tiles)

        if image.shape[-1] == 1:
            return equalized(image)
        if image.shape[-1] != 3:  # in a loop: the compiled code does not grow with the channels
            planes = tf.transpose(image, [2, 0, 1])[..., None]
            return tf.transpose(tf.map_fn(equalized, planes)[..., 0], [1, 2, 0])
        lab = color.to_lab(image)
        lightness = equalized(lab[..., :1] / 100.0)
        return color.from_lab(tf.concat([100.0 * lightness, lab[..., 1:]], axis=-1))


@frozen_transform
class GaussNoise(Pixel):
    """Adds normal noise.

    Args:
        std_range: standard deviation in image values, in [0, 1]. The default, that of
            albumentations, is strong noise.
        mean_range: mean in image values, in [-1, 1].
        per_channel: whether every channel has different noise; otherwise all have the same.
        noise_scale_factor: in [0.001, 1]. Below 1 the noise is drawn at this share of the height
            and width and enlarged bilinearly, which gives coarser and weaker grain.
        p: probability in [0, 1].
    """

    std_range: tuple[float, float] = (0.2, 0.44)
    mean_range: tuple[float, float] = (0.0, 0.0)
    per_channel: bool = True
    noise_scale_factor: float = 1.0
    p: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._interval("std_range", low=0.0, high=1.0)
        self._interval("mean_range", low=-1.0, high=1.0)
        self._flag("per_channel")
        self._number("noise_scale_factor", low=0.001, high=1.0)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `std`, `mean` and the `key` of the noise."""
        return {
            "std": draw(seed, "std", self.std_range),
            "mean": draw(seed, "mean", self.mean_range),
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


@frozen_transform
class Normalize(Pixel):
    """Subtracts a mean and divides by a standard deviation; must be the last pixel-level transform.

    Both are in image values, which are in [0, 1] whatever the bit depth of the file, so that there
    is no `max_pixel_value` but 255, the default of albumentations. The result is not clipped.

    Args:
        mean: one number for all channels, or one per channel, in [-1000, 1000].
        std: one number for all channels, or one per channel, in [0.001, 1000].
        p: probability in [0, 1].
    """

    value_range: ClassVar[tuple[float, float]] = (-math.inf, math.inf)

    mean: float | tuple[float, ...] = (0.485, 0.456, 0.406)
    std: float | tuple[float, ...] = (0.229, 0.224, 0.225)
    _: dataclasses.KW_ONLY
    p: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, low in (("mean", -1000.0), ("std", 0.001)):
            numbers = getattr(self, name)
            if isinstance(numbers, int | float):
                numbers = (numbers,)
                self._set(name, numbers)
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
