"""Foreground, centre heatmap and offset of every pixel to the centre of its instance.

Source: Cheng et al., Panoptic-DeepLab (2020), arXiv 1911.10194, sections 3.1 to 3.3. Differences:
the heatmap's width follows the size of the instance, its target ends at the instance's outline so
that touching instances stay separate, and it is trained by cross-entropy.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import keras
import tensorflow as tf

from tfseg import losses
from tfseg.config import CenterOffsetOptions
from tfseg.heads.base import Decoded, Maps
from tfseg.heads.inputs import check_labels, check_outputs
from tfseg.heads.instances import drop_small_and_score, foreground_targets, ignore_marked
from tfseg.heads.mask import PROBABILITIES, MaskHead
from tfseg.kernels import regions, votes

_OFFSET_UNIT = 8.0  # pixels per unit of the network's output, so that outputs stay near 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class CenterOffset(CenterOffsetOptions, MaskHead):
    """Foreground pixels vote for the centre nearest to the pixel they point at."""

    outputs: ClassVar[dict[str, int]] = {"foreground": 1, "center": 1, "offset": 2}
    vectors: ClassVar[frozenset[str]] = frozenset({"offset"})
    tunable: ClassVar[dict[str, tuple[float, ...]]] = {
        "foreground_threshold": PROBABILITIES,
        "center_threshold": (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5),
        "center_distance": (2, 3, 4, 5, 7),
        **MaskHead.tunable,
    }

    def targets(self, labels: tf.Tensor) -> Maps:
        """Returns foreground and center `[B, H, W, 1]`, offset `[B, H, W, 3]` (see `losses`)."""
        check_labels(labels)
        centers = regions.centers(labels)
        distance = centers.y**2 + centers.x**2
        width = 2.0 * self.sigma**2 * centers.area
        heat = tf.where(labels > 0, tf.exp(-tf.math.divide_no_nan(distance, width)), 0.0)
        inside = tf.cast(labels > 0, tf.float32)
        # Stacked first and then transposed: 1 ms for 512 x 512 pixels; tf.stack on the last axis
        # takes 3 ms.
        offset = tf.stack([centers.y / _OFFSET_UNIT, centers.x / _OFFSET_UNIT, inside])

        return {
            "foreground": self.weighted(foreground_targets(labels), labels),
            "center": ignore_marked(heat, labels),
            "offset": tf.transpose(offset, [1, 2, 3, 0]),
        }

    def losses(self) -> dict[str, keras.losses.Loss]:
        """Returns the chosen loss or Dice + BCE, BCE of the heatmap, and L1 of the offsets."""
        return {
            "foreground": losses.parse(self.loss or "bce + dice", name="foreground"),
            "center": losses.HeatmapBCE(name="center"),
            "offset": losses.OffsetL1(self.offset_beta, name="offset"),
        }

    @property
    def loss_weights(self) -> dict[str, float]:
        """With the defaults the three gradients are equally large at the start of training."""
        return {"foreground": 1.0, "center": self.center_weight, "offset": self.offset_weight}

    def decode(self, outputs: Maps) -> Decoded:
        """Numbers the peaks of the heatmap; foreground pixels join the peak they point at."""
        check_outputs(self, outputs)
        logits = outputs["center"][..., 0]
        foreground = tf.sigmoid(outputs["foreground"])[..., 0]
        heat = tf.sigmoid(logits)
        object_pixel = foreground > self.foreground_threshold
        # On logits: probabilities saturate, which makes plateaus of equal height.
        highest = votes.highest_around(logits, distance=self.center_distance)
        peak = object_pixel & (heat > self.center_threshold) & (logits == highest)
        # Peaks are numbered in reading order, and pixels get the id of the peak they vote for.
        count = tf.cumsum(tf.reshape(tf.cast(peak, tf.int32), [tf.shape(peak)[0], -1]), axis=1)
        peaks = tf.where(peak, tf.reshape(count, tf.shape(peak)), 0)
        offset = outputs["offset"] * _OFFSET_UNIT
        labels = votes.join_nearest(peaks, offset, object_pixel)
        return drop_small_and_score(labels, foreground, peaks, heat, self.min_area)
