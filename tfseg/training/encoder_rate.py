"""The learning rate of the encoder: 0 while it is frozen, then a share of the general rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from tfseg.config import OptimizerConfig
from tfseg.networks.encoder import encoder_variables


class EncoderRate:
    """Undoes a step of the encoder's weights, in full or in part; made under their strategy.

    If a step of the optimizer, with its weight decay, changes w from before to after, then w is set
    to before in the first `frozen` steps, and to after + (share - 1) (after - before) in the
    others. This multiplies the learning rate by share for any optimizer with steps proportional to
    it. Scaling the gradients would not, because most optimizers divide them by their size.

    The optimizer also gets the gradients of a frozen encoder, so its moments are ready when the
    encoder is released. If they were still 0 at that time, long after the bias correction, Adam's
    first update would be (1 - 0.9) / sqrt(1 - 0.999), three times the usual size.

    Batch normalisation uses the statistics of the batch, and its moving averages are updated, as
    with `encoder_freeze` of segmentation-models, so that features do not change abruptly when the
    encoder is released.
    """

    def __init__(self, variables: Sequence[keras.Variable], *, frozen: int, share: float) -> None:
        self._variables, self._frozen, self._share = list(variables), frozen, share
        self._strategy = tf.distribute.get_strategy()

    def apply_scaled(self, update: Callable[[], None], step: tf.Tensor) -> None:
        """Calls `update` and scales its effect; `step` counts from 0; in cross-replica context."""
        frozen = tf.identity(step) < self._frozen
        before = self._strategy.run(lambda: [tf.identity(old.value) for old in self._variables])
        update()

        def hold(variable: tf.Variable, old: tf.Tensor) -> None:
            slowed = variable + (self._share - 1.0) * (variable - old)
            variable.assign(tf.where(frozen, old, slowed))

        for variable, old in zip(self._variables, before, strict=True):
            self._strategy.extended.update(variable.value, hold, args=(old,))


def encoder_rate(config: OptimizerConfig, model: keras.Model) -> EncoderRate | None:
    """Returns the rate of the encoder of `model`; None if it equals the rate of other layers.

    Raises:
        InputError: the model has no encoder.
    """
    frozen, share = config.freeze_encoder, config.encoder_learning_rate
    if not frozen and share == 1.0:
        return None
    return EncoderRate(encoder_variables(model), frozen=frozen, share=share)
