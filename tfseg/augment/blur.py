"""Transforms that blur and sharpen. Names and meaning follow albumentations."""

from __future__ import annotations

import dataclasses
import functools
from typing import ClassVar, cast

import tensorflow as tf

from tfseg import checks, random
from tfseg.augment.base import Limits, Params, Pixel, draw, frozen_transform, pair
from tfseg.kernels import filters, median, motion

_SIGMA = 100.0


class _SquareBlur(Pixel):
    """A blur by the pixels of a square; all of its odd sizes have the same probability."""

    largest: ClassVar[int] = 701
    blur_limit: int | tuple[int, int]

    def __post_init__(self) -> None:
        super().__post_init__()
        self._limits("blur_limit", start=3, low=3, high=self.largest)
        if not all(isinstance(size, int) and size % 2 for size in self._sizes()):
            raise checks.InputError(
                f"{type(self).__name__}.blur_limit must be two odd whole numbers; "
                f"got {self.blur_limit!r}."
            )

    def _sizes(self) -> tuple[int, int]:
        return cast(tuple[int, int], self.blur_limit)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `size`, int32, pixels."""
        least, most = self._sizes()
        step = random.integer(random.for_name(seed, "size"), 0, (most - least) // 2 + 1)
        return {"size": least + 2 * step}


@frozen_transform
class Blur(_SquareBlur):
    """Sets every pixel to the mean of a square around it.

    Args:
        blur_limit: side of the square in pixels, each odd, in [3, 701]; x is short for (3, x).
        p: probability in [0, 1].
    """

    blur_limit: int | tuple[int, int] = (3, 7)
    p: float = 0.5

    def change(self, image: tf.Tensor, params: Params) -> tf.Tensor:
        """Blurs `image` `[H, W, C]`; beyond the border it is mirrored (reflect_101)."""
        return filters.box(image, params["size"] // 2, largest=self._sizes()[1] // 2)


@frozen_transform
class MedianBlur(_SquareBlur):
    """Sets every pixel to the median of a square around it, which removes specks and keeps edges.

    Unlike in albumentations, values are not rounded to 8 bits.

    Args:
        blur_limit: side of the square in pixels, each 3, 5 or 7; x is short for (3, x). The time
            grows with its area.
        p: probability in [0, 1].
    """

    largest: ClassVar[int] = median.SIZES[-1]
    blur_limit: int | tuple[int, int] = (3, 7)
    p: float = 0.5

    def change(self, image: tf.Tensor, params: Params) -> tf.Tensor:
        """Blurs `image` `[H, W, C]`; beyond the border its outermost pixels are repeated."""
        least, most = self._sizes()
        sizes = range(least, most + 1, 2)
        branches = [functools.partial(median.median, image, size=size) for size in sizes]
        return tf.switch_case((params["size"] - least) // 2, branches)


@frozen_transform
class MotionBlur(_SquareBlur):
    """Blurs along a line, as if camera or object moved.

    Args:
        blur_limit: side of the square that holds the line, in pixels, each odd, in [3, 701]; x is
            short for (3, x).
        allow_shifted: whether the line is moved, along y and x, by up to a quarter of the square,
            which moves the picture; pixels that leave the square are moved to its border.
        angle_range: degrees in [0, 360]; 0 points to the right and 90 downwards.
        direction_range: in [-1, 1]; at -1 only the line's half before the pixel counts, at 1 only
            the half after it, at 0 both.
        p: probability in [0, 1].
    """

    blur_limit: int | tuple[int, int] = (3, 7)
    allow_shifted: bool = True
    angle_range: tuple[float, float] = (0.0, 360.0)
    direction_range: tuple[float, float] = (-1.0, 1.0)
    p: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._flag("allow_shifted")
        self._interval("angle_range", low=0.0, high=360.0)
        self._interval("direction_range", low=-1.0, high=1.0)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `size`, int32, `degrees`, `direction` and `shift`, `[2]` in [-1, 1)."""
        shift = random.uniform(random.for_name(seed, "shift"), -1.0, 1.0, (2,))
        return super().sample(seed) | {
            "degrees": draw(seed, "degrees", self.angle_range),
            "direction": draw(seed, "direction", self.direction_range),
            "shift": shift if self.allow_shifted else tf.zeros([2]),
        }

    def change(self, image: tf.Tensor, params: Params) -> tf.Tensor:
        """Blurs `image` `[H, W, C]`; beyond the border it is mirrored (reflect_101)."""
        largest = self._sizes()[1]
        pixels, weights = motion.line(
            params["size"],
            params["degrees"],
            params["direction"],
            params["shift"],
            largest=largest,
        )
        return motion.scattered(image, pixels, weights, reach=largest // 2)


@frozen_transform
class GaussianBlur(Pixel):
    """Blurs with a truncated Gaussian of sum 1.

    Args:
        blur_limit: width of the filter in pixels, each 0 or odd, in [0, 701]. Drawn from all whole
            numbers in between; an even number is raised by one, and 0 becomes 2 int(3.5 sigma) + 1.
            A number x is short for (0, x).
        sigma_limit: standard deviation in pixels, in [0, 100]; 0 changes nothing. A number x is
            short for (0, x).
        p: probability in [0, 1].
    """

    blur_limit: int | tuple[int, int] = 0
    sigma_limit: Limits = (0.5, 3.0)
    p: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._limits("blur_limit", start=0, low=0, high=2 * _reach(_SIGMA) + 1)
        self._limits("sigma_limit", start=0.0, low=0.0, high=_SIGMA)
        if not all(isinstance(size, int) and (size == 0 or size % 2) for size in self._sizes()):
            raise checks.InputError(
                f"GaussianBlur.blur_limit must be two whole numbers, each 0 or odd; "
                f"got {self.blur_limit!r}."
            )

    def _sizes(self) -> tuple[int, int]:
        return cast(tuple[int, int], self.blur_limit)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `sigma` and `radius`, int32, both in pixels."""
        least, most = self._sizes()
        sigma = draw(seed, "sigma", self.sigma_limit)
        size = random.integer(random.for_name(seed, "size"), least, most + 1)
        radius = tf.where(size == 0, tf.cast(3.5 * sigma, tf.int32), size // 2)
        return {"sigma": sigma, "radius": radius}

    def change(self, image: tf.Tensor, params: Params) -> tf.Tensor:
        """Blurs `image` `[H, W, C]`; beyond the border it is mirrored (reflect_101)."""
        least, most = self._sizes()
        largest = max(most // 2, _reach(pair(self.sigma_limit)[1]) if least == 0 else 0)
        return filters.gaussian(image, params["sigma"], params["radius"], largest=largest)


@frozen_transform
class Sharpen(Pixel):
    """Mixes the image with its Laplacian; the "kernel" method of albumentations.

    Its other method, "gaussian", which subtracts a Gaussian blur, is left out: for 8 bits
    albumentations 2.0.8 wraps differences below 0 around, so that dark specks become bright.

    Args:
        alpha: share of the sharpened image in the result, in [0, 1].
        lightness: factor of the sharpened image where the image is constant, in [0, 100].
        p: probability in [0, 1].
    """

    alpha: tuple[float, float] = (0.2, 0.5)
    lightness: tuple[float, float] = (0.5, 1.0)
    _: dataclasses.KW_ONLY
    p: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._interval("alpha", low=0.0, high=1.0)
        self._interval("lightness", low=0.0, high=100.0)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `alpha` and `lightness`."""
        return {
            "alpha": draw(seed, "alpha", self.alpha),
            "lightness": draw(seed, "lightness", self.lightness),
        }

    def change(self, image: tf.Tensor, params: Params) -> tf.Tensor:
        """Sharpens `image` `[H, W, C]`; beyond the border it is mirrored (reflect_101)."""
        return filters.sharpen(image, params["alpha"], params["lightness"])


def _reach(sigma: float) -> int:
    """Returns the radius of a filter without a limit, in pixels.

    Source: albumentations 2.0.8, after Pillow.
    """
    return int(3.5 * sigma)
