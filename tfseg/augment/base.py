"""What a transform is: a frozen dataclass that draws for one image and acts on a batch.

`sample` runs outside XLA, on one image's seed. `edit` (geometry) and `change` (pixel values) run
inside XLA on a batch and never draw. `p` is handled once, in `chain`: where the coin says no, the
draw is replaced by the transform's `identity`.
"""

from __future__ import annotations

import abc
import dataclasses
from typing import ClassVar

import tensorflow as tf

from tfseg import checks
from tfseg.kernels.field import Field, Size

Params = dict[str, tf.Tensor]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Transform(abc.ABC):
    """A change of one image that happens with probability `p`, in [0, 1]."""

    p: float = 0.5
    identity: ClassVar[dict[str, float | int | bool]]

    def __post_init__(self) -> None:
        checks.in_range(f"{type(self).__name__}.p", self.p, low=0.0, high=1.0)

    def _interval(self, name: str, *, low: float, high: float) -> None:
        checks.interval(f"{type(self).__name__}.{name}", getattr(self, name), low=low, high=high)

    @abc.abstractmethod
    def sample(self, seed: tf.Tensor) -> Params:
        """Draws for one image: seed `[2]` int32 -> scalars with the names of `identity`."""


class Geometric(Transform):
    """A transform that moves content: it edits the coordinate field that image and ids share."""

    @abc.abstractmethod
    def edit(self, field: Field, params: Params, *, size: Size) -> Field:
        """Composes `field` with this move; `params` `[B]` each, `size` (H, W) of the source."""


class Pixel(Transform):
    """A transform that changes values in place and leaves ids alone."""

    @abc.abstractmethod
    def change(self, images: tf.Tensor, params: Params) -> tf.Tensor:
        """Changes `images` `[B, H, W, C]` float32 in [0, 1]; `params` `[B]` each."""
