"""Foreground alone: every connected piece of it is an instance. For objects that do not touch."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import keras
import tensorflow as tf

from tfseg import losses
from tfseg.heads.base import Decoded, Head, Maps
from tfseg.heads.instances import mark, numbered
from tfseg.kernels.components import components


@dataclasses.dataclass(frozen=True, kw_only=True)
class Semantic(Head):
    """Connected pieces of the foreground; objects that touch become one.

    Attributes:
        foreground_threshold: probability above which a pixel belongs to an object.
        min_area: smaller instances are dropped, pixels.
    """

    outputs: ClassVar[dict[str, int]] = {"foreground": 1}
    foreground_threshold: float = 0.5
    min_area: int = 12

    def targets(self, labels: tf.Tensor) -> Maps:
        """Returns foreground `[B, H, W, 1]`: 1 object, 0 background, -1 ignored."""
        return {"foreground": mark(tf.cast(labels > 0, tf.float32), labels)}

    def losses(self) -> dict[str, keras.losses.Loss]:
        """Dice + BCE."""
        return {"foreground": losses.parse("bce + dice", name="foreground")}

    @property
    def loss_weights(self) -> dict[str, float]:
        """One loss, of weight 1."""
        return {"foreground": 1.0}

    def decode(self, outputs: Maps) -> Decoded:
        """Numbers the pieces in reading order."""
        foreground = tf.sigmoid(outputs["foreground"])[..., 0]
        labels = components(foreground > self.foreground_threshold)
        return numbered(labels, foreground, labels, foreground, self.min_area)
