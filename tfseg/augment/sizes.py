"""Transforms that bring all pictures to the same size.

Names and meaning follow albumentations 2.0.8. Interpolation, border and fill come from the
chain's `Sampling`. `p` must be 1 where the size changes, because all results have the same size.
"""

from __future__ import annotations

import dataclasses
import math

import tensorflow as tf

from tfseg import checks, random
from tfseg.augment.base import AffineMove, Params, frozen_transform
from tfseg.kernels import matrices
from tfseg.kernels.field import Size


class _Crop(AffineMove):
    height: int
    width: int
    pad_if_needed: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        self._integer("height", low=1)
        self._integer("width", low=1)
        self._flag("pad_if_needed")

    def output_size(self, size: Size) -> Size:
        """Returns the requested size.

        Raises:
            InputError: the picture is smaller, and `pad_if_needed` is false.
        """
        if not self.pad_if_needed and (size[0] < self.height or size[1] < self.width):
            raise checks.InputError(
                f"{type(self).__name__} needs pictures of at least {self.height} x {self.width} "
                f"pixels; got {size[0]} x {size[1]}. Set pad_if_needed=True."
            )
        return self.height, self.width


@frozen_transform
class CenterCrop(_Crop):
    """Cuts out the middle.

    Args:
        height: of the result, pixels.
        width: of the result, pixels.
        pad_if_needed: whether a smaller picture is padded by its border as by `PadIfNeeded`;
            otherwise it is refused.
        p: must be 1 where the size changes.
    """

    height: int
    width: int
    pad_if_needed: bool = False
    _: dataclasses.KW_ONLY
    p: float = 1.0

    def matrix(self, params: Params, *, size: Size) -> tf.Tensor:
        """Moves the corner of the crop to the corner of the picture."""
        del params
        return matrices.center_crop(size, (self.height, self.width))


@frozen_transform
class RandomCrop(_Crop):
    """Cuts out a part at a random position, all positions with the same probability.

    Args:
        height: of the result, pixels.
        width: of the result, pixels.
        pad_if_needed: whether a smaller picture is padded by its border as by `PadIfNeeded`;
            otherwise it is refused.
        p: must be 1 where the size changes.
    """

    height: int
    width: int
    pad_if_needed: bool = False
    _: dataclasses.KW_ONLY
    p: float = 1.0

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `y` and `x`, the position as a share of all positions, in [0, 1)."""
        return _position(seed)

    def matrix(self, params: Params, *, size: Size) -> tf.Tensor:
        """Pads, then moves the part to the corner."""
        padded = max(size[0], self.height), max(size[1], self.width)
        return matrices.product(
            matrices.center_crop(size, padded),
            _to_corner(params, padded, (self.height, self.width)),
        )


@frozen_transform
class RandomResizedCrop(AffineMove):
    """Cuts out a part of random area and shape and resizes it to `size`.

    The part has whole pixels, and all positions have the same probability. A part that does not fit
    into the picture is shrunk, keeping its shape, until it does; albumentations draws up to ten
    times and then uses the middle. As in `Resize`, shrinking skips pixels.

    Args:
        size: (height, width) of the result, pixels.
        scale: area of the part as a share of the picture, in [0.0001, 1].
        ratio: width / height of the part, in [0.01, 100], uniform in its logarithm.
        p: must be 1 where the size changes.
    """

    size: tuple[int, int]
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    _: dataclasses.KW_ONLY
    p: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_size("RandomResizedCrop.size", self.size)
        self._interval("scale", low=1e-4, high=1.0)
        self._interval("ratio", low=0.01, high=100.0)

    def output_size(self, size: Size) -> Size:
        """Returns the requested size."""
        del size
        return self.size[0], self.size[1]

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `area`, `ratio` and the position `y` and `x` as in `RandomCrop`."""
        limits = [math.log(limit) for limit in self.ratio]
        return {
            "area": random.uniform(random.for_name(seed, "area"), *self.scale),
            "ratio": tf.exp(random.uniform(random.for_name(seed, "ratio"), *limits)),
            **_position(seed),
        }

    def matrix(self, params: Params, *, size: Size) -> tf.Tensor:
        """Moves the part to the corner, then resizes it."""
        area, root = params["area"] * float(size[0] * size[1]), tf.sqrt(params["ratio"])
        height, width = tf.sqrt(area) / root, tf.sqrt(area) * root
        fit = tf.minimum(1.0, tf.minimum(size[0] / height, size[1] / width))
        part = tuple(tf.maximum(tf.round(length * fit), 1.0) for length in (height, width))
        return matrices.product(
            _to_corner(params, size, part), matrices.resize(part, self.output_size(size))
        )


