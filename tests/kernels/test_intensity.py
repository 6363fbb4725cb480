"""Pixel values: hand-worked changes, and whether the hashed noise behaves like normal noise."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tfseg.kernels import intensity

KEYS = [0, 1, 2, 2**30, 2**31 - 1, -1, -(2**31)]


def noise(keys: list[int], size: tuple[int, int, int], deviation: float = 1.0) -> np.ndarray:
    """Returns the noise of each key, `[K, H, W, C]`."""
    zeros = tf.zeros([len(keys), *size])
    deviations = tf.fill([len(keys)], deviation)
    return intensity.add_noise(zeros, deviations, tf.constant(keys, tf.int32)).numpy()


@pytest.fixture(scope="module")
def large() -> np.ndarray:
    """The noise of seven keys on 128 x 128 pixels of 3 channels."""
    return noise(KEYS, (128, 128, 3)).astype(np.float64)


def test_contrast_multiplies_before_brightness_is_added_each_image_by_its_own():
    images = tf.constant([[[[0.25], [0.5]]], [[[0.25], [0.5]]]])
    result = intensity.brightness_contrast(
        images, tf.constant([0.125, 0.0]), tf.constant([1, -0.5])
    )
    # 0.25 x 2 + 0.125 and 0.5 x 2 + 0.125;  0.25 / 2 and 0.5 / 2
    assert result.numpy().tolist() == [[[[0.625], [1.125]]], [[[0.125], [0.25]]]]


def test_gamma_is_a_power_and_values_outside_are_clipped_before_it():
    images = tf.constant([[[[0.25], [1.5], [-0.5]]]] * 2)
    result = intensity.gamma(images, tf.constant([0.5, 2.0])).numpy()
    np.testing.assert_allclose(result.ravel(), [0.5, 1, 0, 0.0625, 1, 0], rtol=1e-6)


def test_nothing_to_change_changes_no_bit_of_any_value():
    images = tf.constant([[[[-0.5], [0.1], [1 / 3], [1.7]]]])
    none = tf.zeros([1])
    for result in (
        intensity.brightness_contrast(images, none, none),
        intensity.gamma(images, tf.ones([1])),
        intensity.add_noise(images, none, tf.constant([5])),
    ):
        np.testing.assert_array_equal(result, images)


def test_noise_is_added_to_the_image_at_each_images_own_scale():
    images = tf.random.stateless_uniform([2, 6, 5, 3], [1, 2])
    key = tf.constant([4, 4])
    unit = noise([4], (6, 5, 3))[0]
    result = intensity.add_noise(images, tf.constant([0.25, 2.0]), key)
    np.testing.assert_allclose(result[0], images[0] + 0.25 * unit, atol=1e-6)
    np.testing.assert_allclose(result[1], images[1] + 2.0 * unit, atol=1e-6)


@pytest.mark.parametrize("index", range(len(KEYS)), ids=map(str, KEYS))
def test_the_noise_of_every_key_is_normal(large, index):
    values = large[index].ravel()
    n = values.size  # 49152; of n normal numbers:
    assert abs(values.mean()) < 5 / np.sqrt(n)  # the mean deviates by 1 / sqrt(n)
    assert abs(values.std() - 1) < 5 / np.sqrt(2 * n)  # the deviation by 1 / sqrt(2 n)
    assert abs(scipy.stats.skew(values)) < 5 * np.sqrt(6 / n)
    assert abs(scipy.stats.kurtosis(values)) < 5 * np.sqrt(24 / n)  # 0 for normal numbers
    # Kolmogorov-Smirnov: the largest gap of the two distributions, 1.95 / sqrt(n) at p = 0.001
    assert scipy.stats.kstest(values, "norm").statistic < 1.95 / np.sqrt(n)


@pytest.mark.parametrize("shift", [(0, 0, 1), (0, 1, 0), (1, 0, 0), (1, 1, 1), (0, 2, 0)])
def test_neighbouring_values_are_independent(large, shift):
    shape = np.array(large.shape[1:])
    here = large[:, : shape[0] - shift[0], : shape[1] - shift[1], : shape[2] - shift[2]]
    there = large[:, shift[0] :, shift[1] :, shift[2] :]
    for power in (1, 2):  # the squares too: sizes that go together are not seen in the values
        correlation = np.corrcoef(here.ravel() ** power, there.ravel() ** power)[0, 1]
        assert abs(correlation) < 5 / np.sqrt(here.size)


def test_keys_have_independent_noise_and_none_is_a_shifted_copy(large):
    flat = large.reshape(len(KEYS), -1)
    correlation = np.corrcoef(flat) - np.eye(len(KEYS))
    assert np.abs(correlation).max() < 5 / np.sqrt(flat.shape[1])
    # Of 2 x 49152 draws from 2^23 numbers, 49152^2 / 2^23 = 288 are in both by chance.
    for other in flat[1:]:
        assert np.isin(flat[0], other).sum() < 2 * 288


def test_the_noise_of_an_image_is_a_function_of_its_key_and_not_of_the_batch():
    together = noise([3, 8, 3], (7, 5, 2))
    np.testing.assert_array_equal(together[0], together[2])
    np.testing.assert_array_equal(together[1], noise([8], (7, 5, 2))[0])
    assert np.abs(together[0] - together[1]).min() > 0


def test_the_largest_noise_of_a_million_values_is_finite_and_not_too_large():
    values = noise([11], (1024, 1024, 1))
    # 2^23 numbers: the outermost is 5.29 deviations away; of 2^20 normal ones one lies beyond 4.9
    assert 4.2 < np.abs(values).max() < 5.3
    assert abs(values.max() + values.min()) < 1.0


def test_xla_gives_the_same_noise_as_the_plain_graph():
    arguments = (tf.zeros([2, 40, 50, 3]), tf.ones([2]), tf.constant([5, -6]))
    graph = tf.function(intensity.add_noise)(*arguments)
    compiled = tf.function(intensity.add_noise, jit_compile=True)(*arguments)
    # One hash; XLA's erfinv is another polynomial. Another bit of the hash would be seen: 2^-23 of
    # the share moves a value near 0 by 3e-7, but the mixing turns it into another number.
    np.testing.assert_allclose(compiled, graph, atol=2e-5)
