"""Losses on pixels, one value a sample.

Every loss returns `[B]`, each sample normalised by its own counted pixels. The mean over the global
batch is then the same on any number of replicas; a loss that returned one scalar a batch would be
summed over replicas by Keras without being scaled. Targets below 0 mark pixels that are left out.
All of it is computed in float32, also where the network's outputs are of half precision.

Losses are added and weighted: `Dice() + 0.5 * BCE()`, or `parse("dice + 0.5 * bce")`.
"""

from __future__ import annotations

import abc
import re

import keras
import tensorflow as tf

from tfseg import checks


class PixelLoss(keras.losses.Loss, abc.ABC):
    """A loss between target and logits of one shape, with one value a sample.

    Target `[B, H, W, 1]` float32: 1 object, 0 background, -1 ignored. Prediction: logits alike, any
    float dtype. Finite, with finite gradients, for samples without objects, full of them, or
    without counted pixels.
    """

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each sample, `[B]` float32."""
        y_true = tf.cast(y_true, tf.float32)
        counted = tf.cast(y_true >= 0, tf.float32)
        return self.of_counted(y_true * counted, tf.cast(y_pred, tf.float32), counted)

    @abc.abstractmethod
    def of_counted(self, truth: tf.Tensor, logits: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each sample where `counted` is 1; `truth` is 0 where it is 0."""

    def __add__(self, other: PixelLoss) -> Sum:
        return 1.0 * self + other

    def __mul__(self, weight: float) -> Sum:
        return Sum([(weight, self)])

    __rmul__ = __mul__


