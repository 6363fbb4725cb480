"""Kernels with fixed shapes make what they make without."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfseg.data.pipeline import visibility
from tfseg.heads import HEADS, make_head
from tfseg.kernels import static

IDS = st.sampled_from([-(2**31), -1, 0, 1, 2, 7, 2**31 - 1])
LABELS = arrays(np.int32, (2, 5, 6), elements=IDS)
VALUES = arrays(np.int64, st.integers(1, 20), elements=st.integers(-3, 3))


@settings(max_examples=20)
@given(VALUES)
def test_distinct_values_are_in_the_order_of_tensorflow_and_padded_by_the_least(values):
    expected, index = tf.unique(values)
    with static.static_shapes():
        assert static.is_static()
        distinct, fixed = static.unique(tf.constant(values))
    assert not static.is_static()
    np.testing.assert_array_equal(fixed, tf.cast(index, tf.int32))
    np.testing.assert_array_equal(distinct[: len(expected)], expected)
    assert (distinct[len(expected) :].numpy() == values.min()).all()


@pytest.mark.parametrize("name", HEADS)
@settings(max_examples=8)
@given(LABELS)
def test_the_targets_of_heads_are_the_same(name, labels):
    head = make_head(name, size_power=0.5)
    expected = head.targets(tf.constant(labels))
    with static.static_shapes():
        targets = head.targets(tf.constant(labels))
    for key, values in expected.items():
        np.testing.assert_array_equal(targets[key], values)


@settings(max_examples=20)
@given(arrays(np.int32, (5, 6), elements=IDS), st.integers(1, 3), st.floats(0.0, 1.0))
def test_ids_with_their_areas_are_ignored_as_ids_with_a_table(label, factor, least):
    areas = visibility.areas(tf.constant(label))
    areas = visibility.Areas(areas.ids, areas.pixels * factor)
    expected = visibility.ignore_mostly_cut(tf.constant(label), areas, least=least)
    full_area = visibility.spread_areas(tf.constant(label), areas)
    with static.static_shapes():
        ignored = visibility.ignore_by_pixel(tf.constant(label), full_area, least=least)
    np.testing.assert_array_equal(ignored, expected)
