"""Foreground alone: every connected piece of it is an instance. For objects that do not touch."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import keras
import tensorflow as tf

from tfseg import losses
from tfseg.heads.base import Decoded, Maps
from tfseg.heads.instances import mask, numbered
from tfseg.heads.mask import PROBABILITIES, MaskHead
from tfseg.kernels.components import components


@dataclasses.dataclass(frozen=True, kw_only=True)
class Semantic(MaskHead):
    """Connected pieces of the foreground; objects that touch become one.

    Attributes:
        foreground_threshold: probability above which a pixel belongs to an object.
    """

    outputs: ClassVar[dict[str, int]] = {"foreground": 1}
    tunable: ClassVar[dict[str, tuple[float, ...]]] = {
        "foreground_threshold": PROBABILITIES,
        **MaskHead.tunable,
    }
    foreground_threshold: float = 0.5

    def targets(self, labels: tf.Tensor) -> Maps:
        """Returns foreground `[B, H, W, 1]`: 1 object, 0 background, -1 ignored."""
        return {"foreground": self.weighted(mask(labels), labels)}

    def losses(self) -> dict[str, keras.losses.Loss]:
        """Dice + BCE, unless chosen otherwise."""
        return {"foreground": losses.parse(self.loss or "bce + dice", name="foreground")}

    @property
    def loss_weights(self) -> dict[str, float]:
        """One loss, of weight 1."""
        return {"foreground": 1.0}

    def decode(self, outputs: Maps) -> Decoded:
        """Numbers the pieces in reading order."""
        foreground = tf.sigmoid(outputs["foreground"])[..., 0]
        labels = components(foreground > self.foreground_threshold)
        return numbered(labels, foreground, labels, foreground, self.min_area)
