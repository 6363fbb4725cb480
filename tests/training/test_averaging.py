"""The moving average of the weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseg.training.averaging import WeightAverage


def test_it_forgets_the_first_weights_soon_and_then_follows_the_decay():
    weight = keras.Variable(np.float32([0.0, 8.0]))
    average = WeightAverage([weight], decay=0.5)
    weight.assign([10.0, 8.0])
    average.update(tf.constant(1))  # decay (1 + 1) / (10 + 1): 10 * 9 / 11
    assert np.asarray(average.variables[0]) == pytest.approx([90 / 11, 8.0])
    average.update(tf.constant(100))  # decay min(0.5, 101 / 110)
    assert np.asarray(average.variables[0]) == pytest.approx([(90 / 11 + 10) / 2, 8.0])


def test_whole_numbers_are_taken_over():
    count = keras.Variable(np.array(1), dtype="int64")
    average = WeightAverage([count], decay=0.5)
    count.assign(7)
    average.update(tf.constant(1))
    assert int(np.asarray(average.variables[0])) == 7


def test_the_network_has_its_average_for_a_while_and_its_own_weights_after_an_error():
    weight = keras.Variable(np.float32([1.0]))
    average = WeightAverage([weight], decay=0.5)
    weight.assign([2.0])
    with pytest.raises(KeyError), average.swapped_in():
        assert np.asarray(weight).tolist() == [1.0]
        raise KeyError
    assert np.asarray(weight).tolist() == [2.0]
