"""The base classes of transforms: frozen dataclasses that draw random numbers for one image.

`sample` runs outside XLA, on the seed of one image. `matrix` and `edit` (geometric transforms) and
`change` (pixel-level transforms) run inside XLA on one image and never draw. `p` is handled once,
in `chain`: it draws whether the transform is "on", and a transform that is off is not computed.
"""

from __future__ import annotations

import abc
import dataclasses
import functools
from typing import Any, ClassVar, TypeVar, cast, dataclass_transform

import tensorflow as tf

from tfseg import checks, random
from tfseg.augment import parameters
from tfseg.kernels import field as fields
from tfseg.kernels.field import Field, Size

Example = dict[str, tf.Tensor]  # the tensors of one sample or batch by name: "image", "label", ...
Params = dict[str, tf.Tensor]
Range = tuple[float, float]
Limits = float | Range  # a number is short for a range
Kind = TypeVar("Kind")


@dataclass_transform(frozen_default=True)
def frozen_transform(kind: type[Kind]) -> type[Kind]:
    """Makes a frozen dataclass whose errors know the parameters that only albumentations has.

    Fields stand in the order of albumentations, `p` last. From the first one on that tfseg leaves
    out, they are given by name (`dataclasses.KW_ONLY`), so no value takes the place of another.
    """
    made: Any = dataclasses.dataclass(frozen=True)(kind)
    initialize = made.__init__

    @functools.wraps(initialize)
    def __init__(self: Any, *values: Any, **named: Any) -> None:
        initialize(self, *values, **parameters.checked(made, values, named))

    made.__init__ = __init__
    return made


@dataclasses.dataclass(frozen=True)
class Transform(abc.ABC):  # noqa: B024 - the kinds below are abstract
    """A change of one image that happens with probability `p`, in [0, 1].

    A subclass is a frozen dataclass with the field `p: float = 0.5`, the last one.
    """

    p = 0.5  # no field here: it would be the first of every subclass

    def __post_init__(self) -> None:
        self._number("p", low=0.0, high=1.0)

    def _number(self, name: str, *, low: float, high: float) -> None:
        checks.in_range(f"{type(self).__name__}.{name}", getattr(self, name), low=low, high=high)

    def _interval(self, name: str, *, low: float, high: float) -> None:
        checks.interval(f"{type(self).__name__}.{name}", getattr(self, name), low=low, high=high)

    def _limits(self, name: str, *, low: float, high: float, start: float | None = None) -> None:
        """Makes (-x, x) of a number x, or (start, x), and checks the range."""
        value = getattr(self, name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            self._set(name, tuple(sorted((-value if start is None else start, value))))
        self._interval(name, low=low, high=high)

    def _one_of(self, name: str, known: tuple[str, ...]) -> None:
        checks.one_of(f"{type(self).__name__}.{name}", getattr(self, name), known)

    def _integer(self, name: str, *, low: int, high: int = 2**31 - 1) -> None:
        checks.integer(f"{type(self).__name__}.{name}", getattr(self, name), low=low, high=high)

    def _flag(self, name: str) -> None:
        checks.flag(f"{type(self).__name__}.{name}", getattr(self, name))

    def _set(self, name: str, value: Any) -> None:
        """Replaces a short form; only while the dataclass is made."""
        object.__setattr__(self, name, value)

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws for one image: seed `[2]` int32 -> tensors of static shape; by default nothing."""
        del seed
        return {}


def pair(limits: Limits) -> Range:
    """Returns `limits` of a transform, which are a range once it is made."""
    return cast(Range, limits)


def draw(seed: tf.Tensor, name: str, limits: Limits) -> tf.Tensor:
    """Draws a number from `limits` of a transform: seed `[2]` int32 -> a scalar, float32."""
    return random.uniform(random.for_name(seed, name), *pair(limits))


class Geometric(Transform):
    """A geometric transform: it edits the coordinate field that image and ids share."""

    def output_size(self, size: Size) -> Size:
        """Returns (h, w) of the result for an image of `size` (H, W); by default the same."""
        return size

    @abc.abstractmethod
    def edit(self, field: Field, params: Params, *, size: Size) -> Field:
        """Composes `field`, in coordinates of the result, with the transform of a source of `size`.

        `size` is (H, W).
        """


class AffineMove(Geometric):
    """A geometric transform by a matrix; matrices of adjacent ones in a chain are multiplied."""

    @abc.abstractmethod
    def matrix(self, params: Params, *, size: Size) -> tf.Tensor:
        """Returns the pull-back matrix `[3, 3]` (see `kernels.matrices`) on a source of `size`."""

    def edit(self, field: Field, params: Params, *, size: Size) -> Field:
        """Multiplies the coordinates by the matrix."""
        return fields.affine(field, self.matrix(params, size=size))


class Pixel(Transform):
    """A pixel-level transform: it changes values and moves nothing.

    Attributes:
        value_range: the range to which the chain clips the result of `change`.
        needs_colors: whether it is for red, green and blue, not for other channels.
        takes_three_for_colors: whether it takes any three channels for red, green and blue.
    """

    value_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    needs_colors: ClassVar[bool] = False
    takes_three_for_colors: ClassVar[bool] = False

    @abc.abstractmethod
    def change(self, image: tf.Tensor, params: Params) -> tf.Tensor:
        """Changes `image` `[H, W, C]` float32 in [0, 1] -> the same shape."""

    def change_label(self, label: tf.Tensor, params: Params) -> tf.Tensor:
        """Changes `label` `[H, W]` int32 along with the image; by default not at all."""
        del params
        return label
