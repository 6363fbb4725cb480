"""The base classes of transforms: frozen dataclasses that draw random numbers for one image.

`sample` runs outside XLA, on the seed of one image. `matrix` and `edit` (geometric transforms) and
`change` (pixel-level transforms) run inside XLA on one image and never draw. `p` is handled once,
in `chain`: it draws whether the transform is "on", and a transform that is off is not computed.
"""

from __future__ import annotations

import abc
import dataclasses
from typing import ClassVar

import tensorflow as tf

from tfseg import checks
from tfseg.kernels import field as fields
from tfseg.kernels.field import Field, Size

Example = dict[str, tf.Tensor]  # the tensors of one sample or batch by name: "image", "label", ...
Params = dict[str, tf.Tensor]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Transform(abc.ABC):  # noqa: B024 - the kinds below are abstract
    """A change of one image that happens with probability `p`, in [0, 1]."""

    p: float = 0.5

    def __post_init__(self) -> None:
        self._number("p", low=0.0, high=1.0)

    def _number(self, name: str, *, low: float, high: float) -> None:
        checks.in_range(f"{type(self).__name__}.{name}", getattr(self, name), low=low, high=high)

    def _interval(self, name: str, *, low: float, high: float) -> None:
        checks.interval(f"{type(self).__name__}.{name}", getattr(self, name), low=low, high=high)

    def _one_of(self, name: str, known: tuple[str, ...]) -> None:
        checks.one_of(f"{type(self).__name__}.{name}", getattr(self, name), known)

    def _integer(self, name: str, *, low: int, high: int = 2**31 - 1) -> None:
        checks.integer(f"{type(self).__name__}.{name}", getattr(self, name), low=low, high=high)

    def _flag(self, name: str) -> None:
        checks.flag(f"{type(self).__name__}.{name}", getattr(self, name))

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws for one image: seed `[2]` int32 -> tensors of static shape; by default nothing."""
        del seed
        return {}


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
    """

    value_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    @abc.abstractmethod
    def change(self, image: tf.Tensor, params: Params) -> tf.Tensor:
        """Changes `image` `[H, W, C]` float32 in [0, 1] -> the same shape."""

    def change_label(self, label: tf.Tensor, params: Params) -> tf.Tensor:
        """Changes `label` `[H, W]` int32 along with the image; by default not at all."""
        del params
        return label
