"""Losses on pixels, one value a sample.

Every loss returns `[B]`, each sample normalised by its own counted pixels. The mean over the global
batch is then the same on any number of replicas; a loss that returned one scalar a batch would be
summed over replicas by Keras without being scaled. Targets below 0 mark pixels that are left out.
"""

from __future__ import annotations

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfseg")
class DiceBCE(keras.losses.Loss):
    """Binary cross-entropy plus soft Dice, from logits.

    Target `[B, H, W, 1]` float32: 1 object, 0 background, -1 ignored. Prediction: logits alike.

    Source: Dice loss, Milletari et al., V-Net (2016), eq. 3, with unsquared denominators and 1
    added to both parts, so that a sample without objects is defined.
    """

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each sample, `[B]` float32."""
        counted = tf.cast(y_true >= 0, y_pred.dtype)
        truth = y_true * counted
        probability = tf.sigmoid(y_pred) * counted
        intersection = _sum(truth * probability)
        dice = (2.0 * intersection + 1.0) / (_sum(truth) + _sum(probability) + 1.0)
        return _mean(_cross_entropy(truth, y_pred), counted) + 1.0 - dice


@keras.saving.register_keras_serializable("tfseg")
class HeatmapBCE(keras.losses.Loss):
    """Binary cross-entropy against a soft heatmap, from logits; its minimum is the heatmap.

    Target `[B, H, W, 1]` float32 in [0, 1], -1 ignored. Prediction: logits alike. The entropy of
    the target is taken off, so that a perfect prediction has loss 0.
    """

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each sample, `[B]` float32."""
        counted = tf.cast(y_true >= 0, y_pred.dtype)
        truth = y_true * counted
        entropy = -tf.math.xlogy(truth, truth) - tf.math.xlogy(1.0 - truth, 1.0 - truth)
        return _mean(_cross_entropy(truth, y_pred) - entropy, counted)


@keras.saving.register_keras_serializable("tfseg")
class OffsetL1(keras.losses.Loss):
    """Mean absolute error of offsets over the pixels of objects.

    Target `[B, H, W, 3]` float32: dy, dx, and 1 where the pixel counts, else 0. Prediction
    `[B, H, W, 2]`: dy, dx. A sample without objects has loss 0.

    Source: Cheng et al., Panoptic-DeepLab (2020), section 3.2, "instance center regression".
    """

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each sample, `[B]` float32."""
        return _mean(tf.abs(y_true[..., :2] - y_pred), y_true[..., 2:])


def _cross_entropy(truth: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=truth, logits=logits)


def _sum(values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(values, axis=(1, 2, 3))


def _mean(values: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
    weights = tf.broadcast_to(counted, tf.shape(values))
    return tf.math.divide_no_nan(_sum(values * weights), _sum(weights))
