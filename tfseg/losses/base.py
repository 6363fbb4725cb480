"""The base class of losses on pixels: one value per sample, sums of losses, weights of pixels."""

from __future__ import annotations

import abc

import keras
import tensorflow as tf

from tfseg import calls, checks


class PixelLoss(keras.losses.Loss, metaclass=calls.Public):
    """A loss between target and logits of the same shape, with one value per sample.

    Target `[B, H, W, 1]` float32: 1 object, 0 background, -1 ignored; an optional second channel is
    the weight of each pixel, from 0 on. Prediction: logits `[B, H, W, 1]`, any float dtype. Loss
    and gradients are finite for samples without objects, full of objects, or with all pixels
    ignored.
    """

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each sample, `[B]` float32."""
        _check_maps(y_true, y_pred)
        y_true = tf.cast(y_true, tf.float32)
        truth = y_true[..., :1] if y_true.shape[-1] == 2 else y_true
        counted = tf.cast(truth >= 0, tf.float32)
        truth *= counted
        if y_true.shape[-1] == 2:
            counted *= y_true[..., 1:]
        return self.masked_loss(truth, tf.cast(y_pred, tf.float32), counted)

    @abc.abstractmethod
    def masked_loss(self, truth: tf.Tensor, logits: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each sample.

        `counted` is the weight of each pixel; ignored pixels have `counted` 0 and `truth` 0.
        """

    def __add__(self, other: PixelLoss) -> Sum:
        return self * 1.0 + other

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
        for term in terms:
            _check_term(term)
        self.terms = [(float(weight), loss) for weight, loss in terms]

    def masked_loss(self, truth: tf.Tensor, logits: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
        """Returns the sum of the weighted parts."""
        parts = [weight * loss.masked_loss(truth, logits, counted) for weight, loss in self.terms]
        return tf.add_n(parts)

    def __add__(self, other: PixelLoss) -> Sum:
        return Sum(self.terms + (other.terms if isinstance(other, Sum) else [(1.0, other)]))

    def __mul__(self, weight: float) -> Sum:
        return Sum([(weight * factor, loss) for factor, loss in self.terms])

    __rmul__ = __mul__

    def get_config(self) -> dict:
        """Returns the arguments from which `from_config` makes the loss."""
        terms = [(weight, keras.losses.serialize(loss)) for weight, loss in self.terms]
        return {"terms": terms, "name": self.name}

    @classmethod
    def from_config(cls, config: dict) -> Sum:
        """Makes the loss from the result of `get_config`."""
        terms = [(weight, keras.losses.deserialize(loss)) for weight, loss in config["terms"]]
        return cls(terms, name=config["name"])


def _check_maps(y_true: tf.Tensor, y_pred: tf.Tensor) -> None:
    """Checks target and prediction as far as their shapes are known."""
    true, pred = (tf.convert_to_tensor(values).shape for values in (y_true, y_pred))
    known = true.rank is not None and pred.rank is not None
    if known and not (true.rank == pred.rank == 4 and true[:3].is_compatible_with(pred[:3])):
        raise checks.InputError(
            "Target and prediction of a loss must be [B, H, W, 1] and [B, H, W, channels] of one "
            f"size; got {true} and {pred}. Add an axis with values[..., None]."
        )


def _check_term(term: object) -> None:
    """Checks one of the terms of a sum."""
    if not (isinstance(term, tuple | list) and len(term) == 2 and isinstance(term[1], PixelLoss)):
        got = term[1] if isinstance(term, tuple | list) and len(term) == 2 else term
        raise checks.InputError(
            f"A sum of losses must have terms (weight, loss) of tfseg.losses; got "
            f"{checks.shown(got)}. Write tfseg.losses.parse('dice + 0.5 * bce'); add a loss of "
            "Keras in a function of (y_true, y_pred)."
        )
    checks.in_range("The weight of a loss", term[0], low=0, high=1e9)


def cross_entropy(truth: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Returns the binary cross-entropy of every pixel, `[B, H, W, 1]`."""
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=truth, logits=logits)


def total(values: tf.Tensor) -> tf.Tensor:
    """Returns the sum over each sample, `[B]`."""
    return tf.reduce_sum(values, axis=(1, 2, 3))


def mean(values: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
    """Returns the mean over each sample weighted by `counted`, `[B]`; 0 if all weights are 0."""
    weights = tf.broadcast_to(counted, tf.shape(values))
    return tf.math.divide_no_nan(total(values * weights), total(weights))
