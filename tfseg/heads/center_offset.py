"""Foreground, centre heatmap and offset to the own centre.

Source: Cheng et al., Panoptic-DeepLab (2020), arXiv 1911.10194, sections 3.1 to 3.3. Differences:
the heatmap's width follows the size of the instance, its target ends at the instance's border so
that touching instances keep apart, and it is trained by cross-entropy.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import keras
import tensorflow as tf

from tfseg import losses
from tfseg.heads.base import Decoded, Maps
from tfseg.heads.instances import mark, numbered
from tfseg.heads.mask import PROBABILITIES, MaskHead
from tfseg.kernels import regions

_OFFSET_UNIT = 8.0  # pixels a unit of the network's output, so that outputs stay near 1
_PAIRS = 2**20  # pixels times centres compared at a time: bounds memory at any number of both


@dataclasses.dataclass(frozen=True, kw_only=True)
class CenterOffset(MaskHead):
    """Votes of foreground pixels for the nearest centre.

    Attributes:
        sigma: width of the heatmap's bump, as a share of the square root of the instance's area.
        foreground_threshold: probability from which a pixel belongs to an object.
        center_threshold: height from which a peak of the heatmap is a centre, in [0, 1].
        center_distance: peaks with a higher one this many rows and columns away, or fewer, are
            dropped, pixels.
        center_weight: of the loss of the heatmap; that of the foreground is 1.
        offset_weight: of the loss of the offsets.
        offset_beta: errors of offsets below it count squared (smooth L1), units of 8 pixels; 0: L1.
    """

    outputs: ClassVar[dict[str, int]] = {"foreground": 1, "center": 1, "offset": 2}
    vectors: ClassVar[frozenset[str]] = frozenset({"offset"})
    tunable: ClassVar[dict[str, tuple[float, ...]]] = {
        "foreground_threshold": PROBABILITIES,
        "center_threshold": (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5),
        "center_distance": (2, 3, 4, 5, 7),
        **MaskHead.tunable,
    }
    sigma: float = 0.2
    foreground_threshold: float = 0.5
    center_threshold: float = 0.15
    center_distance: int = 3
    center_weight: float = 5.0
    offset_weight: float = 0.5
    offset_beta: float = 0.0

    def targets(self, labels: tf.Tensor) -> Maps:
        """Returns foreground and center `[B, H, W, 1]`, offset `[B, H, W, 3]` (see `losses`)."""
        centers = regions.centers(labels)
        distance = tf.reduce_sum(centers.offset**2, axis=-1)
        width = 2.0 * self.sigma**2 * centers.area
        heat = tf.where(labels > 0, tf.exp(-tf.math.divide_no_nan(distance, width)), 0.0)
        foreground = tf.cast(labels > 0, tf.float32)

        return {
            "foreground": self.weighted(mark(foreground, labels), labels),
            "center": mark(heat, labels),
            "offset": tf.concat([centers.offset / _OFFSET_UNIT, foreground[..., None]], axis=-1),
        }

    def losses(self) -> dict[str, keras.losses.Loss]:
        """Dice + BCE, unless chosen otherwise, cross-entropy on the heatmap, L1 on the offsets."""
        return {
            "foreground": losses.parse(self.loss or "bce + dice", name="foreground"),
            "center": losses.HeatmapBCE(name="center"),
            "offset": losses.OffsetL1(self.offset_beta, name="offset"),
        }

    @property
    def loss_weights(self) -> dict[str, float]:
        """By default so that the three gradients are of one size at the start of training."""
        return {"foreground": 1.0, "center": self.center_weight, "offset": self.offset_weight}

    def decode(self, outputs: Maps) -> Decoded:
        """Peaks of the heatmap become ids; every foreground pixel joins the centre it points at."""
        shape = tf.shape(outputs["foreground"])
        logits = outputs["center"]
        window = 2 * self.center_distance + 1
        # On logits, because the probability saturates and would make plateaus of one height.
        highest = tf.nn.max_pool2d(logits, window, 1, "SAME")
        foreground = tf.sigmoid(outputs["foreground"])[..., 0]
        heat = tf.sigmoid(logits)[..., 0]
        object_pixel = foreground > self.foreground_threshold
        peak = object_pixel & (heat > self.center_threshold) & (logits == highest)[..., 0]
        offset = outputs["offset"] * _OFFSET_UNIT
        # The id of what votes for a peak is the peak's number in reading order.
        count = tf.cumsum(tf.reshape(tf.cast(peak, tf.int32), [shape[0], -1]), axis=1)
        peaks = tf.where(peak, tf.reshape(count, shape[:3]), 0)

        labels = tf.map_fn(
            lambda maps: _group(*maps),
            (peak, object_pixel, offset),
            fn_output_signature=tf.TensorSpec([None, None], tf.int32),
        )
        labels = tf.reshape(labels, shape[:3])
        return numbered(labels, foreground, peaks, heat, self.min_area)


def _group(peak: tf.Tensor, object_pixel: tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
    """Gives every object pixel the number of the centre nearest to the place it points at."""
    centers = tf.cast(tf.where(peak), tf.float32)  # [K, 2]
    pixels = tf.where(object_pixel & tf.reduce_any(peak))  # [P, 2], none where there is no centre
    votes = tf.cast(pixels, tf.float32) + tf.gather_nd(offset, pixels)
    return tf.scatter_nd(pixels, _nearest(votes, centers) + 1, tf.shape(peak, tf.int64))


def _nearest(places: tf.Tensor, centers: tf.Tensor) -> tf.Tensor:
    """Returns for each of `places` `[P, 2]` the index `[P]` int32 of its nearest of `[K, 2]`."""
    # One centre beyond everything, so that argmin has something to look at where there is none.
    centers = tf.pad(centers, [[0, 1], [0, 0]], constant_values=1e9)
    size = tf.maximum(1, _PAIRS // tf.shape(centers)[0])
    num_chunks = tf.maximum(1, -(-tf.shape(places)[0] // size))

    def look(chunk: tf.Tensor, found: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        part = places[chunk * size : (chunk + 1) * size]
        # Differences before squares: |c|^2 - 2 v.c loses whole pixels in float32 on large images.
        y, x = (part[:, None, axis] - centers[None, :, axis] for axis in (0, 1))
        return chunk + 1, found.write(chunk, tf.argmin(y * y + x * x, -1, tf.int32))

    found = tf.TensorArray(tf.int32, num_chunks, infer_shape=False, element_shape=[None])
    _, found = tf.while_loop(lambda chunk, _: chunk < num_chunks, look, (0, found))
    return found.concat()
