"""Losses of one class among several."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from tfseg import checks
from tfseg.losses.base import PixelLoss, mean


@keras.saving.register_keras_serializable("tfseg.losses")
class ClassCE(PixelLoss):
    """Cross-entropy of one class among several, the mean over the counted pixels.

    Target `[B, H, W, 1]` float32: index of the class, -1 ignored. Prediction `[B, H, W, K]` logits.

    Args:
        class_weights: of the pixels of each class, from 0 on; empty means 1 for all.
        name: of the loss in Keras.
    """

    def __init__(self, class_weights: Sequence[float] = (), name: str = "class_ce") -> None:
        super().__init__(name=name)
        self.class_weights = checked_weights("class_weights", class_weights)

    def masked_loss(self, truth: tf.Tensor, logits: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
        """Returns the mean cross-entropy."""
        index = tf.cast(truth[..., 0], tf.int64)  # a GPU keeps int32 in the memory of the host
        entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=index, logits=logits)
        if self.class_weights:
            counted *= tf.gather(tf.constant(self.class_weights), index)[..., None]
        return mean(entropy[..., None], counted)

    def get_config(self) -> dict:
        """Returns the arguments from which `from_config` makes the loss."""
        return {"class_weights": self.class_weights, "name": self.name}


@keras.saving.register_keras_serializable("tfseg.losses")
class OneVersusRest(PixelLoss):
    """A loss of masks for several classes: the mean over the classes, each against all others.

    Target and prediction as for `ClassCE`. The sigmoid of the logit of a class against the others
    equals the softmax of the class.

    Args:
        loss: of the mask of a class.
        class_weights: of each class in the mean, from 0 on; empty means 1 for all.
        name: of the loss in Keras.
    """

    def __init__(
        self, loss: PixelLoss, class_weights: Sequence[float] = (), name: str = "one_versus_rest"
    ) -> None:
        super().__init__(name=name)
        self.loss = loss
        self.class_weights = checked_weights("class_weights", class_weights)

    def masked_loss(self, truth: tf.Tensor, logits: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
        """Returns the mean of the losses of all classes."""
        classes = tf.split(logits, logits.shape[-1], axis=-1)
        weights = self.class_weights or [1.0] * len(classes)
        if len(weights) != len(classes):
            raise checks.InputError(
                f"class_weights of OneVersusRest must have a number for each of the {len(classes)} "
                f"classes; got {len(weights)}. Leave them out, and all are 1."
            )
        parts = []
        for index, (weight, logit) in enumerate(zip(weights, classes, strict=True)):
            others = tf.concat(classes[:index] + classes[index + 1 :], axis=-1)
            odds = logit - tf.reduce_logsumexp(others, axis=-1, keepdims=True)
            mask = tf.cast((truth == index) & (counted > 0), tf.float32)
            parts.append(weight * self.loss.masked_loss(mask, odds, counted))
        return tf.add_n(parts) / sum(weights)

    def get_config(self) -> dict:
        """Returns the arguments from which `from_config` makes the loss."""
        loss = keras.losses.serialize(self.loss)
        return {"loss": loss, "class_weights": self.class_weights, "name": self.name}

    @classmethod
    def from_config(cls, config: dict) -> OneVersusRest:
        """Makes the loss from the result of `get_config`."""
        return cls(**config | {"loss": keras.losses.deserialize(config["loss"])})


def checked_weights(name: str, weights: Sequence[float]) -> list[float]:
    """Returns weights as numbers.

    Raises:
        InputError: a weight is below 0, or all are 0.
    """
    checks.sequence(name, weights, "[1.0, 3.0]")
    for weight in weights:
        checks.in_range(f"Each of {name}", weight, low=0)
    if weights and not any(weights):
        raise checks.InputError(f"{name} must have a weight above 0; got {list(weights)}.")
    return [float(weight) for weight in weights]
