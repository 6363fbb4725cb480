"""Transforms that blur and sharpen. Names and meaning follow albumentations."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from tfseg import checks, random
from tfseg.augment.base import Params, Pixel
from tfseg.kernels import filters

_SIGMA = 100.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class GaussianBlur(Pixel):
    """Blurs with a truncated Gaussian of sum 1.

    Args:
        blur_limit: width of the filter in pixels, each 0 or odd, in [0, 701]. Drawn from all whole
            numbers in between; an even number is raised by one, and 0 becomes 2 int(3.5 sigma) + 1.
        sigma_limit: standard deviation in pixels, in [0, 100]; 0 changes nothing.
        p: probability in [0, 1].
    """

    blur_limit: tuple[int, int] = (0, 0)
    sigma_limit: tuple[float, float] = (0.5, 3.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._interval("blur_limit", low=0, high=2 * _reach(_SIGMA) + 1)
        self._interval("sigma_limit", low=0.0, high=_SIGMA)
        if not all(isinstance(size, int) and (size == 0 or size % 2) for size in self.blur_limit):
            raise checks.InputError(
                f"GaussianBlur.blur_limit must be two whole numbers, each 0 or odd; "
                f"got {self.blur_limit!r}."
            )

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `sigma` and `radius`, int32, both in pixels."""
        least, most = self.blur_limit
        sigma = random.uniform(random.for_name(seed, "sigma"), *self.sigma_limit)
        size = random.integer(random.for_name(seed, "size"), least, most + 1)
        radius = tf.where(size == 0, tf.cast(3.5 * sigma, tf.int32), size // 2)
        return {"sigma": sigma, "radius": radius}

    def change(self, image: tf.Tensor, params: Params) -> tf.Tensor:
        """Blurs `image` `[H, W, C]`; beyond the border it is mirrored (reflect_101)."""
        least, most = self.blur_limit
        largest = max(most // 2, _reach(self.sigma_limit[1]) if least == 0 else 0)
        return filters.gaussian(image, params["sigma"], params["radius"], largest=largest)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sharpen(Pixel):
    """Mixes the image with its Laplacian; the "kernel" method of albumentations.

    Its other method, "gaussian", which subtracts a Gaussian blur, is left out.

    Args:
        alpha: share of the sharpened image in the result, in [0, 1].
        lightness: factor of the sharpened image where the image is constant, in [0, 100].
        p: probability in [0, 1].
    """

    alpha: tuple[float, float] = (0.2, 0.5)
    lightness: tuple[float, float] = (0.5, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._interval("alpha", low=0.0, high=1.0)
        self._interval("lightness", low=0.0, high=100.0)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `alpha` and `lightness`."""
        return {
            "alpha": random.uniform(random.for_name(seed, "alpha"), *self.alpha),
            "lightness": random.uniform(random.for_name(seed, "lightness"), *self.lightness),
        }

    def change(self, image: tf.Tensor, params: Params) -> tf.Tensor:
        """Sharpens `image` `[H, W, C]`; beyond the border it is mirrored (reflect_101)."""
        return filters.sharpen(image, params["alpha"], params["lightness"])


def _reach(sigma: float) -> int:
    """Returns the radius of a filter without a limit, in pixels.

    Source: albumentations 2.0.8, after Pillow.
    """
    return int(3.5 * sigma)
