"""The base class of heads with a mask: the loss of the mask, and the weights of its pixels."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import tensorflow as tf

from tfseg import losses
from tfseg.config import MaskOptions
from tfseg.heads.base import Head
from tfseg.kernels import pixel_weights, regions

PROBABILITIES = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)  # to choose a threshold from


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskHead(MaskOptions, Head):
    """A head with a mask among its outputs, and the options of `MaskOptions`.

    Attributes:
        loss: of the mask, such as "dice + 0.5 * bce" (see `losses.parse`); empty uses the head's
            default. A configuration sets it by model.loss.
    """

    tunable: ClassVar[dict[str, tuple[float, ...]]] = {"min_area": (1, 6, 12, 25, 50, 100)}
    loss: str = ""

    def __post_init__(self) -> None:
        """Checks the options, and parses the loss."""
        super().__post_init__()
        if self.loss:
            losses.parse(self.loss)

    def weighted(self, mask: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Returns the target of a mask `[B, H, W, 1]`; weights, if any, are a second channel."""
        if not (self.separation_weight or self.size_power):
            return mask
        weights = tf.ones_like(mask[..., 0])
        if self.separation_weight:
            narrow = pixel_weights.between(labels, sigma=self.separation_sigma)
            weights += self.separation_weight * narrow
        if self.size_power:
            area = regions.centers(labels).area
            weights *= pixel_weights.by_size(labels, area, power=self.size_power)
        return tf.concat([mask, weights[..., None]], axis=-1)
