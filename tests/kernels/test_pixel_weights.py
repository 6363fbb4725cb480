"""Weights of pixels, against SciPy's distances and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from tfseg.kernels import pixel_weights, regions

LABELS = st.tuples(st.integers(1, 2), st.integers(1, 9), st.integers(1, 11)).flatmap(
    lambda shape: arrays(np.int32, shape, elements=st.sampled_from([-1, 0, 0, 0, 0, 0, 1, 2, 7]))
)


def slow_between(label: np.ndarray, sigma: float) -> np.ndarray:
    """Returns the U-Net paper's weight, from the distance to each instance in turn."""
    ids = np.unique(label[label > 0])
    if len(ids) < 2:
        return np.zeros(label.shape)
    distances = np.sort([ndimage.distance_transform_edt(label != id) for id in ids], axis=0)
    return np.exp(-((distances[0] + distances[1]) ** 2) / (2 * sigma**2))


@settings(max_examples=15, deadline=None)
@given(LABELS, st.sampled_from([1.0, 2.5, 5.0]))
def test_between_is_that_of_the_paper_with_scipys_distances(labels, sigma):
    weights = pixel_weights.between(tf.constant(labels), sigma=sigma).numpy()
    for label, weight in zip(labels, weights, strict=True):
        expected = slow_between(label, sigma)
        near = expected > 0.012  # what is further off may be left out
        np.testing.assert_allclose(weight[near], expected[near], rtol=1e-4)
        assert (weight[~near] < 0.012).all()


def test_between_is_worked_out_by_hand_for_two_bars():
    label = np.zeros((1, 1, 9), np.int32)
    label[0, 0, :2], label[0, 0, 5:] = 4, 2**31 - 1
    weights = pixel_weights.between(tf.constant(label), sigma=2.0)[0, 0].numpy()
    # columns 2 to 4 lie between columns 1 and 5: the two distances add up to 4
    way = np.array([5, 4, 4, 4, 4, 4, 5, 6, 7])
    np.testing.assert_allclose(weights, np.exp(-(way**2) / 8) * (way < 7.1), rtol=1e-4, atol=2e-3)


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_small_instances_weigh_more_and_at_power_one_all_the_same(power):
    label = np.zeros((1, 6, 10), np.int32)
    label[0, 0, :2], label[0, 2:4, :4], label[0, 5, 8:] = 3, 9, -1
    area = regions.centers(tf.constant(label)).area
    weights = pixel_weights.by_size(tf.constant(label), area, power=power).numpy()
    # Areas 2 and 8, 5 in the mean
    np.testing.assert_allclose(weights[label == 3], (5 / 2) ** power, rtol=1e-6)
    np.testing.assert_allclose(weights[label == 9], (5 / 8) ** power, rtol=1e-6)
    assert (weights[label <= 0] == 1).all()


def test_no_instance_weighs_more_than_ten_times_and_an_empty_image_is_defined():
    label = np.zeros((2, 20, 20), np.int32)
    label[0, :15], label[0, 19, 19] = 1, 2
    area = regions.centers(tf.constant(label)).area
    weights = pixel_weights.by_size(tf.constant(label), area, power=1.0).numpy()
    assert weights[0, 19, 19] == 10.0
    assert (weights[1] == 1).all()
    assert np.isfinite(weights).all()


def test_batches_of_a_known_size_have_the_weights_of_any_size():
    labels = np.kron(np.arange(4).reshape(2, 2), np.ones((4, 4)))[None].astype(np.int32)
    known, unknown = (
        tf.function(lambda ids: pixel_weights.between(ids, sigma=2.0), input_signature=[spec])
        for spec in (tf.TensorSpec([1, 8, 8], tf.int32), tf.TensorSpec([None] * 3, tf.int32))
    )
    np.testing.assert_array_equal(known(labels), unknown(labels))
