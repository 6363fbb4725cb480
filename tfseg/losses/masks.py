"""Losses of masks and heatmaps, from logits."""

from __future__ import annotations

import keras
import tensorflow as tf

from tfseg import checks
from tfseg.losses.base import PixelLoss, cross_entropy, mean, total


@keras.saving.register_keras_serializable("tfseg.losses")
class BCE(PixelLoss):
    """Binary cross-entropy, the mean over the counted pixels."""

    def masked_loss(self, truth: tf.Tensor, logits: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
        """Returns the mean cross-entropy."""
        return mean(cross_entropy(truth, logits), counted)


@keras.saving.register_keras_serializable("tfseg.losses")
class Dice(PixelLoss):
    """1 - soft Dice.

    Source: Milletari et al., V-Net (2016), eq. 3, with unsquared denominators and 1 added to
    numerator and denominator, so that a sample without objects is defined.
    """

    def masked_loss(self, truth: tf.Tensor, logits: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
        """Returns 1 - (2 TP + 1) / (2 TP + FP + FN + 1)."""
        probability = tf.sigmoid(logits) * counted
        both = total(truth * counted) + total(probability)
        return 1.0 - (2.0 * total(truth * probability) + 1.0) / (both + 1.0)


@keras.saving.register_keras_serializable("tfseg.losses")
class Tversky(PixelLoss):
    """1 - the soft Tversky index, which weighs the two kinds of errors.

    Source: Salehi et al., Tversky loss function (2017), arXiv 1706.05721, eq. 3, with 1 added to
    numerator and denominator. With both weights 1 it is the Jaccard loss.

    Args:
        false_positive: weight of background predicted as objects.
        false_negative: weight of objects predicted as background.
        name: of the loss in Keras.
    """

    def __init__(
        self, false_positive: float = 0.3, false_negative: float = 0.7, name: str = "tversky"
    ) -> None:
        super().__init__(name=name)
        checks.in_range("false_positive", false_positive, low=0)
        checks.in_range("false_negative", false_negative, low=0)
        self.false_positive = false_positive
        self.false_negative = false_negative

    def masked_loss(self, truth: tf.Tensor, logits: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
        """Returns 1 - (TP + 1) / (TP + weighted errors + 1)."""
        probability = tf.sigmoid(logits) * counted
        hit = total(truth * probability)
        errors = self.false_positive * (total(probability) - hit)
        errors += self.false_negative * (total(truth * counted) - hit)
        return 1.0 - (hit + 1.0) / (hit + errors + 1.0)

    def get_config(self) -> dict:
        """Returns the arguments from which `from_config` makes the loss."""
        weights = {"false_positive": self.false_positive, "false_negative": self.false_negative}
        return weights | {"name": self.name}


@keras.saving.register_keras_serializable("tfseg.losses")
class Jaccard(Tversky):
    """1 - soft intersection over union, (TP + 1) / (TP + FP + FN + 1)."""

    def __init__(self, name: str = "jaccard") -> None:
        super().__init__(1.0, 1.0, name=name)

    def get_config(self) -> dict:
        """Returns the arguments from which `from_config` makes the loss."""
        return {"name": self.name}


@keras.saving.register_keras_serializable("tfseg.losses")
class Focal(PixelLoss):
    """Cross-entropy with lower weights for pixels that are classified well.

    Source: Lin et al., Focal loss (2017), arXiv 1708.02002, eq. 5; the mean over counted pixels.

    Args:
        alpha: weight of objects in [0, 1]; the background has the weight 1 - alpha.
        gamma: power of (1 - probability of the true class), at least 0; at 0 all pixels weigh the
            same.
        name: of the loss in Keras.
    """

    def __init__(self, alpha: float = 0.25, gamma: float = 2.0, name: str = "focal") -> None:
        super().__init__(name=name)
        checks.in_range("alpha", alpha, low=0, high=1)
        checks.in_range("gamma", gamma, low=0)
        self.alpha = alpha
        self.gamma = gamma

    def masked_loss(self, truth: tf.Tensor, logits: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
        """Returns the mean of alpha_t (1 - p_t)^gamma (-log p_t)."""
        right = (2.0 * truth - 1.0) * logits  # the logit of the true class
        # The power as an exponential: a root of 0 would have an infinite gradient.
        missing = tf.exp(-self.gamma * tf.nn.softplus(right))
        weight = self.alpha * truth + (1.0 - self.alpha) * (1.0 - truth)
        return mean(weight * missing * tf.nn.softplus(-right), counted)

    def get_config(self) -> dict:
        """Returns the arguments from which `from_config` makes the loss."""
        return {"alpha": self.alpha, "gamma": self.gamma, "name": self.name}


@keras.saving.register_keras_serializable("tfseg.losses")
class Lovasz(PixelLoss):
    """Lovasz hinge: the convex surrogate of intersection over union, for each sample.

    Source: Berman et al., The Lovasz-softmax loss (2018), arXiv 1705.08790, section 2.2 and
    algorithm 1; pixels are counted by their weights.
    """

    def masked_loss(self, truth: tf.Tensor, logits: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
        """Returns the sum of the sorted hinge errors times the IoU that each one costs."""
        error = tf.nn.relu(1.0 - (2.0 * truth - 1.0) * logits) * tf.sign(counted)
        rows = [tf.shape(error)[0], -1]
        error, truth, counted = (tf.reshape(values, rows) for values in (error, truth, counted))
        error, order = tf.math.top_k(error, tf.shape(error)[1])  # ignored pixels have error 0
        truth, counted = (tf.gather(values, order, batch_dims=1) for values in (truth, counted))
        objects = tf.reduce_sum(truth * counted, axis=1, keepdims=True)
        missed = tf.cumsum(truth * counted, axis=1)
        added = tf.cumsum((1.0 - truth) * counted, axis=1)
        lost = 1.0 - tf.math.divide_no_nan(objects - missed, objects + added)
        step = lost - tf.pad(lost, [[0, 0], [1, 0]])[:, :-1]
        return tf.reduce_sum(error * tf.stop_gradient(step), axis=1)


@keras.saving.register_keras_serializable("tfseg.losses")
class HeatmapBCE(PixelLoss):
    """Binary cross-entropy against a soft heatmap, from logits; its minimum is the heatmap.

    Target `[B, H, W, 1]` float32 in [0, 1], -1 ignored. Prediction: logits of the same shape. The
    entropy of the target is subtracted, so that a perfect prediction has loss 0.
    """

    def masked_loss(self, truth: tf.Tensor, logits: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
        """Returns the mean Kullback-Leibler divergence."""
        entropy = -tf.math.xlogy(truth, truth) - tf.math.xlogy(1.0 - truth, 1.0 - truth)
        return mean(cross_entropy(truth, logits) - entropy, counted)
