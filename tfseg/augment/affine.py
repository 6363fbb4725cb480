"""Transforms that rotate, scale, shift and shear; the size stays.

Names and meaning follow albumentations 2.0.8, and so do the matrices: the centre is at
((H - 1) / 2, (W - 1) / 2) and positive degrees turn counter-clockwise as displayed. Interpolation,
border and fill come from the chain's `Sampling`. Options that would change the size, such as
`fit_output` and `crop_border`, are left out, because shapes are static. A limit x is short for
(-x, x).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfseg import checks
from tfseg.augment.base import AffineMove, Limits, Params, Range, draw, frozen_transform, pair
from tfseg.kernels import matrices
from tfseg.kernels.field import Size

PerAxis = Limits | tuple[Limits, Limits] | Mapping[str, Limits]
_RADIANS = math.pi / 180.0


@frozen_transform
class Rotate(AffineMove):
    """Turns about the centre.

    Args:
        limit: degrees in [-360, 360], counter-clockwise.
        p: probability in [0, 1].
    """

    limit: Limits = (-90.0, 90.0)
    _: dataclasses.KW_ONLY
    p: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._limits("limit", low=-360.0, high=360.0)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `radians`."""
        return {"radians": _radians(seed, "radians", self.limit)}

    def matrix(self, params: Params, *, size: Size) -> tf.Tensor:
        """Turns."""
        return matrices.rotate(params["radians"], size)


@frozen_transform
class RandomScale(AffineMove):
    """Enlarges the content about the centre, by the same factor in height and width.

    The size of the picture stays, because shapes are static; in albumentations it grows and shrinks
    with the content. Below a factor of 1 the border shows around the content.

    Args:
        scale_limit: added to 1 to give the enlargement; in [-0.99, 100].
        p: probability in [0, 1].
    """

    scale_limit: Limits = (-0.1, 0.1)
    _: dataclasses.KW_ONLY
    p: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._limits("scale_limit", low=-0.99, high=100.0)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `scale`."""
        return {"scale": _scale(seed, self.scale_limit)}

    def matrix(self, params: Params, *, size: Size) -> tf.Tensor:
        """Enlarges."""
        return matrices.scale(params["scale"], params["scale"], size)


@frozen_transform
class ShiftScaleRotate(AffineMove):
    """Turns and enlarges about the centre, then shifts.

    Unlike in albumentations, height and width are enlarged by the same factor, and shifts are not
    rounded to whole pixels.

    Args:
        shift_limit: share of the height and of the width, in [-1, 1], drawn for each.
        scale_limit: added to 1 to give the enlargement; in [-0.99, 100].
        rotate_limit: degrees in [-180, 180], counter-clockwise.
        shift_limit_x: instead of `shift_limit` for the width.
        shift_limit_y: instead of `shift_limit` for the height.
        p: probability in [0, 1].
    """

    shift_limit: Limits = (-0.0625, 0.0625)
    scale_limit: Limits = (-0.1, 0.1)
    rotate_limit: Limits = (-45.0, 45.0)
    _: dataclasses.KW_ONLY
    shift_limit_x: Limits | None = None
    shift_limit_y: Limits | None = None
    p: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._limits("shift_limit", low=-1.0, high=1.0)
        for name in ("shift_limit_x", "shift_limit_y"):
            if getattr(self, name) is not None:
                self._limits(name, low=-1.0, high=1.0)
        self._limits("scale_limit", low=-0.99, high=100.0)
        self._limits("rotate_limit", low=-180.0, high=180.0)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws the shares `y` and `x`, `scale` and `radians`."""
        return {
            "y": draw(seed, "y", self.shift_limit_y or self.shift_limit),
            "x": draw(seed, "x", self.shift_limit_x or self.shift_limit),
            "scale": _scale(seed, self.scale_limit),
            "radians": _radians(seed, "radians", self.rotate_limit),
        }

    def matrix(self, params: Params, *, size: Size) -> tf.Tensor:
        """Turns, enlarges, shifts; pull-back, so the last to act is the rightmost."""
        return matrices.product(
            matrices.rotate(params["radians"], size),
            matrices.scale(params["scale"], params["scale"], size),
            matrices.translate(params["y"] * size[0], params["x"] * size[1]),
        )


