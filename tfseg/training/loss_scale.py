"""Loss scaling: gradients of float16 that neither vanish nor overflow."""

from __future__ import annotations

import keras
import tensorflow as tf

_FIRST, _GROWTH_STEPS = 2.0**15, 2000  # as in Keras's LossScaleOptimizer


class LossScale:
    """What the loss is multiplied by before the backward pass; made under the step's strategy.

    It is halved after a step that was not finite, down to 1, and doubled after `growth_steps` in a
    row that were. Always a power of 2, so multiplying and dividing by it rounds nothing.

    Not Keras's `LossScaleOptimizer`, which gets gradients that are scaled still, where a step clips
    them by their norm, and puts the batch statistics of a step that it skips not back.

    Source: Micikevicius et al., Mixed precision training (2018), arXiv 1710.03740, section 3.2;
    dynamic as in NVIDIA's Training with mixed precision, section 4.2.
    """

    def __init__(self, *, growth_steps: int = _GROWTH_STEPS) -> None:
        self._growth_steps = growth_steps
        self._scale = keras.Variable(_FIRST, dtype="float32", trainable=False, name="loss_scale")
        self._good_steps = keras.Variable(0, dtype="int32", trainable=False, name="good_steps")

    @property
    def variables(self) -> list[keras.Variable]:
        """Its state: the scale, and the steps since it changed."""
        return [self._scale, self._good_steps]

    def value(self) -> tf.Tensor:
        """Returns the scale, a scalar float32; in cross-replica context."""
        return tf.identity(self._scale.value)

    def follow(self, finite: tf.Tensor) -> None:
        """Takes in whether a step was `finite`, a scalar; in cross-replica context."""
        scale, good_steps = self.value(), tf.identity(self._good_steps.value) + 1
        grown = good_steps >= self._growth_steps
        larger, smaller = tf.where(grown, 2.0 * scale, scale), tf.maximum(0.5 * scale, 1.0)
        self._scale.assign(tf.where(finite, larger, smaller))
        self._good_steps.assign(tf.where(finite & ~grown, good_steps, 0))
