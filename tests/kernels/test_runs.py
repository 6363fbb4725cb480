"""Runs, against itertools."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfseg.kernels.runs import find_runs

IMAGES = st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 9)).flatmap(
    lambda shape: arrays(np.int32, shape, elements=st.sampled_from([-1, 0, 1, 2**31 - 1]))
)


@given(IMAGES)
def test_runs_are_those_of_a_loop_over_rows(images):
    runs = find_runs(tf.constant(images))
    expected, of = [], np.zeros(images.shape, np.int32)
    for image, row in np.ndindex(images.shape[:2]):
        column = 0
        for value, pixels in itertools.groupby(images[image, row].tolist()):
            end = column + len(list(pixels))
            of[image, row, column:end] = len(expected)
            expected.append((value, image, row, column, end - 1))
            column = end
    np.testing.assert_array_equal(runs.of, of)
    fields = (runs.value, runs.image, runs.row, runs.first, runs.last)
    assert list(zip(*(field.numpy().tolist() for field in fields), strict=True)) == expected
    begins = np.zeros(images.shape, bool)
    for _, image, row, column, _ in expected:
        begins[image, row, column] = True
    np.testing.assert_array_equal(runs.begins, begins)


@pytest.mark.parametrize("shape", [[None, None, None], [2, None, 7]])
def test_images_of_unknown_size_have_the_same_runs_in_a_graph(shape):
    images = tf.constant(np.random.default_rng(1).integers(0, 2, (2, 5, 7)), tf.int32)
    graph = tf.function(find_runs, input_signature=[tf.TensorSpec(shape, tf.int32)])
    tf.nest.map_structure(np.testing.assert_array_equal, graph(images), find_runs(images))
