"""Connected pieces and growth, against SciPy and a loop over pixels."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from tfseg.kernels.components import components, grow

SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9))


def slow_grow(labels: np.ndarray, mask: np.ndarray, steps: int) -> np.ndarray:
    """Returns one image's growth, pixel after pixel."""
    for _ in range(steps):
        before = labels
        labels = before.copy()
        for y, x in np.argwhere(mask & (before == 0)):
            around = [(y - 1, x), (y, x - 1), (y, x + 1), (y + 1, x)]
            inside = [p for p in around if 0 <= p[0] < mask.shape[0] and 0 <= p[1] < mask.shape[1]]
            labels[y, x] = min((before[p] for p in inside if before[p] > 0), default=0)
    return labels


@given(SHAPES.flatmap(lambda shape: arrays(bool, shape)))
def test_pieces_are_those_of_scipy_in_its_order(mask):
    numbers = components(tf.constant(mask))
    assert numbers.dtype == tf.int32
    np.testing.assert_array_equal(numbers, [ndimage.label(image)[0] for image in mask])


@pytest.mark.parametrize("share", [0.0, 0.3, 0.55, 0.6, 0.7, 1.0])
def test_pieces_of_large_noise_are_those_of_scipy(share):
    # Near 0.59 pieces wind through the whole image, which takes the most rounds
    mask = np.random.default_rng(1).random((2, 150, 130)) < share
    expected = [ndimage.label(image)[0] for image in mask]
    np.testing.assert_array_equal(components(tf.constant(mask)), expected)


def test_a_spiral_is_one_piece():
    mask = np.zeros((1, 61, 61), bool)
    y, x, step, length = 0, 0, (0, 1), 60
    mask[0, 0, 0] = True
    for turn in range(58):
        for _ in range(length):
            y, x = y + step[0], x + step[1]
            mask[0, y, x] = True
        step = (step[1], -step[0])
        length -= 2 if turn and turn % 2 == 0 else 0
    assert ndimage.label(mask[0])[1] == 1
    np.testing.assert_array_equal(components(tf.constant(mask)), mask)


@given(st.data(), SHAPES, st.integers(0, 5))
def test_growth_is_that_of_a_loop_over_pixels(data, shape, steps):
    labels = data.draw(arrays(np.int32, shape, elements=st.sampled_from([0, 0, 0, 0, 1, 2, 9])))
    mask = data.draw(arrays(bool, shape))
    expected = [slow_grow(*pair, steps) for pair in zip(labels, mask, strict=True)]
    numbers = grow(tf.constant(labels), tf.constant(mask), steps=steps)
    np.testing.assert_array_equal(numbers, expected)


def test_growth_without_a_limit_goes_as_far_as_the_mask():
    labels = np.zeros((1, 3, 200), np.int32)
    labels[0, 1, 0] = 5
    mask = np.zeros(labels.shape, bool)
    mask[0, 1, :150] = True
    mask[0, 1, 160:] = True
    numbers = grow(tf.constant(labels), tf.constant(mask)).numpy()
    np.testing.assert_array_equal(numbers[0, 1], [5] * 150 + [0] * 50)
