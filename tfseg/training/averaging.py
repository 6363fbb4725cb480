"""A moving average of the weights, which scores better than the weights of any one step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf


class WeightAverage:
    """Follows the variables of a network, batch statistics included; made under their strategy.

    average += (1 - decay) * (variable - average), where decay begins low, so that the first weights
    are soon forgotten: min(decay, (1 + step) / (10 + step)).

    Source: `num_updates` of tf.train.ExponentialMovingAverage.

    Attributes:
        variables: the averages, in the order of what they follow.
    """

    def __init__(self, followed: Sequence[keras.Variable], *, decay: float) -> None:
        self._followed, self._decay = list(followed), decay
        self._strategy = tf.distribute.get_strategy()
        self.variables = [
            keras.Variable(np.asarray(each), dtype=each.dtype, trainable=False, name="average")
            for each in followed
        ]

    def update(self, step: tf.Tensor) -> None:
        """Takes in the variables as they are after `step`, a scalar; in cross-replica context."""
        step = tf.cast(step, tf.float32)
        rate = 1.0 - tf.minimum(self._decay, (1.0 + step) / (10.0 + step))

        def follow(average: tf.Variable, variable: tf.Variable) -> None:
            if average.dtype.is_floating:
                average.assign_add(tf.cast(rate, average.dtype) * (variable - average))
            else:
                average.assign(variable)

        for average, variable in zip(self.variables, self._followed, strict=True):
            self._strategy.extended.update(average.value, follow, args=(variable.value,))

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Lets the network have its average for a while."""
        own = [np.array(variable) for variable in self._followed]
        for variable, average in zip(self._followed, self.variables, strict=True):
            variable.assign(np.asarray(average))
        try:
            yield
        finally:
            for variable, value in zip(self._followed, own, strict=True):
                variable.assign(value)
