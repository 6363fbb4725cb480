"""Pixel values: hand-worked changes, and whether the hashed noise behaves like normal noise."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tfseg.kernels import intensity

KEYS = [0, 1, 2, 2**30, 2**31 - 1, -1, -(2**31)]


def noise(key: int, *shape: int) -> np.ndarray:
    return intensity.normal_noise(tf.constant(key, tf.int32), shape).numpy()


@pytest.fixture(scope="module")
def large() -> np.ndarray:
    """The noise of seven keys on 128 x 128 pixels of 3 channels, `[K, H, W, C]`."""
    return np.stack([noise(key, 128, 128, 3) for key in KEYS]).astype(np.float64)


def test_contrast_multiplies_before_brightness_is_added():
    image = tf.constant([[[0.25], [0.5]]])
    for brightness, contrast, expected in (
        (0.125, 1.0, [0.625, 1.125]),  # 0.25 x 2 + 0.125 and 0.5 x 2 + 0.125
        (0.0, -0.5, [0.125, 0.25]),
    ):
        numbers = tf.constant(brightness), tf.constant(contrast)
        result = intensity.brightness_contrast(image, *numbers)
        assert result.numpy().ravel().tolist() == expected


def test_the_mean_is_that_of_all_values():
    image = np.random.default_rng(0).random((40, 30, 3), np.float32)
    mean = tf.function(intensity.mean, jit_compile=True)(image)
    np.testing.assert_allclose(mean, image.astype(np.float64).mean(), rtol=1e-6)


def test_gamma_is_a_power_and_values_outside_are_clipped_before_it():
    image = tf.constant([[[0.25], [1.5], [-0.5], [0.0]]])
    for exponent, expected in ((0.5, [0.5, 1, 0, 0]), (2.0, [0.0625, 1, 0, 0])):
        result = intensity.gamma(image, tf.constant(exponent)).numpy()
        np.testing.assert_allclose(result.ravel(), expected, rtol=1e-6)


@pytest.mark.parametrize("exponent", [0.01, 0.8, 1.2, 10.0])
def test_gamma_is_as_exact_as_a_power(exponent):
    image = np.linspace(0, 1, 1001, dtype=np.float32).reshape(11, 91, 1)
    result = tf.function(intensity.gamma, jit_compile=True)(image, tf.constant(exponent))
    np.testing.assert_allclose(result, image.astype(np.float64) ** exponent, atol=1e-6)


def test_normalizing_is_done_channel_by_channel():
    image = tf.constant([[[0.5, 0.5], [1.0, 0.0]]])
    result = intensity.normalize(image, tf.constant([0.5, 0.25]), tf.constant([0.25, 0.5]))
    assert result.numpy().tolist() == [[[0.0, 0.5], [2.0, -0.5]]]


@pytest.mark.parametrize("jit_compile", [False, True])
def test_nothing_to_change_changes_no_bit_of_any_value(jit_compile):
    @tf.function(jit_compile=jit_compile)
    def unchanged(image: tf.Tensor, zero: tf.Tensor, one: tf.Tensor) -> list[tf.Tensor]:
        return [
            intensity.brightness_contrast(image, zero, zero),
            intensity.gamma(image, one),
            intensity.normalize(image, zero[None], one[None]),
            intensity.enlarged(image, (16, 16)),
        ]

    image = tf.random.stateless_uniform([16, 16, 2], [1, 2])
    for result in unchanged(image, tf.constant(0.0), tf.constant(1.0)):
        np.testing.assert_array_equal(result, image)


def test_an_enlarged_image_is_interpolated_between_the_centres_of_its_pixels():
    image = tf.reshape(tf.constant([0.0, 1.0]), (1, 2, 1))
    # The four centres lie at -1/4, 1/4, 3/4 and 5/4 of the two.
    result = intensity.enlarged(image, (2, 4))
    np.testing.assert_allclose(result[..., 0], [[0, 0.25, 0.75, 1]] * 2, atol=1e-6)


def test_holes_are_the_pixels_of_any_box_and_a_box_of_no_height_is_none():
    result = intensity.holes(
        (3, 4),
        tops=tf.constant([0, 1, 0]),
        heights=tf.constant([2, 2, 0]),
        lefts=tf.constant([0, 1, 0]),
        widths=tf.constant([1, 2, 4]),
    )
    assert result.numpy().astype(int).tolist() == [[1, 0, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0]]


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
    values = large[:, : shape[0] - shift[0], : shape[1] - shift[1], : shape[2] - shift[2]]
    neighbours = large[:, shift[0] :, shift[1] :, shift[2] :]
    for power in (1, 2):  # the squares too: sizes that go together are not seen in the values
        correlation = np.corrcoef(values.ravel() ** power, neighbours.ravel() ** power)[0, 1]
        assert abs(correlation) < 5 / np.sqrt(values.size)


def test_channels_have_noise_of_their_own(large):
    correlation = np.corrcoef(large.reshape(-1, 3), rowvar=False) - np.eye(3)
    assert np.abs(correlation).max() < 5 / np.sqrt(large.size / 3)


def test_keys_have_independent_noise_and_none_is_a_shifted_copy(large):
    flat = large.reshape(len(KEYS), -1)
    correlation = np.corrcoef(flat) - np.eye(len(KEYS))
    assert np.abs(correlation).max() < 5 / np.sqrt(flat.shape[1])
    # Two times 49152 draws from 2^23 numbers have 49152^2 / 2^23 = 288 in common by chance.
    for other in flat[1:]:
        assert np.isin(flat[0], other).sum() < 2 * 288


def test_the_noise_is_a_function_of_its_key():
    np.testing.assert_array_equal(noise(3, 7, 5, 2), noise(3, 7, 5, 2))
    assert np.abs(noise(3, 7, 5, 2) - noise(8, 7, 5, 2)).min() > 0


def test_the_largest_noise_of_a_million_values_is_finite_and_not_too_large():
    values = noise(11, 1024, 1024, 1)
    # 2^23 numbers: the outermost is 5.29 deviations away; of 2^20 normal ones one lies beyond 4.9
    assert 4.2 < np.abs(values).max() < 5.3
    assert abs(values.max() + values.min()) < 1.0


def test_xla_gives_the_same_noise_as_the_plain_graph():
    def some(key: tf.Tensor) -> tf.Tensor:
        return intensity.normal_noise(key, (40, 50, 3))

    graph, compiled = (tf.function(some, jit_compile=xla)(tf.constant(-6)) for xla in (False, True))
    # One hash; XLA's erfinv is another polynomial. Another bit of the hash would be seen: 2^-23 of
    # the share moves a value near 0 by 3e-7, but the mixing turns it into another number.
    np.testing.assert_allclose(compiled, graph, atol=2e-5)
