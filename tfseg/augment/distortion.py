"""Transforms that distort the picture. Names and meaning follow albumentations.

In tfseg a picture reaches from edge to edge of its pixels. In albumentations 2.0.8 it reaches from
0 to its length, half a pixel further down and to the right; with this convention a distortion of
strength 0 would shift the picture, as the camera mode of albumentations does.
"""

from __future__ import annotations

import dataclasses
import math

import tensorflow as tf

from tfseg import random
from tfseg.augment.base import Geometric, Limits, Params, draw, frozen_transform, pair
from tfseg.kernels import warps
from tfseg.kernels.field import Field, Size

_FARTHEST = 0.32  # below a third, so that the four corners always stay convex


@frozen_transform
class ElasticTransform(Geometric):
    """Moves every pixel by smooth noise, like a rubber sheet that is pulled in places.

    Unlike in albumentations, noise is not repeated beyond the border, so the border moves no more
    than the middle; and gaussian noise is divided by the median of its largest values in pictures
    of that size, not by the largest of this picture, which deviates from it by 4 %.

    Args:
        alpha: largest shift before the smoothing, pixels, in [0, 1e6]; after the smoothing the
            standard deviation is alpha / sigma pixels times 0.163 for uniform noise, and times
            0.072 in 64 x 64 pixels or 0.058 in 512 x 512 for gaussian noise.
        sigma: standard deviation of the smoothing, pixels, in [1, 1e4]. A sigma below 1 / 100 of
            the picture's side makes the transform noticeably slower.
        same_dxdy: whether y and x move by the same amount, so along one diagonal only.
        noise_distribution: "gaussian", which is the weaker the more pixels a picture has, or
            "uniform", which does not depend on it.
        p: probability in [0, 1].
    """

    alpha: float = 1.0
    sigma: float = 50.0
    _: dataclasses.KW_ONLY
    same_dxdy: bool = False
    noise_distribution: str = "gaussian"
    p: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._number("alpha", low=0.0, high=1e6)
        self._number("sigma", low=1.0, high=1e4)
        self._flag("same_dxdy")
        self._one_of("noise_distribution", ("gaussian", "uniform"))

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws the `key` of the noise."""
        return {"key": random.integer(random.for_name(seed, "key"), 0, 2**31 - 1)}

    def edit(self, field: Field, params: Params, *, size: Size) -> Field:
        """Adds the noise."""
        return warps.elastic(
            field,
            params["key"],
            alpha=self.alpha,
            sigma=self.sigma,
            size=size,
            same=self.same_dxdy,
            noise=self.noise_distribution,
        )


@frozen_transform
class GridDistortion(Geometric):
    """Stretches and squeezes rows and columns of a grid of cells.

    The map is continuous, and with limits of 0 nothing moves. The map of albumentations repeats one
    pixel at every grid line and is up to one step off between lines; on the lines both agree.

    Args:
        num_steps: cells along each side, in [1, 100]; the rest of a side is one more cell.
        distort_limit: added to 1 to give the factor by which a cell is squeezed, drawn for every
            row and column of cells, in [-1, 1]. A number x is short for (-x, x).
        normalized: whether the cells are scaled together so that all of the picture stays visible.
        p: probability in [0, 1].
    """

    num_steps: int = 5
    distort_limit: Limits = (-0.3, 0.3)
    _: dataclasses.KW_ONLY
    normalized: bool = True
    p: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._integer("num_steps", low=1, high=100)
        self._limits("distort_limit", low=-1.0, high=1.0)
        self._flag("normalized")

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws the steps of `rows` and `columns`, `[num_steps + 1]` each."""
        low, high = (1.0 + limit for limit in pair(self.distort_limit))
        shape = (self.num_steps + 1,)
        return {
            name: random.uniform(random.for_name(seed, name), low, high, shape)
            for name in ("rows", "columns")
        }

    def edit(self, field: Field, params: Params, *, size: Size) -> Field:
        """Stretches both axes."""
        rows, columns = params["rows"], params["columns"]
        if self.normalized:
            rows, columns = warps.fitted(rows, size[0]), warps.fitted(columns, size[1])
        return warps.grid_distortion(field, rows, columns, size=size)


_LENSES = {"camera": warps.camera, "fisheye": warps.fisheye}


@frozen_transform
class OpticalDistortion(Geometric):
    """Distorts like a lens about the centre.

    Args:
        distort_limit: strength in [-1, 1]; above 0 the picture shrinks towards its centre, below 0
            it swells. A number x is short for (-x, x).
        mode: "camera", 1 + k r^2 + k r^4 with height and width as 1, or "fisheye", 1 + k r^2 with
            half the diagonal as 1.
        p: probability in [0, 1].
    """

    distort_limit: Limits = (-0.05, 0.05)
    _: dataclasses.KW_ONLY
    mode: str = "camera"
    p: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._limits("distort_limit", low=-1.0, high=1.0)
        self._one_of("mode", tuple(_LENSES))

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `strength`."""
        return {"strength": random.uniform(seed, *pair(self.distort_limit))}

    def edit(self, field: Field, params: Params, *, size: Size) -> Field:
        """Applies the distortion of the lens."""
        return _LENSES[self.mode](field, params["strength"], size=size)


@frozen_transform
class Perspective(Geometric):
    """Moves the four corners inwards and stretches the quadrilateral between them over the picture.

    The size stays, and the drawn corners become the corners of the result. With `keep_size`
    albumentations enlarges the result further, by the size that the corners cut off, and shows its
    top left part. `fit_output` is left out.

    Args:
        scale: standard deviation, in [0, 10], of a normal number; a corner moves inwards by its
            absolute value modulo 0.32, as a share of height and width. A number x is short for
            (0, x).
        p: probability in [0, 1].
    """

    scale: Limits = (0.05, 0.1)
    _: dataclasses.KW_ONLY
    p: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._limits("scale", start=0.0, low=0.0, high=10.0)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws the `corners`, `[4, 2]`: see `warps.perspective`."""
        scale = draw(seed, "scale", self.scale)
        share = random.uniform(random.for_name(seed, "corners"), 0.0, 1.0, (4, 2))
        # The absolute value of a normal number; a share is at most 1 - 2^-23, so this is finite.
        drawn = scale * math.sqrt(2.0) * tf.math.erfinv(share)
        corner = tf.constant([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
        return {"corners": tf.abs(corner - tf.math.floormod(drawn, _FARTHEST))}

    def edit(self, field: Field, params: Params, *, size: Size) -> Field:
        """Stretches the quadrilateral."""
        return warps.perspective(field, params["corners"], size=size)
