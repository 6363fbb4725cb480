"""Blur along a line: lines drawn by hand, and SciPy's sum of the pixels on them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from tfseg.kernels import motion


def line(size: int, degrees: float, direction: float, shift: tuple[float, float]) -> np.ndarray:
    """Returns the filter of a line, `[9, 9]`, with the largest size 9."""
    numbers = (tf.constant(value, tf.float32) for value in (degrees, direction, shift))
    pixels, weights = motion.line(tf.constant(size), *numbers, largest=9)
    square = np.zeros((9, 9))
    np.add.at(square, tuple(pixels.numpy().T + 4), weights.numpy())
    return square


@pytest.mark.parametrize(
    ("arguments", "pixels"),
    [
        ((5, 0, 0, (0, 0)), [(0, -2), (0, -1), (0, 0), (0, 1), (0, 2)]),
        ((5, 90, 0, (0, 0)), [(-2, 0), (-1, 0), (0, 0), (1, 0), (2, 0)]),
        ((5, 0, 1, (0, 0)), [(0, 0), (0, 1), (0, 2)]),  # at 0, 0.5, 1, 1.5, 2 from pixel 2
        ((5, 90, -1, (0, 0)), [(-2, 0), (-1, 0), (0, 0)]),
        ((3, 40, 0, (0, 0)), [(-1, -1), (0, 0), (1, 1)]),  # 0.77 and 0.64 away
        ((9, 0, 0, (1, 0)), [(2, x) for x in range(-4, 5)]),  # a quarter of 8 pixels down
        ((5, 0, 0, (0, 1)), [(0, -1), (0, 0), (0, 1), (0, 2)]),  # two pixels on the border
    ],
)
def test_the_line_has_the_pixels_worked_out_by_hand_with_equal_weights(arguments, pixels):
    expected = np.zeros((9, 9))
    expected[tuple(np.transpose(pixels) + 4)] = 1 / len(pixels)
    np.testing.assert_allclose(line(*arguments), expected, atol=1e-7)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 5, 2), (12, 9, 3)])
def test_the_sum_is_that_of_scipy(shape):
    draw = np.random.default_rng(0)
    image = draw.random(shape, np.float32)
    pixels = draw.integers(-3, 4, (5, 2)).astype(np.int32)
    weights = np.array([0.3, 0.0, 0.2, 0.5, 0.0], np.float32)
    square = np.zeros((7, 7, 1))
    np.add.at(square, (*(pixels.T + 3), 0), weights)
    expected = scipy.ndimage.correlate(image.astype(np.float64), square, mode="mirror")
    result = motion.scattered(tf.constant(image), pixels, tf.constant(weights), reach=3)
    np.testing.assert_allclose(result, expected, atol=1e-6)
