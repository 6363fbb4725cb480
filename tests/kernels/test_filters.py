"""Filters: SciPy's, borders, filters wider than the image, with and without XLA."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseg.kernels import filters
from tfseg.kernels.sampling import Border

# What SciPy calls our borders.
SCIPY = {
    "constant": "constant",
    "nearest": "nearest",
    "reflect": "reflect",
    "reflect_101": "mirror",
    "wrap": "wrap",
}


def uniform(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, np.float32)


def both_sides(weights: np.ndarray) -> np.ndarray:
    return np.concatenate([weights[:0:-1], weights])


@settings(max_examples=40)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4)),
    st.integers(0, 5),
    st.integers(0, 5),
    st.sampled_from(sorted(SCIPY)),
)
def test_filters_are_those_of_scipy_at_every_size_and_border(shape, up, across, name):
    image, rows, columns = uniform(*shape), uniform(up + 1, seed=1), uniform(across + 1, seed=2)
    expected = image.astype(np.float64)
    for axis, weights in enumerate((rows, columns)):
        expected = scipy.ndimage.correlate1d(
            expected, both_sides(weights), axis, mode=SCIPY[name], cval=0.0
        )
    result = filters.separable(tf.constant(image), rows, columns, border=Border(name))
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_a_constant_border_has_its_value():
    image = tf.zeros([1, 1, 1])
    result = filters.separable(image, tf.ones([2]), tf.ones([1]), border=Border("constant", 0.25))
    assert result.numpy().tolist() == [[[0.5]]]  # the pixel above and the one below


def test_weights_of_0_at_the_end_and_between_count_for_nothing():
    image = tf.constant(uniform(9, 9, 2))
    border = Border("reflect_101")
    short = filters.separable(image, tf.constant([0.5, 0.0, 0.25]), tf.ones([1]), border=border)
    long = filters.separable(
        image, tf.constant([0.5, 0.0, 0.25, 0.0, 0.0]), tf.constant([1.0, 0.0]), border=border
    )
    np.testing.assert_array_equal(short, long)


@pytest.mark.parametrize(("sigma", "radius"), [(0.5, 1), (1.0, 3), (2.7, 9), (5.0, 4)])
def test_the_blur_is_that_of_scipy(sigma, radius):
    image = uniform(24, 31, 3)
    expected = scipy.ndimage.gaussian_filter(
        image.astype(np.float64), (sigma, sigma, 0), mode="mirror", radius=(radius, radius, 0)
    )
    result = filters.gaussian(tf.constant(image), tf.constant(sigma), radius, largest=9)
    np.testing.assert_allclose(result, expected, atol=1e-6)


@pytest.mark.parametrize(("sigma", "radius"), [(0.0, 9), (1e-30, 9), (3.0, 0), (0.0, 0)])
def test_without_a_deviation_or_a_radius_no_bit_changes(sigma, radius):
    image = uniform(5, 6, 2)
    result = filters.gaussian(tf.constant(image), tf.constant(sigma), radius, largest=9)
    np.testing.assert_array_equal(result, image)


@pytest.mark.parametrize("sigma", [0.0, 1e-30, 1e-3, 0.1, 1.0, 1e4])
def test_weights_fall_and_have_the_sum_1(sigma):
    weights = filters.gaussian_weights(tf.constant(sigma), 20, largest=25).numpy()
    assert np.all(np.diff(weights) <= 0)
    np.testing.assert_allclose(both_sides(weights).sum(), 1, atol=1e-6)
    assert not weights[21:].any()


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 8, 2)])
@pytest.mark.parametrize("radius", [0, 1, 4])
def test_a_box_is_the_mean_of_scipy(shape, radius):
    image = uniform(*shape)
    expected = scipy.ndimage.uniform_filter(
        image.astype(np.float64), (2 * radius + 1, 2 * radius + 1, 1), mode="mirror"
    )
    result = filters.box(tf.constant(image), tf.constant(radius), largest=4)
    np.testing.assert_allclose(result, expected, atol=1e-6)


def test_sharpening_adds_the_laplacian_of_eight_neighbours():
    image = np.zeros((5, 5, 1), np.float32)
    image[2, 2] = 0.5
    result = filters.sharpen(tf.constant(image), tf.constant(0.25), tf.constant(0.8))
    # In the middle 0.75 x 0.5 + 0.25 x (8 + 0.8) x 0.5, beside it -0.25 x 0.5.
    expected = np.zeros((5, 5))
    expected[1:4, 1:4] = -0.125
    expected[2, 2] = 1.475
    np.testing.assert_allclose(result[..., 0], expected, atol=1e-6)


def test_sharpening_is_the_filter_of_albumentations():
    alpha, lightness = 0.3, 0.7
    kernel = -alpha * np.ones((3, 3))
    kernel[1, 1] = 1 - alpha + alpha * (8 + lightness)
    image = uniform(8, 11, 3)
    expected = scipy.ndimage.correlate(image, kernel[..., None], mode="mirror")
    result = filters.sharpen(tf.constant(image), tf.constant(alpha), tf.constant(lightness))
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_no_share_of_the_sharpened_changes_no_bit():
    image = uniform(4, 7, 3)
    result = filters.sharpen(tf.constant(image), tf.constant(0.0), tf.constant(0.9))
    np.testing.assert_array_equal(result, image)


@pytest.mark.parametrize("size", [(1, 1, 1), (17, 12, 3)])
def test_xla_gives_what_the_plain_operations_give(size):
    def both(image: tf.Tensor, sigma: tf.Tensor, radius: tf.Tensor) -> list[tf.Tensor]:
        blurred = filters.gaussian(image, sigma, radius, largest=10)
        return [blurred, filters.sharpen(image, sigma / 4.0, sigma)]

    compiled = tf.function(both, jit_compile=True)
    image = tf.constant(uniform(*size))
    for sigma, radius in ((0.0, 10), (1.5, 4), (2.0, 10)):
        arguments = image, tf.constant(sigma), tf.constant(radius)
        for plain, fast in zip(both(*arguments), compiled(*arguments), strict=True):
            assert fast.shape == image.shape
            np.testing.assert_allclose(fast, plain, atol=1e-5)
            if sigma == 0.0:
                np.testing.assert_array_equal(fast, image)