@frozen_transform
class Affine(AffineMove):
    """Enlarges, turns and shears about the centre, then shifts; by default it changes nothing.

    A range for both axes is (low, high), drawn separately for each; one range per axis is
    {"x": (low, high), "y": (low, high)}, where an axis left out stays as it is, or
    ((low, high), (low, high)), for y and x. A number x is short for (x, x). Unlike in
    albumentations, shifts are not rounded to whole pixels.

    Args:
        scale: enlargement, in [0.01, 100].
        translate_percent: share of the height and of the width, in [-1, 1]; 1 is all of it, not one
            percent. None is 0.
        rotate: degrees in [-360, 360], counter-clockwise.
        shear: degrees in [-44, 44], because 45 on both axes turns the picture into a line; along
            y, positive moves the right side up; along x, the lower side to the left.
        keep_ratio: height is enlarged by the same factor as width, the one drawn for x.
        p: probability in [0, 1].
    """

    scale: PerAxis = (1.0, 1.0)
    translate_percent: PerAxis | None = None
    _: dataclasses.KW_ONLY
    rotate: Limits = 0.0
    shear: PerAxis = (0.0, 0.0)
    keep_ratio: bool = False
    p: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.translate_percent is None:
            self._set("translate_percent", (0.0, 0.0))
        self._intervals("scale", low=0.01, high=100.0, unchanged=1.0)
        self._intervals("translate_percent", low=-1.0, high=1.0, unchanged=0.0)
        self._set("rotate", _fixed(self.rotate))
        self._interval("rotate", low=-360.0, high=360.0)
        self._intervals("shear", low=-44.0, high=44.0, unchanged=0.0)
        self._flag("keep_ratio")

    def _intervals(self, name: str, *, low: float, high: float, unchanged: float) -> None:
        value = getattr(self, name)
        if isinstance(value, Mapping) and value and not value.keys() - {"x", "y"}:
            value = tuple(_fixed(value.get(axis, unchanged)) for axis in "yx")
        y, x = map(_fixed, _per_axis(value))
        for limits in (y, x):
            checks.interval(f"Affine.{name}", limits, low=low, high=high)
        self._set(name, y if y == x else (y, x))

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `scale_y`, `scale_x`, the shares `y` and `x`, `radians`, `shear_y`, `shear_x`."""
        scale, shift, shear = map(_per_axis, (self.scale, self.translate_percent, self.shear))
        scale_x = draw(seed, "scale_x", scale[1])
        return {
            "scale_y": scale_x if self.keep_ratio else draw(seed, "scale_y", scale[0]),
            "scale_x": scale_x,
            "y": draw(seed, "y", shift[0]),
            "x": draw(seed, "x", shift[1]),
            "radians": _radians(seed, "radians", self.rotate),
            "shear_y": _radians(seed, "shear_y", shear[0]),
            "shear_x": _radians(seed, "shear_x", shear[1]),
        }

    def matrix(self, params: Params, *, size: Size) -> tf.Tensor:
        """Enlarges, turns, shears, shifts; pull-back, so the last to act is the rightmost."""
        return matrices.product(
            matrices.scale(params["scale_y"], params["scale_x"], size),
            matrices.rotate(params["radians"], size),
            matrices.shear(params["shear_y"], params["shear_x"], size),
            matrices.translate(params["y"] * size[0], params["x"] * size[1]),
        )


def _fixed(limits: Any) -> Any:
    """Returns (x, x) for a number x, and anything else unchanged."""
    is_number = isinstance(limits, int | float) and not isinstance(limits, bool)
    return (limits, limits) if is_number else limits


def _per_axis(limits: Any) -> tuple[Range, Range]:
    """Splits a `PerAxis` that is not checked yet into two ranges, for y and x."""
    pair = isinstance(limits, tuple | list) and len(limits) == 2
    if pair and all(isinstance(limit, tuple | list) for limit in limits):
        return limits[0], limits[1]
    return limits, limits


def _scale(seed: tf.Tensor, limits: Limits) -> tf.Tensor:
    low, high = pair(limits)
    return draw(seed, "scale", (1.0 + low, 1.0 + high))


def _radians(seed: tf.Tensor, name: str, limits: Limits) -> tf.Tensor:
    return draw(seed, name, limits) * _RADIANS
