"""The loss of vectors, such as offsets to the centres of instances."""

from __future__ import annotations

import keras
import tensorflow as tf

from tfseg import calls, checks
from tfseg.losses.base import mean


@keras.saving.register_keras_serializable("tfseg.losses")
class OffsetL1(keras.losses.Loss, metaclass=calls.Public):
    """Mean absolute error of offsets over the pixels of objects.

    Target `[B, H, W, 3]` float32: dy, dx, and 1 where the pixel counts, else 0. Prediction
    `[B, H, W, 2]`: dy, dx. A sample without objects has loss 0.

    Source: Cheng et al., Panoptic-DeepLab (2020), section 3.2, "instance center regression"; with
    `beta`, Girshick, Fast R-CNN (2015), arXiv 1504.08083, eq. 3, with beta 1.

    Args:
        beta: smooth L1: errors below beta become error^2 / (2 beta), others error - beta / 2; 0
            does not change errors.
        name: of the loss in Keras.
    """

    def __init__(self, beta: float = 0.0, name: str = "offset_l1") -> None:
        super().__init__(name=name)
        checks.in_range("beta", beta, low=0)
        self.beta = beta

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each sample, `[B]` float32."""
        y_true, y_pred = tf.cast(y_true, tf.float32), tf.cast(y_pred, tf.float32)
        if (y_true.shape[-1], y_pred.shape[-1]) != (3, 2):
            raise checks.InputError(
                "Target and prediction of OffsetL1 must be [B, H, W, 3] and [B, H, W, 2]; got "
                f"{y_true.shape} and {y_pred.shape}. Make the target with CenterOffset.targets."
            )
        error = tf.abs(y_true[..., :2] - y_pred)
        if self.beta:
            square = error**2 / (2.0 * self.beta)
            error = tf.where(error < self.beta, square, error - self.beta / 2.0)
        return mean(error, y_true[..., 2:])

    def get_config(self) -> dict:
        """Returns the arguments from which `from_config` makes the loss."""
        return {"beta": self.beta, "name": self.name}
