"""A moving average of the weights, which scores better than the weights of a single step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf


class WeightAverage:
    """Averages the variables of a network, including batch statistics; made under their strategy.

    average += (1 - decay) * (variable - average). The decay is min(decay, (1 + step) / (10 +
    step)): it starts low, so that the first weights are soon forgotten.

    Source: `num_updates` of tf.train.ExponentialMovingAverage.

    Attributes:
        variables: the averages, in the order of the network's variables.
    """

    def __init__(self, variables: Sequence[keras.Variable], *, decay: float) -> None:
        self._network, self._decay = list(variables), decay
        self._strategy = tf.distribute.get_strategy()
        self.variables = [
            keras.Variable(np.asarray(value), dtype=value.dtype, trainable=False, name="average")
            for value in variables
        ]

    def update(self, step: tf.Tensor) -> None:
        """Adds the variables after `step`, a scalar, to the averages; in cross-replica context."""
        step = tf.cast(step, tf.float32)
        rate = 1.0 - tf.minimum(self._decay, (1.0 + step) / (10.0 + step))

        def assign(average: tf.Variable, variable: tf.Variable) -> None:
            if average.dtype.is_floating:
                average.assign_add(tf.cast(rate, average.dtype) * (variable - average))
            else:
                average.assign(variable)

        for average, variable in zip(self.variables, self._network, strict=True):
            self._strategy.extended.update(average.value, assign, args=(variable.value,))

    @contextlib.contextmanager
    def swapped_in(self) -> Iterator[None]:
        """Assigns the averages to the network inside the context, then restores its weights."""
        weights = [np.array(variable) for variable in self._network]
        for variable, average in zip(self._network, self.variables, strict=True):
            variable.assign(np.asarray(average))
        try:
            yield
        finally:
            for variable, value in zip(self._network, weights, strict=True):
                variable.assign(value)
