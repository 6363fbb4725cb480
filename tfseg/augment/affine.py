"""Transforms that rotate, scale, shift and shear; the size stays.

Names and meaning follow albumentations 2.0.8, and so do the matrices: the centre is at
((H - 1) / 2, (W - 1) / 2) and positive degrees turn counter-clockwise as displayed. Interpolation,
border and fill come from the chain's `Sampling`. Options that would change the size, such as
`fit_output` and `crop_border`, are left out, because shapes are static.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import tensorflow as tf

from tfseg import checks, random
from tfseg.augment.base import AffineMove, Params
from tfseg.kernels import matrices
from tfseg.kernels.field import Size

Range = tuple[float, float]
PerAxis = Range | tuple[Range, Range]
_RADIANS = math.pi / 180.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rotate(AffineMove):
    """Turns about the centre.

    Args:
        limit: degrees in [-360, 360], counter-clockwise.
        p: probability in [0, 1].
    """

    limit: Range = (-90.0, 90.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._interval("limit", low=-360.0, high=360.0)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `radians`."""
        return {"radians": _radians(seed, "radians", self.limit)}

    def matrix(self, params: Params, *, size: Size) -> tf.Tensor:
        """Turns."""
        return matrices.rotate(params["radians"], size)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomScale(AffineMove):
    """Enlarges the content about the centre, by the same factor in height and width.

    The size of the picture stays, because shapes are static; in albumentations it grows and shrinks
    with the content. Below a factor of 1 the border shows around the content.

    Args:
        scale_limit: added to 1 to give the enlargement; in [-0.99, 100].
        p: probability in [0, 1].
    """

    scale_limit: Range = (-0.1, 0.1)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._interval("scale_limit", low=-0.99, high=100.0)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `scale`."""
        return {"scale": _scale(seed, self.scale_limit)}

    def matrix(self, params: Params, *, size: Size) -> tf.Tensor:
        """Enlarges."""
        return matrices.scale(params["scale"], params["scale"], size)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShiftScaleRotate(AffineMove):
    """Turns and enlarges about the centre, then shifts.

    Unlike in albumentations, height and width are enlarged by the same factor, and shifts are not
    rounded to whole pixels.

    Args:
        shift_limit: share of the height and of the width, in [-1, 1], drawn for each.
        shift_limit_y: instead of `shift_limit` for the height.
        shift_limit_x: instead of `shift_limit` for the width.
        scale_limit: added to 1 to give the enlargement; in [-0.99, 100].
        rotate_limit: degrees in [-180, 180], counter-clockwise.
        p: probability in [0, 1].
    """

    shift_limit: Range = (-0.0625, 0.0625)
    shift_limit_y: Range | None = None
    shift_limit_x: Range | None = None
    scale_limit: Range = (-0.1, 0.1)
    rotate_limit: Range = (-45.0, 45.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._interval("shift_limit", low=-1.0, high=1.0)
        for name in ("shift_limit_y", "shift_limit_x"):
            if getattr(self, name) is not None:
                self._interval(name, low=-1.0, high=1.0)
        self._interval("scale_limit", low=-0.99, high=100.0)
        self._interval("rotate_limit", low=-180.0, high=180.0)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws the shares `y` and `x`, `scale` and `radians`."""
        return {
            "y": _number(seed, "y", self.shift_limit_y or self.shift_limit),
            "x": _number(seed, "x", self.shift_limit_x or self.shift_limit),
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Affine(AffineMove):
    """Enlarges, turns and shears about the centre, then shifts; by default it changes nothing.

    A range for both axes is (low, high), drawn separately for each; one range per axis is
    ((low, high), (low, high)), for y and x. Unlike in albumentations, shifts are not rounded to
    whole pixels, and there is no `translate_px` and no `balanced_scale`.

    Args:
        scale: enlargement, in [0.01, 100].
        translate_percent: share of the height and of the width, in [-1, 1]; 1 is all of it, not one
            percent.
        rotate: degrees in [-360, 360], counter-clockwise.
        shear: degrees in [-44, 44], because 45 on both axes turns the picture into a line; along
            y, positive moves the right side up; along x, the lower side to the left.
        keep_ratio: height is enlarged by the same factor as width, the one drawn for x.
        p: probability in [0, 1].
    """

    scale: PerAxis = (1.0, 1.0)
    translate_percent: PerAxis = (0.0, 0.0)
    rotate: Range = (0.0, 0.0)
    shear: PerAxis = (0.0, 0.0)
    keep_ratio: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._intervals("scale", low=0.01, high=100.0)
        self._intervals("translate_percent", low=-1.0, high=1.0)
        self._interval("rotate", low=-360.0, high=360.0)
        self._intervals("shear", low=-44.0, high=44.0)
        self._flag("keep_ratio")

    def _intervals(self, name: str, *, low: float, high: float) -> None:
        for limits in _per_axis(getattr(self, name)):
            checks.interval(f"{type(self).__name__}.{name}", limits, low=low, high=high)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `scale_y`, `scale_x`, the shares `y` and `x`, `radians`, `shear_y`, `shear_x`."""
        scale, shift, shear = map(_per_axis, (self.scale, self.translate_percent, self.shear))
        scale_x = _number(seed, "scale_x", scale[1])
        return {
            "scale_y": scale_x if self.keep_ratio else _number(seed, "scale_y", scale[0]),
            "scale_x": scale_x,
            "y": _number(seed, "y", shift[0]),
            "x": _number(seed, "x", shift[1]),
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


def _per_axis(limits: Any) -> tuple[Range, Range]:
    """Splits a `PerAxis` that is not checked yet into two ranges."""
    pair = isinstance(limits, tuple | list) and len(limits) == 2
    if pair and all(isinstance(limit, tuple | list) for limit in limits):
        return limits[0], limits[1]
    return limits, limits


def _number(seed: tf.Tensor, name: str, limits: Range) -> tf.Tensor:
    return random.uniform(random.for_name(seed, name), *limits)


def _scale(seed: tf.Tensor, limits: Range) -> tf.Tensor:
    return _number(seed, "scale", (1.0 + limits[0], 1.0 + limits[1]))


def _radians(seed: tf.Tensor, name: str, limits: Range) -> tf.Tensor:
    return _number(seed, name, limits) * _RADIANS
