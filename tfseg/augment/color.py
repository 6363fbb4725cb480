"""Transforms of colour, for images of 3 channels. Names and meaning follow albumentations."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import tensorflow as tf

from tfseg import checks
from tfseg.augment.base import Limits, Params, Pixel, draw, frozen_transform, pair
from tfseg.kernels import color


@frozen_transform
class HueSaturationValue(Pixel):
    """Adds to hue, saturation and value; grey stays grey.

    The limits are in the units of albumentations for 8-bit images, whatever the bit depth of the
    file; unlike in albumentations, nothing is rounded to 8 bits. A limit x is short for (-x, x).

    Args:
        hue_shift_limit: in [-180, 180], steps of 2 degrees, so that 180 is a full turn.
        sat_shift_limit: in [-255, 255], steps of 1/255.
        val_shift_limit: in [-255, 255], steps of 1/255.
        p: probability in [0, 1].
    """

    needs_colors: ClassVar[bool] = True

    hue_shift_limit: Limits = (-20.0, 20.0)
    sat_shift_limit: Limits = (-30.0, 30.0)
    val_shift_limit: Limits = (-20.0, 20.0)
    p: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._limits("hue_shift_limit", low=-180.0, high=180.0)
        self._limits("sat_shift_limit", low=-255.0, high=255.0)
        self._limits("val_shift_limit", low=-255.0, high=255.0)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws the turns `hue` and the shares `saturation` and `value`."""
        return {
            "hue": draw(seed, "hue", self.hue_shift_limit) / 180.0,
            "saturation": draw(seed, "saturation", self.sat_shift_limit) / 255.0,
            "value": draw(seed, "value", self.val_shift_limit) / 255.0,
        }

    def change(self, image: tf.Tensor, params: Params) -> tf.Tensor:
        """Shifts the colours of `image` `[H, W, 3]`."""
        _require_colors(self, image)
        return color.shift_hsv(image, params["hue"], params["saturation"], params["value"])


@frozen_transform
class RGBShift(Pixel):
    """Adds a number to each of the three channels.

    The limits are in the units of albumentations, whatever the bit depth of the file: steps of
    1/255, or image values if both of a range are in [-1, 1]. A limit x is short for (-x, x).

    Args:
        r_shift_limit: of red, in [-255, 255].
        g_shift_limit: of green, in [-255, 255].
        b_shift_limit: of blue, in [-255, 255].
        p: probability in [0, 1].
    """

    needs_colors: ClassVar[bool] = True

    r_shift_limit: Limits = (-20.0, 20.0)
    g_shift_limit: Limits = (-20.0, 20.0)
    b_shift_limit: Limits = (-20.0, 20.0)
    p: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("r_shift_limit", "g_shift_limit", "b_shift_limit"):
            self._limits(name, low=-255.0, high=255.0)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `shift`, `[3]`, in image values."""
        limits = {"r": self.r_shift_limit, "g": self.g_shift_limit, "b": self.b_shift_limit}
        shifts = [
            draw(seed, channel, _image_values(pair(limit))) for channel, limit in limits.items()
        ]
        return {"shift": tf.stack(shifts)}

    def change(self, image: tf.Tensor, params: Params) -> tf.Tensor:
        """Shifts the channels of `image` `[H, W, 3]`."""
        _require_colors(self, image)
        return image + params["shift"]


@frozen_transform
class ToGray(Pixel):
    """Removes the colour by the weighted average of the channels; the result has 3 channels.

    Shapes are static, so there is no `num_output_channels`.
    """

    needs_colors: ClassVar[bool] = True

    _: dataclasses.KW_ONLY
    p: float = 0.5

    def change(self, image: tf.Tensor, params: Params) -> tf.Tensor:
        """Makes `image` `[H, W, 3]` grey."""
        del params
        _require_colors(self, image)
        return color.gray(image)


def _image_values(limits: tuple[float, float]) -> tuple[float, float]:
    unit = 1.0 if max(map(abs, limits)) <= 1.0 else 255.0
    return limits[0] / unit, limits[1] / unit


def _require_colors(transform: Pixel, image: tf.Tensor) -> None:
    if image.shape[-1] != 3:
        raise checks.InputError(
            f"{type(transform).__name__} needs images of 3 channels, red, green and blue; "
            f"got {image.shape[-1]}. Remove it for other images."
        )
