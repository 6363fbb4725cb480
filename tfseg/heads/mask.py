"""What heads share that have a mask: its loss, and weights of its pixels."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import tensorflow as tf

from tfseg import checks, losses
from tfseg.heads.base import Head
from tfseg.kernels import pixel_weights, regions

PROBABILITIES = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)  # to choose a threshold from


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskHead(Head):
    """A head with a mask among its outputs.

    Attributes:
        loss: of the mask, such as "dice + 0.5 * bce" (see `losses.parse`); empty takes the head's
            own.
        border_weight: added to a pixel's weight of 1 in that loss where two instances touch, and
            less the further they are apart; U-Net's is 10.
        border_sigma: pixels; at this distance of the two it is 0.6 of its height.
        size_power: pixels of an instance weigh (mean area / area) to this power; at 1 each instance
            of an image weighs the same.
        min_area: smaller instances are dropped, pixels.
    """

    tunable: ClassVar[dict[str, tuple[float, ...]]] = {"min_area": (1, 6, 12, 25, 50, 100)}
    loss: str = ""
    border_weight: float = 0.0
    border_sigma: float = 5.0
    size_power: float = 0.0
    min_area: int = 12

    def __post_init__(self) -> None:
        """Checks what all heads have."""
        if self.loss:
            losses.parse(self.loss)
        checks.in_range("border_weight", self.border_weight, low=0, high=1e3)
        checks.in_range("border_sigma", self.border_sigma, low=0.1, high=100)
        checks.in_range("size_power", self.size_power, low=0, high=2)
        checks.integer("min_area", self.min_area, low=0)

    def weighted(self, mask: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Returns the target of a mask `[B, H, W, 1]`, with its weights beside it if it has any."""
        if not (self.border_weight or self.size_power):
            return mask
        weights = tf.ones_like(mask[..., 0])
        if self.border_weight:
            narrow = pixel_weights.between(labels, sigma=self.border_sigma)
            weights += self.border_weight * narrow
        if self.size_power:
            area = regions.centers(labels).area
            weights *= pixel_weights.by_size(labels, area, power=self.size_power)
        return tf.concat([mask, weights[..., None]], axis=-1)
