"""Foreground and depth inside the own instance; instances are flooded from the deepest places.

Source: after Bai and Urtasun, Deep Watershed Transform (2017), arXiv 1611.08303. Differences: the
depth is a share of the instance's largest, so that one threshold fits all sizes, and is regressed
directly, without a direction map.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import keras
import tensorflow as tf

from tfseg import losses
from tfseg.heads.base import Decoded, Maps
from tfseg.heads.instances import mark, mask, numbered
from tfseg.heads.mask import PROBABILITIES, MaskHead
from tfseg.kernels import regions
from tfseg.kernels.components import components, grow


@dataclasses.dataclass(frozen=True, kw_only=True)
class Distance(MaskHead):
    """Pieces of great depth, grown over the foreground from the deep to the shallow.

    What is lost: from exact depths of the embedded sample 95.7 % of the instances come back at IoU
    0.9, most of the others small ones that touch a neighbour.

    Attributes:
        foreground_threshold: probability above which a pixel belongs to an object.
        seed_threshold: depth, as a share of the instance's largest, above which a connected piece
            is the seed of an instance. Lower ones join what touches, higher ones split the bent.
        levels: equal steps of depth from the seeds to the border.
        distance_weight: of the loss of the depth; that of the foreground is 1.
    """

    outputs: ClassVar[dict[str, int]] = {"foreground": 1, "distance": 1}
    tunable: ClassVar[dict[str, tuple[float, ...]]] = {
        "foreground_threshold": PROBABILITIES,
        "seed_threshold": (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8),
        **MaskHead.tunable,
    }
    foreground_threshold: float = 0.5
    seed_threshold: float = 0.5
    levels: int = 8
    distance_weight: float = 5.0

    def targets(self, labels: tf.Tensor) -> Maps:
        """Returns foreground and distance `[B, H, W, 1]` in [0, 1], -1 ignored."""
        return {
            "foreground": self.weighted(mask(labels), labels),
            "distance": mark(regions.depth(labels), labels),
        }

    def losses(self) -> dict[str, keras.losses.Loss]:
        """Dice + BCE, unless chosen otherwise, and cross-entropy on the depth."""
        return {
            "foreground": losses.parse(self.loss or "bce + dice", name="foreground"),
            "distance": losses.HeatmapBCE(name="distance"),
        }

    @property
    def loss_weights(self) -> dict[str, float]:
        """The depth weighs more, because its loss is small once the foreground is right."""
        return {"foreground": 1.0, "distance": self.distance_weight}

    def decode(self, outputs: Maps) -> Decoded:
        """Numbers the seeds in reading order and floods the foreground level by level."""
        foreground = tf.sigmoid(outputs["foreground"])[..., 0]
        depth = tf.sigmoid(outputs["distance"])[..., 0]
        object_pixel = foreground > self.foreground_threshold
        seeds = components(object_pixel & (depth > self.seed_threshold))

        def flood(level: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            share = tf.cast(level, tf.float32) / self.levels
            deep = depth >= self.seed_threshold * share  # all of it at the last level
            return level - 1, grow(labels, object_pixel & deep)

        _, labels = tf.while_loop(lambda level, _: level >= 0, flood, (self.levels - 1, seeds))
        return numbered(labels, foreground, seeds, depth, self.min_area)
