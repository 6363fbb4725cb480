"""Muon: what it does to a kernel, held against NumPy, and what it leaves to AdamW."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tfseg.training.muon import Muon

RATE, DECAY = 0.01, 0.1


def one_step(
    value: np.ndarray, gradient: np.ndarray, name: str = "kernel", **options
) -> np.ndarray:
    """Returns the change of a variable by the first step, without the weight decay's."""
    variable = keras.Variable(value, name=name)
    optimizer = Muon(RATE, weight_decay=0.0, adam_weight_decay=0.0, **options)
    optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
    return variable.numpy() - value


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(3, 3, 4, 16), (3, 3, 16, 4), (1, 1, 8, 8), (12, 5)], ids=str)
def test_a_kernel_moves_along_the_orthogonal_matrix_nearest_to_its_gradient(shape):
    gradient = draw(*shape)
    matrix = gradient.reshape(-1, shape[-1])
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    change = one_step(draw(*shape), gradient).reshape(matrix.shape)
    size = RATE * 0.2 * np.sqrt(max(matrix.shape))
    # Five Newton-Schulz steps bring the singular values between 0.68 and 1.14, not to 1
    along = left.T @ (-change / size) @ right.T
    assert np.all((np.diag(along) > 0.6) & (np.diag(along) < 1.25))
    np.testing.assert_allclose(along - np.diag(np.diag(along)), 0.0, atol=1e-3)


@pytest.mark.parametrize("shape", [(16,), (3, 3, 8, 1), (1, 1, 1, 8)], ids=str)
def test_what_is_no_matrix_is_left_to_adamw(shape):
    gradient = draw(*shape)
    # The first step of Adam is the rate along the sign of the gradient, whatever its size
    np.testing.assert_allclose(
        one_step(draw(*shape), gradient), -RATE * np.sign(gradient), rtol=1e-3
    )


def test_a_layer_is_left_to_adamw_by_its_name():
    shape = (3, 3, 4, 8)
    gradient = draw(*shape)
    change = one_step(draw(*shape), gradient, name="center_offset", exclude_layers=["center"])
    np.testing.assert_allclose(change, -RATE * np.sign(gradient), rtol=0.01)


def test_a_kernel_and_a_bias_share_one_learning_rate():
    kernel, bias = (
        one_step(np.zeros(shape, np.float32), draw(*shape)) for shape in [(3, 3, 32, 64), (64,)]
    )
    ratio = np.sqrt(np.mean(kernel**2)) / np.sqrt(np.mean(bias**2))
    assert 0.1 < ratio < 0.3  # Adam's updates are about 0.2 of the rate later on


def test_momentum_carries_a_kernel_on():
    variable = keras.Variable(np.zeros((3, 3, 2, 4), np.float32), name="kernel")
    optimizer = Muon(RATE, weight_decay=0.0, adam_weight_decay=0.0)
    for gradient in (draw(3, 3, 2, 4), np.zeros((3, 3, 2, 4), np.float32)):
        before = variable.numpy()
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
    step = variable.numpy() - before
    assert float(np.sum(step * before)) > 0.9 * np.linalg.norm(step) * np.linalg.norm(before)


def test_weights_decay_by_the_rate_times_the_decay():
    value = draw(3, 3, 2, 4)
    variable = keras.Variable(value, name="kernel")
    optimizer = Muon(RATE, weight_decay=DECAY, adam_weight_decay=0.0)
    optimizer.apply([keras.ops.zeros((3, 3, 2, 4))], [variable])
    np.testing.assert_allclose(variable.numpy(), value * (1 - RATE * DECAY), rtol=1e-6)


def test_it_comes_back_from_its_configuration():
    optimizer = Muon(RATE, weight_decay=DECAY, exclude_layers=["last"])
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(again, Muon)
    assert (again.weight_decay, again.exclude_layers) == (DECAY, ["last"])
