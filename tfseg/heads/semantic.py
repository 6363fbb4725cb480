"""Foreground alone: its connected components are the instances. For objects that do not touch."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import keras
import tensorflow as tf

from tfseg import losses
from tfseg.config import SemanticOptions
from tfseg.heads.base import Decoded, Maps
from tfseg.heads.inputs import check_labels, check_outputs
from tfseg.heads.instances import drop_small_and_score, foreground_targets
from tfseg.heads.mask import PROBABILITIES, MaskHead
from tfseg.kernels.components import components


@dataclasses.dataclass(frozen=True, kw_only=True)
class Semantic(SemanticOptions, MaskHead):
    """Connected components of the foreground; objects that touch become one."""

    outputs: ClassVar[dict[str, int]] = {"foreground": 1}
    tunable: ClassVar[dict[str, tuple[float, ...]]] = {
        "foreground_threshold": PROBABILITIES,
        **MaskHead.tunable,
    }

    def targets(self, labels: tf.Tensor) -> Maps:
        """Returns foreground `[B, H, W, 1]`: 1 object, 0 background, -1 ignored."""
        check_labels(labels)
        return {"foreground": self.weighted(foreground_targets(labels), labels)}

    def losses(self) -> dict[str, keras.losses.Loss]:
        """Returns the chosen loss or Dice + BCE."""
        return {"foreground": losses.parse(self.loss or "bce + dice", name="foreground")}

    @property
    def loss_weights(self) -> dict[str, float]:
        """1, for the only loss."""
        return {"foreground": 1.0}

    def decode(self, outputs: Maps) -> Decoded:
        """Labels the connected components of the foreground."""
        check_outputs(self, outputs)
        foreground = tf.sigmoid(outputs["foreground"])[..., 0]
        labels = components(foreground > self.foreground_threshold)
        return drop_small_and_score(labels, foreground, labels, foreground, self.min_area)
