"""Coordinate fields: what a grid holds, and what a matrix does to it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfseg.kernels import field as fields
from tfseg.kernels import matrices

SIZES = [(1, 1), (1, 5), (4, 4), (5, 5), (3, 6)]


def random_matrix(draw: np.random.Generator) -> np.ndarray:
    matrix = np.eye(3, dtype=np.float32)
    matrix[:2] = draw.uniform(-3, 3, (2, 3))
    return matrix


@pytest.mark.parametrize("size", SIZES)
def test_a_grid_holds_each_pixels_own_place(size):
    field = fields.grid(size)
    assert field.y.dtype == field.x.dtype == tf.float32
    np.testing.assert_array_equal(field[:2], np.indices(size))
    assert field.is_grid


@given(st.sampled_from(SIZES), st.integers(0, 2**32 - 1))
def test_a_matrix_acts_on_columns_of_y_x_and_1(size, seed):
    matrix = random_matrix(np.random.default_rng(seed))
    y, x = np.indices(size, np.float64)
    expected = np.einsum("ij,jhw->ihw", matrix, np.stack([y, x, np.ones(size)]))[:2]
    field = fields.affine(fields.grid(size), tf.constant(matrix))
    np.testing.assert_allclose(field[:2], expected, atol=1e-5)
    assert not field.is_grid


@given(st.integers(0, 2**32 - 1))
def test_one_matrix_after_another_is_their_product(seed):
    draw = np.random.default_rng(seed)
    first, second = (tf.constant(random_matrix(draw)) for _ in range(2))
    apart = fields.affine(fields.affine(fields.grid((4, 5)), second), first)
    at_once = fields.affine(fields.grid((4, 5)), matrices.product(first, second))
    np.testing.assert_allclose(apart[:2], at_once[:2], atol=1e-4)


def test_the_identity_changes_no_bit_under_xla_and_without():
    grid = fields.grid((37, 52))

    def still(y: tf.Tensor, x: tf.Tensor) -> list[tf.Tensor]:
        return list(fields.affine(fields.Field(y, x), matrices.identity())[:2])

    for function in (still, tf.function(still, jit_compile=True)):
        np.testing.assert_array_equal(function(*grid[:2]), grid[:2])
