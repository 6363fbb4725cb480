"""Medians: SciPy's, on every size of image, and what the network leaves out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from tfseg.kernels import median


@pytest.mark.parametrize("size", median.SIZES)
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 4, 2), (11, 9, 3)])
def test_medians_are_those_of_scipy_to_the_bit(shape, size):
    draw = np.random.default_rng(0)
    # Half of them equal ones, so that ties are met.
    image = np.where(draw.random(shape) < 0.5, 0.25, draw.random(shape)).astype(np.float32)
    expected = scipy.ndimage.median_filter(image, size=(size, size, 1), mode="nearest")
    np.testing.assert_array_equal(median.median(tf.constant(image), size=size), expected)


def test_one_speck_is_removed_and_an_edge_stays():
    image = np.zeros((7, 8, 1), np.float32)
    image[:, 4:] = 1.0
    expected = image.copy()
    image[3, 1] = 1.0
    np.testing.assert_array_equal(median.median(tf.constant(image), size=3), expected)


def test_the_network_sorts_all_zeros_and_ones_and_so_everything():
    # Knuth's principle: what sorts all sequences of zeros and ones sorts all sequences.
    for count in (1, 2, 3, 5, 7, 13):
        rows = np.array(list(itertools.product([0, 1], repeat=count))).T
        for low, high in median._network(count):
            rows[low], rows[high] = np.minimum(*rows[[low, high]]), np.maximum(*rows[[low, high]])
        assert (np.diff(rows, axis=0) >= 0).all()


@pytest.mark.parametrize("size", median.SIZES)
def test_every_square_of_zeros_and_ones_has_its_median(size):
    # By the same principle these are all squares, but for the order within rows and columns.
    draw = np.random.default_rng(0)
    counts = list(itertools.combinations_with_replacement(range(size + 1), size))
    squares = np.arange(size)[:, None, None] < draw.permuted(np.array(counts).T, axis=0)
    image = draw.permuted(squares, axis=0).astype(np.float32)  # a square a channel
    result = median.median(tf.constant(image), size=size)[size // 2, size // 2]
    np.testing.assert_array_equal(result, np.median(image, axis=(0, 1)))


def test_xla_gives_what_the_plain_operations_give():
    image = tf.random.stateless_uniform([6, 5, 2], [1, 2])
    compiled = tf.function(lambda pixels: median.median(pixels, size=5), jit_compile=True)
    np.testing.assert_array_equal(compiled(image), median.median(image, size=5))
