"""Loss scaling, which keeps float16 gradients from vanishing or overflowing."""

from __future__ import annotations

import keras
import tensorflow as tf

_FIRST, _GROWTH_STEPS = 2.0**15, 2000  # as in Keras's LossScaleOptimizer


class LossScale:
    """The factor of the loss before the backward pass; made under the step's strategy.

    It is halved after a non-finite step, down to 1, and doubled after `growth_steps` finite steps
    in a row. It is always a power of 2, so multiplying and dividing by it does not round.

    Keras's `LossScaleOptimizer` needs gradients that are still scaled, but a step clips unscaled
    gradients by their norm; and it does not restore the batch statistics after a skipped step.

    Source: Micikevicius et al., Mixed precision training (2018), arXiv 1710.03740, section 3.2;
    dynamic as in NVIDIA's Training with mixed precision, section 4.2.
    """

    def __init__(self, *, growth_steps: int = _GROWTH_STEPS) -> None:
        self._growth_steps = growth_steps
        self._scale = keras.Variable(_FIRST, dtype="float32", trainable=False, name="loss_scale")
        self._good_steps = keras.Variable(0, dtype="int32", trainable=False, name="good_steps")

    @property
    def variables(self) -> list[keras.Variable]:
        """The scale, and the number of steps since it changed."""
        return [self._scale, self._good_steps]

    def value(self) -> tf.Tensor:
        """Returns the scale, a scalar float32; in cross-replica context."""
        return tf.identity(self._scale.value)

    def update(self, finite: tf.Tensor) -> None:
        """Changes the scale after a step that was `finite`, a scalar; in cross-replica context."""
        scale, good_steps = self.value(), tf.identity(self._good_steps.value) + 1
        grown = good_steps >= self._growth_steps
        larger, smaller = tf.where(grown, 2.0 * scale, scale), tf.maximum(0.5 * scale, 1.0)
        self._scale.assign(tf.where(finite, larger, smaller))
        self._good_steps.assign(tf.where(finite & ~grown, good_steps, 0))