@frozen_transform
class RandomSizedCrop(AffineMove):
    """Cuts out a part of random height at a random position and resizes it to `size`.

    All positions have the same probability. A part that is higher or wider than the picture is cut
    to it, as in albumentations, which changes its shape. As in `Resize`, shrinking skips pixels.

    Args:
        min_max_height: height of the part, pixels, at least 1; drawn from all whole numbers in
            between.
        size: (height, width) of the result, pixels.
        w2h_ratio: width / height of the part, in [0.01, 100]; the width is rounded down.
        p: must be 1 where the size changes.
    """

    min_max_height: tuple[int, int]
    size: tuple[int, int]
    w2h_ratio: float = 1.0
    _: dataclasses.KW_ONLY
    p: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._interval("min_max_height", low=1, high=2**31 - 2)
        for height in self.min_max_height:
            checks.integer("RandomSizedCrop.min_max_height", height, low=1)
        _check_size("RandomSizedCrop.size", self.size)
        self._number("w2h_ratio", low=0.01, high=100.0)

    def output_size(self, size: Size) -> Size:
        """Returns the requested size."""
        del size
        return self.size[0], self.size[1]

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `height`, int32, and the position `y` and `x` as in `RandomCrop`."""
        least, most = self.min_max_height
        height = random.integer(random.for_name(seed, "height"), least, most + 1)
        return {"height": height, **_position(seed)}

    def matrix(self, params: Params, *, size: Size) -> tf.Tensor:
        """Moves the part to the corner, then resizes it."""
        # 64 bits, in which 0.29 x 100 is 28.999..., so 28 pixels, as in albumentations.
        height = tf.cast(params["height"], tf.float64)
        width = tf.maximum(tf.floor(height * self.w2h_ratio), 1.0)
        part = tuple(
            tf.cast(tf.minimum(length, tf.cast(most, tf.float64)), tf.float32)
            for length, most in zip((height, width), size, strict=True)
        )
        return matrices.product(
            _to_corner(params, size, part), matrices.resize(part, self.output_size(size))
        )


@frozen_transform
class PadIfNeeded(AffineMove):
    """Pads a smaller picture by its border; the picture is in the middle.

    Padding has the id `Sampling.fill`. If the number of rows or columns to add is odd, the
    extra one is at the end. Either the minimum or the divisor of a side is None.

    Args:
        min_height: of the result, pixels.
        min_width: of the result, pixels.
        pad_height_divisor: the height of the result is the next multiple of it, such as 32.
        pad_width_divisor: the same for the width.
        p: must be 1 where the size changes.
    """

    min_height: int | None = 1024
    min_width: int | None = 1024
    pad_height_divisor: int | None = None
    pad_width_divisor: int | None = None
    _: dataclasses.KW_ONLY
    p: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for least, divisor in self._pairs():
            given = [name for name in (least, divisor) if getattr(self, name) is not None]
            if len(given) != 1:
                raise checks.InputError(
                    f"PadIfNeeded needs either {least} or {divisor}; got "
                    f"{' and '.join(given) or 'neither'}. Set one of them to None."
                )
            self._integer(given[0], low=1)

    def output_size(self, size: Size) -> Size:
        """Returns the larger of the picture's size and the minimum, or the next multiple."""
        height, width = (
            max(length, getattr(self, least) or _multiple(length, getattr(self, divisor)))
            for length, (least, divisor) in zip(size, self._pairs(), strict=True)
        )
        return height, width

    def _pairs(self) -> tuple[tuple[str, str], ...]:
        return ("min_height", "pad_height_divisor"), ("min_width", "pad_width_divisor")

    def matrix(self, params: Params, *, size: Size) -> tf.Tensor:
        """Moves the corner outwards."""
        del params
        return matrices.center_crop(size, self.output_size(size))


@frozen_transform
class Resize(AffineMove):
    """Resizes the picture from edge to edge, as OpenCV does.

    Pixel i of the result is read at (i + 1/2) old / new - 1/2. Beyond the outermost pixel OpenCV
    uses the border "nearest". Ids are read as by OpenCV's INTER_NEAREST_EXACT. Nothing is averaged:
    below half the size, pixels are skipped.

    Args:
        height: of the result, pixels.
        width: of the result, pixels.
        p: must be 1 where the size changes.
    """

    height: int
    width: int
    _: dataclasses.KW_ONLY
    p: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._integer("height", low=1)
        self._integer("width", low=1)

    def output_size(self, size: Size) -> Size:
        """Returns the requested size."""
        del size
        return self.height, self.width

    def matrix(self, params: Params, *, size: Size) -> tf.Tensor:
        """Resizes."""
        del params
        return matrices.resize(size, (self.height, self.width))


def _check_size(name: str, size: Size) -> None:
    if not isinstance(size, tuple | list) or len(size) != 2:
        raise checks.InputError(f"{name} must be (height, width); got {size!r}.")
    for length in size:
        checks.integer(name, length, low=1)


def _multiple(length: int, divisor: int) -> int:
    """Returns the smallest multiple of `divisor` from `length` on."""
    return -(-length // divisor) * divisor


def _position(seed: tf.Tensor) -> Params:
    return {name: random.uniform(random.for_name(seed, name), 0.0, 1.0) for name in ("y", "x")}


def _to_corner(
    params: Params, size: Size, part: tuple[matrices.Number, matrices.Number]
) -> tf.Tensor:
    """Moves a `part` to the corner; it has H - h + 1 possible positions, 0 to H - h."""
    corner = [
        params[name] * (old - new + 1) for name, old, new in zip("yx", size, part, strict=True)
    ]
    top, left = map(tf.floor, corner)
    return matrices.translate(-top, -left)
