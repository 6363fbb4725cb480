"""Colours: the hexcone model of the standard library, skimage's Lab, the grey of ITU-R 601."""

from __future__ import annotations

import colorsys
import warnings

import numpy as np
import pytest
import skimage.color
import tensorflow as tf

from tfseg.kernels import color

# Every combination of five levels: grey, pure and dark colours, two equal channels.
LEVELS = [0.0, 0.25, 0.5, 0.875, 1.0]
PALETTE = np.stack(np.meshgrid(LEVELS, LEVELS, LEVELS), axis=-1).reshape(5, 25, 3)


def shifted(image: np.ndarray, hue: float, saturation: float, value: float) -> np.ndarray:
    numbers = (tf.constant(number, tf.float32) for number in (hue, saturation, value))
    return color.shift_hsv(tf.constant(image, tf.float32), *numbers).numpy()


def by_colorsys(pixel: np.ndarray, hue: float, saturation: float, value: float) -> np.ndarray:
    h, s, v = colorsys.rgb_to_hsv(*pixel)
    s = min(max(s + saturation, 0), 1) if s > 0 else 0
    return np.array(colorsys.hsv_to_rgb((h + hue) % 1, s, min(max(v + value, 0), 1)), float)


@pytest.mark.parametrize(
    ("hue", "saturation", "value"),
    [
        (0.1, 0.0, 0.0),
        (-0.37, 0.3, 0.0),  # below 0, so the circle is closed
        (1.0, 0.0, 0.2),  # a full turn
        (-1.0, -0.4, -0.3),
        (0.5, 1.0, 1.0),  # clipped at 1
        (0.0, -1.0, -1.0),  # clipped at 0
    ],
)
def test_shifts_are_those_of_the_standard_library(hue, saturation, value):
    expected = np.apply_along_axis(by_colorsys, -1, PALETTE, hue, saturation, value)
    result = shifted(PALETTE, hue, saturation, value)
    np.testing.assert_allclose(result, expected, atol=2e-6)


def test_a_third_of_the_circle_makes_green_of_red_and_blue_of_green():
    red_and_green = np.array([[[1.0, 0.0, 0.0], [0.0, 0.5, 0.0]]])
    result = shifted(red_and_green, 1 / 3, 0.0, 0.0)
    np.testing.assert_allclose(result, [[[0, 1, 0], [0, 0, 0.5]]], atol=1e-6)


def test_grey_stays_grey_and_black_stays_finite():
    grey = np.array([[[0.0] * 3, [0.5] * 3, [1.0] * 3]])
    np.testing.assert_allclose(shifted(grey, 0.4, 0.9, 0.0), grey, atol=1e-7)


def test_no_shift_changes_no_bit():
    image = np.random.default_rng(0).random((16, 16, 3), np.float32)
    np.testing.assert_array_equal(shifted(image, 0, 0, 0), image)


def test_grey_is_the_weighted_mean_in_all_channels():
    image = tf.constant([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.5, 0.25, 1.0]]])
    # 0.299 / 2 + 0.587 / 4 + 0.114 = 0.41025
    expected = [[[luma] * 3 for luma in (0.299, 0.587, 0.114, 0.41025)]]
    np.testing.assert_allclose(color.gray(image), expected, atol=1e-6)


def test_lab_is_that_of_skimage_and_back_again():
    lab = color.to_lab(tf.constant(PALETTE, tf.float32))
    # Out of 100 and 128; the white of scikit-image has 5 digits.
    np.testing.assert_allclose(lab, skimage.color.rgb2lab(PALETTE), atol=0.01)
    np.testing.assert_allclose(color.from_lab(lab), PALETTE, atol=2e-5)
    darker = lab.numpy() * [0.9, 1.0, 1.0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # colours that sRGB does not have
        expected = skimage.color.lab2rgb(darker)
    np.testing.assert_allclose(color.from_lab(tf.constant(darker, tf.float32)), expected, atol=1e-3)


@pytest.mark.parametrize("size", [(1, 1), (7, 4)])
def test_xla_gives_what_the_plain_operations_give(size):
    image = tf.random.stateless_uniform([*size, 3], [1, 2])
    numbers = [tf.constant(number) for number in (0.2, -0.1, 0.15)]

    def both(image: tf.Tensor, *numbers: tf.Tensor) -> list[tf.Tensor]:
        lab = color.to_lab(image)
        return [color.shift_hsv(image, *numbers), color.gray(image), lab / 100, color.from_lab(lab)]

    compiled = tf.function(both, jit_compile=True)(image, *numbers)
    for plain, fast in zip(both(image, *numbers), compiled, strict=True):
        assert fast.shape == image.shape
        np.testing.assert_allclose(fast, plain, atol=1e-5)
