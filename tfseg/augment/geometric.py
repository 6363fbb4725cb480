"""Transforms that move content. Names and meaning follow albumentations."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import tensorflow as tf

from tfseg import random
from tfseg.augment.base import Geometric, Params
from tfseg.kernels import field as fields
from tfseg.kernels.field import Field, Size


@dataclasses.dataclass(frozen=True, kw_only=True)
class HorizontalFlip(Geometric):
    """Mirrors left and right."""

    identity: ClassVar[dict[str, bool]] = {"on": False}

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws nothing: the flip is on."""
        del seed
        return {"on": tf.constant(True)}

    def edit(self, field: Field, params: Params, *, size: Size) -> Field:
        """Mirrors where `on` `[B]` bool."""
        return fields.flip(field, tf.zeros_like(params["on"]), params["on"], size=size)


@dataclasses.dataclass(frozen=True, kw_only=True)
class VerticalFlip(Geometric):
    """Mirrors top and bottom."""

    identity: ClassVar[dict[str, bool]] = {"on": False}

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws nothing: the flip is on."""
        del seed
        return {"on": tf.constant(True)}

    def edit(self, field: Field, params: Params, *, size: Size) -> Field:
        """Mirrors where `on` `[B]` bool."""
        return fields.flip(field, params["on"], tf.zeros_like(params["on"]), size=size)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomRotate90(Geometric):
    """Turns by 0, 90, 180 or 270 degrees about the centre; size and shape stay."""

    identity: ClassVar[dict[str, int]] = {"turns": 0}

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `turns`, int32 from 0 to 3, counter-clockwise."""
        return {"turns": random.integer(seed, 0, 4)}

    def edit(self, field: Field, params: Params, *, size: Size) -> Field:
        """Turns by `turns` `[B]` quarters."""
        return fields.quarter_turns(field, params["turns"], size=size)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShiftScaleRotate(Geometric):
    """Turns and enlarges about the centre, then shifts.

    Args:
        shift_limit: share of the height and of the width, in [-1, 1], drawn for each.
        scale_limit: added to 1 to give the enlargement; above -1.
        rotate_limit: degrees in [-180, 180], counter-clockwise.
        p: probability in [0, 1].
    """

    shift_limit: tuple[float, float] = (-0.0625, 0.0625)
    scale_limit: tuple[float, float] = (-0.1, 0.1)
    rotate_limit: tuple[float, float] = (-45.0, 45.0)
    identity: ClassVar[dict[str, float]] = {"y": 0.0, "x": 0.0, "scale": 1.0, "radians": 0.0}

    def __post_init__(self) -> None:
        super().__post_init__()
        self._interval("shift_limit", low=-1.0, high=1.0)
        self._interval("scale_limit", low=-0.99, high=100.0)
        self._interval("rotate_limit", low=-180.0, high=180.0)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws the shares `y` and `x`, `scale` and `radians`."""
        low, high = self.scale_limit
        return {
            "y": random.uniform(random.for_name(seed, "y"), *self.shift_limit),
            "x": random.uniform(random.for_name(seed, "x"), *self.shift_limit),
            "scale": random.uniform(random.for_name(seed, "scale"), 1.0 + low, 1.0 + high),
            "radians": random.uniform(random.for_name(seed, "radians"), *self.rotate_limit)
            * (math.pi / 180.0),
        }

    def edit(self, field: Field, params: Params, *, size: Size) -> Field:
        """Composes the shift with the turn: pull-back, so what acts last comes first."""
        shifted = fields.translate(field, params["y"] * size[0], params["x"] * size[1])
        return fields.rotate_scale(shifted, params["radians"], params["scale"], size=size)