@keras.saving.register_keras_serializable("tfseg.losses")
class Sum(PixelLoss):
    """Weighted sum of losses.

    Args:
        terms: (weight, loss) of every part.
        name: of the loss in Keras.
    """

    def __init__(self, terms: list[tuple[float, PixelLoss]], name: str = "sum") -> None:
        super().__init__(name=name)
        self.terms = [(float(weight), loss) for weight, loss in terms]

    def of_counted(self, truth: tf.Tensor, logits: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
        """Returns the sum of the weighted parts."""
        parts = [weight * loss.of_counted(truth, logits, counted) for weight, loss in self.terms]
        return tf.add_n(parts)

    def __add__(self, other: PixelLoss) -> Sum:
        return Sum(self.terms + (other.terms if isinstance(other, Sum) else [(1.0, other)]))

    def __mul__(self, weight: float) -> Sum:
        return Sum([(weight * each, loss) for each, loss in self.terms])

    __rmul__ = __mul__

    def get_config(self) -> dict:
        """Returns what `from_config` makes the loss from."""
        terms = [(weight, keras.losses.serialize(loss)) for weight, loss in self.terms]
        return {"terms": terms, "name": self.name}

    @classmethod
    def from_config(cls, config: dict) -> Sum:
        """Returns the loss that gave `config`."""
        terms = [(weight, keras.losses.deserialize(loss)) for weight, loss in config["terms"]]
        return cls(terms, name=config["name"])


@keras.saving.register_keras_serializable("tfseg.losses")
class BCE(PixelLoss):
    """Binary cross-entropy, the mean over the counted pixels."""

    def of_counted(self, truth: tf.Tensor, logits: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
        """Returns the mean cross-entropy."""
        return _mean(_cross_entropy(truth, logits), counted)


@keras.saving.register_keras_serializable("tfseg.losses")
class Dice(PixelLoss):
    """1 - soft Dice.

    Source: Milletari et al., V-Net (2016), eq. 3, with unsquared denominators and 1 added to both
    parts, so that a sample without objects is defined.
    """

    def of_counted(self, truth: tf.Tensor, logits: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
        """Returns 1 - (2 TP + 1) / (2 TP + FP + FN + 1)."""
        probability = tf.sigmoid(logits) * counted
        both = _sum(truth) + _sum(probability)
        return 1.0 - (2.0 * _sum(truth * probability) + 1.0) / (both + 1.0)


@keras.saving.register_keras_serializable("tfseg.losses")
class Tversky(PixelLoss):
    """1 - the soft Tversky index, which weighs the two kinds of errors.

    Source: Salehi et al., Tversky loss function (2017), arXiv 1706.05721, eq. 3, with 1 added to
    both parts. With both weights 1 it is the Jaccard loss.

    Args:
        false_positive: weight of background taken for objects.
        false_negative: weight of objects taken for background.
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

    def of_counted(self, truth: tf.Tensor, logits: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
        """Returns 1 - (TP + 1) / (TP + weighted errors + 1)."""
        probability = tf.sigmoid(logits) * counted
        hit = _sum(truth * probability)
        errors = self.false_positive * (_sum(probability) - hit)
        errors += self.false_negative * (_sum(truth) - hit)
        return 1.0 - (hit + 1.0) / (hit + errors + 1.0)

    def get_config(self) -> dict:
        """Returns what `from_config` makes the loss from."""
        weights = {"false_positive": self.false_positive, "false_negative": self.false_negative}
        return weights | {"name": self.name}


@keras.saving.register_keras_serializable("tfseg.losses")
class Jaccard(Tversky):
    """1 - soft intersection over union, (TP + 1) / (TP + FP + FN + 1)."""

    def __init__(self, name: str = "jaccard") -> None:
        super().__init__(1.0, 1.0, name=name)

    def get_config(self) -> dict:
        """Returns what `from_config` makes the loss from."""
        return {"name": self.name}


@keras.saving.register_keras_serializable("tfseg.losses")
class Focal(PixelLoss):
    """Cross-entropy in which pixels that are already right weigh less.

    Source: Lin et al., Focal loss (2017), arXiv 1708.02002, eq. 5; the mean over counted pixels.

    Args:
        alpha: weight of objects in [0, 1]; that of the background is 1 - alpha.
        gamma: power of the probability missing, at least 0; at 0 nothing weighs less.
        name: of the loss in Keras.
    """

    def __init__(self, alpha: float = 0.25, gamma: float = 2.0, name: str = "focal") -> None:
        super().__init__(name=name)
        checks.in_range("alpha", alpha, low=0, high=1)
        checks.in_range("gamma", gamma, low=0)
        self.alpha = alpha
        self.gamma = gamma

    def of_counted(self, truth: tf.Tensor, logits: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
        """Returns the mean of alpha_t (1 - p_t)^gamma (-log p_t)."""
        right = (2.0 * truth - 1.0) * logits  # the logit of the true class
        # The power as an exponential: a root of 0 would have an infinite gradient.
        missing = tf.exp(-self.gamma * tf.nn.softplus(right))
        weight = self.alpha * truth + (1.0 - self.alpha) * (1.0 - truth)
        return _mean(weight * missing * tf.nn.softplus(-right), counted)

    def get_config(self) -> dict:
        """Returns what `from_config` makes the loss from."""
        return {"alpha": self.alpha, "gamma": self.gamma, "name": self.name}


@keras.saving.register_keras_serializable("tfseg.losses")
class Lovasz(PixelLoss):
    """Lovasz hinge: the convex surrogate of intersection over union, for each sample.

    Source: Berman et al., The Lovasz-softmax loss (2018), arXiv 1705.08790, section 2.2 and
    algorithm 1.
    """

    def of_counted(self, truth: tf.Tensor, logits: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
        """Returns the hinge errors, sorted, times the loss of IoU each of them adds."""
        error = tf.nn.relu(1.0 - (2.0 * truth - 1.0) * logits) * counted
        rows = [tf.shape(error)[0], -1]
        error, truth = tf.reshape(error, rows), tf.reshape(truth, rows)
        error, order = tf.math.top_k(error, tf.shape(error)[1])  # ignored pixels are 0, so last
        truth = tf.gather(truth, order, batch_dims=1)
        objects = tf.reduce_sum(truth, axis=1, keepdims=True)
        missed = tf.cumsum(truth, axis=1)
        lost = 1.0 - (objects - missed) / (objects + tf.cumsum(1.0 - truth, axis=1))
        added = lost - tf.pad(lost, [[0, 0], [1, 0]])[:, :-1]
        return tf.reduce_sum(error * tf.stop_gradient(added), axis=1)


@keras.saving.register_keras_serializable("tfseg.losses")
class HeatmapBCE(PixelLoss):
    """Binary cross-entropy against a soft heatmap, from logits; its minimum is the heatmap.

    Target `[B, H, W, 1]` float32 in [0, 1], -1 ignored. Prediction: logits alike. The entropy of
    the target is taken off, so that a perfect prediction has loss 0.
    """

    def of_counted(self, truth: tf.Tensor, logits: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
        """Returns the mean Kullback-Leibler divergence."""
        entropy = -tf.math.xlogy(truth, truth) - tf.math.xlogy(1.0 - truth, 1.0 - truth)
        return _mean(_cross_entropy(truth, logits) - entropy, counted)


@keras.saving.register_keras_serializable("tfseg.losses")
class ClassCE(PixelLoss):
    """Cross-entropy of one class among several, the mean over the counted pixels.

    Target `[B, H, W, 1]` float32: index of the class, -1 ignored. Prediction `[B, H, W, K]` logits.
    """

    def of_counted(self, truth: tf.Tensor, logits: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
        """Returns the mean cross-entropy."""
        index = tf.cast(truth[..., 0], tf.int32)
        entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=index, logits=logits)
        return _mean(entropy[..., None], counted)


@keras.saving.register_keras_serializable("tfseg.losses")
class OffsetL1(keras.losses.Loss):
    """Mean absolute error of offsets over the pixels of objects.

    Target `[B, H, W, 3]` float32: dy, dx, and 1 where the pixel counts, else 0. Prediction
    `[B, H, W, 2]`: dy, dx. A sample without objects has loss 0.

    Source: Cheng et al., Panoptic-DeepLab (2020), section 3.2, "instance center regression".
    """

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each sample, `[B]` float32."""
        y_true, y_pred = tf.cast(y_true, tf.float32), tf.cast(y_pred, tf.float32)
        return _mean(tf.abs(y_true[..., :2] - y_pred), y_true[..., 2:])


NAMES: dict[str, type[PixelLoss]] = {
    "bce": BCE,
    "dice": Dice,
    "focal": Focal,
    "jaccard": Jaccard,
    "lovasz": Lovasz,
    "tversky": Tversky,
}


def parse(text: str, *, name: str = "sum") -> Sum:
    """Returns the loss written as a sum of names with or without weights: "dice + 0.5 * bce".

    Raises:
        InputError: the text is not such a sum, or a name is unknown.
    """
    terms = []
    for term in str(text).split("+"):
        match = re.fullmatch(r"\s*(?:(\d+\.?\d*|\.\d+)\s*\*)?\s*([a-z]+)\s*", term)
        if match is None:
            raise checks.InputError(
                f'A loss must be a sum of names such as "dice + 0.5 * bce"; got {text!r}.'
            )
        checks.one_of("loss", match[2], NAMES)
        terms.append((float(match[1] or 1.0), NAMES[match[2]]()))
    return Sum(terms, name=name)


def _cross_entropy(truth: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=truth, logits=logits)


def _sum(values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(values, axis=(1, 2, 3))


def _mean(values: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
    weights = tf.broadcast_to(counted, tf.shape(values))
    return tf.math.divide_no_nan(_sum(values * weights), _sum(weights))
