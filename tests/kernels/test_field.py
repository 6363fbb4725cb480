"""Coordinate fields: NumPy's flips and turns, exact moves, and composition without a loss."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfseg.kernels import field as fields
from tfseg.kernels import sampling
from tfseg.kernels.field import Field, Size

SIZES = [(1, 1), (1, 5), (4, 4), (5, 5), (3, 6)]


def picture(height: int, width: int, batch: int = 1) -> tf.Tensor:
    """Returns ids that are all different, `[B, H, W]` int32."""
    return tf.reshape(tf.range(1, batch * height * width + 1), (batch, height, width))


def start(labels: tf.Tensor) -> Field:
    return fields.identity(labels.shape[0], tuple(labels.shape[1:]))


def shifted(array: np.ndarray, y: int, x: int, fill: int) -> np.ndarray:
    """Moves the content of `[H, W]` down by y and right by x."""
    height, width = array.shape
    out = np.full_like(array, fill)
    for row in range(height):
        for column in range(width):
            if 0 <= row - y < height and 0 <= column - x < width:
                out[row, column] = array[row - y, column - x]
    return out


@pytest.mark.parametrize("size", SIZES)
def test_the_identity_holds_each_pixels_own_place(size):
    field = fields.identity(2, size)
    y, x = np.indices(size)
    assert field.y.dtype == field.x.dtype == tf.float32
    np.testing.assert_array_equal(field.y, [y, y])
    np.testing.assert_array_equal(field.x, [x, x])


@pytest.mark.parametrize("size", SIZES)
def test_flips_are_those_of_numpy_each_image_by_its_own_choice(size):
    labels = picture(*size, batch=4)
    y, x = tf.constant([False, True, False, True]), tf.constant([False, False, True, True])
    result = sampling.nearest(labels, fields.flip(start(labels), y, x, size=size), fill=-1)
    plain, down, right, both = labels.numpy()
    expected = [plain, np.flipud(down), np.fliplr(right), np.flipud(np.fliplr(both))]
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("side", [1, 2, 5, 8])
def test_quarter_turns_of_a_square_are_those_of_numpy_for_any_whole_number(side):
    turns = range(-5, 7)
    labels = picture(side, side, batch=len(turns))
    field = fields.quarter_turns(start(labels), tf.constant(turns), size=(side, side))
    expected = [np.rot90(each, count) for each, count in zip(labels, turns, strict=True)]
    np.testing.assert_array_equal(sampling.nearest(labels, field, fill=-1), expected)
    images = tf.cast(labels, tf.float32)[..., None]
    np.testing.assert_array_equal(sampling.bilinear(images, field)[..., 0], expected)


def test_a_quarter_turn_of_an_oblong_image_keeps_its_middle_square():
    labels = picture(3, 5)
    turned = fields.quarter_turns(start(labels), tf.constant([1]), size=(3, 5))
    # 1  2  3  4  5      the middle 3 x 3 is turned; what stood left and right of it would lie
    # 6  7  8  9 10      above and below the image, and nothing comes from there
    # 11 12 13 14 15
    expected = [[-1, 4, 9, 14, -1], [-1, 3, 8, 13, -1], [-1, 2, 7, 12, -1]]
    assert sampling.nearest(labels, turned, fill=-1).numpy().tolist() == [expected]
    half = fields.quarter_turns(start(labels), tf.constant([2]), size=(3, 5))
    np.testing.assert_array_equal(sampling.nearest(labels, half)[0], labels[0].numpy()[::-1, ::-1])


@given(st.sampled_from(SIZES), st.integers(-7, 7), st.integers(-7, 7))
def test_a_whole_move_is_exact_and_fills_what_comes_into_view(size, y, x):
    labels = picture(*size)
    field = fields.translate(start(labels), float(y), float(x))
    result = sampling.nearest(labels, field, fill=-1)[0]
    np.testing.assert_array_equal(result, shifted(labels[0].numpy(), y, x, -1))


def test_every_image_of_a_batch_moves_by_its_own_distance():
    labels = picture(4, 5, batch=2)
    field = fields.translate(start(labels), tf.constant([1.0, -2.0]), tf.constant([0.0, 3.0]))
    expected = [shifted(labels[0].numpy(), 1, 0, 0), shifted(labels[1].numpy(), -2, 3, 0)]
    np.testing.assert_array_equal(sampling.nearest(labels, field), expected)


@pytest.mark.parametrize(
    ("source", "size", "rows", "columns"),
    [
        ((6, 8), (2, 4), slice(2, 4), slice(2, 6)),
        ((5, 5), (2, 2), slice(1, 3), slice(1, 3)),  # an odd rest: one more below and to the right
        ((3, 4), (3, 4), slice(0, 3), slice(0, 4)),
        ((1, 3), (1, 1), slice(0, 1), slice(1, 2)),
    ],
)
def test_a_crop_is_the_middle(source, size, rows, columns):
    labels = picture(*source)
    field = fields.center_crop(fields.identity(1, size), source, size)
    np.testing.assert_array_equal(sampling.nearest(labels, field)[0], labels[0, rows, columns])


@pytest.mark.parametrize("size", [(1, 1), (7, 7), (5, 9)])
@pytest.mark.parametrize(("degrees", "scale"), [(0, 1), (30, 1), (-135, 0.5), (200, 3), (90, 1)])
def test_a_turn_with_enlargement_is_a_product_of_complex_numbers(size, degrees, scale):
    field = fields.rotate_scale(
        fields.identity(1, size),
        tf.constant([math.radians(degrees)]),
        tf.constant([float(scale)]),
        size=size,
    )
    center = complex((size[1] - 1) / 2, -(size[0] - 1) / 2)  # the imaginary axis points up
    y, x = np.indices(size)
    # Content at z goes to c + (z - c) * scale * e^(i angle), so z is read from the reverse.
    turn = scale * np.exp(1j * np.deg2rad(degrees))
    source = center + (x - 1j * y - center) / turn
    np.testing.assert_allclose(field.x[0], source.real, atol=1e-5)
    np.testing.assert_allclose(field.y[0], -source.imag, atol=1e-5)


def test_a_turn_by_nothing_changes_no_bit():
    size = (37, 52)
    before = fields.identity(1, size)
    after = fields.rotate_scale(before, tf.zeros([1]), tf.ones([1]), size=size)
    np.testing.assert_array_equal(after.y, before.y)
    np.testing.assert_array_equal(after.x, before.x)


# Content, so the first in a list acts first; on a square none of them loses a pixel.
MOVES = {
    "down": (lambda f, s: fields.flip(f, [True], [False], size=s), np.flipud),
    "right": (lambda f, s: fields.flip(f, [False], [True], size=s), np.fliplr),
    "quarter": (lambda f, s: fields.quarter_turns(f, tf.constant([1]), size=s), np.rot90),
    "three": (
        lambda f, s: fields.quarter_turns(f, tf.constant([3]), size=s),
        functools.partial(np.rot90, k=3),
    ),
}


@given(
    st.lists(st.sampled_from(sorted(MOVES)), max_size=6),
    st.integers(-3, 3),
    st.integers(-3, 3),
    st.integers(1, 6),
)
def test_edits_in_reverse_order_are_moves_one_after_another(names, y, x, side):
    labels, size = picture(side, side), (side, side)
    expected = labels[0].numpy()
    for name in names:
        expected = MOVES[name][1](expected)
    expected = shifted(expected, y, x, -1)

    field = fields.translate(start(labels), float(y), float(x))  # acts last: edits first
    for name in reversed(names):
        field = MOVES[name][0](field, size)
    np.testing.assert_array_equal(sampling.nearest(labels, field, fill=-1)[0], expected)


def test_a_move_out_of_the_image_and_back_loses_nothing():
    labels = picture(4, 4)
    field = fields.translate(fields.translate(start(labels), 3.0, -3.0), -3.0, 3.0)
    np.testing.assert_array_equal(sampling.nearest(labels, field, fill=-1), labels)


def test_turns_add_up_and_enlargements_multiply():
    size: Size = (9, 12)
    parts = [(0.3, 2.0), (1.1, 0.7), (-2.0, 1.5)]
    field = fields.identity(1, size)
    for radians, scale in parts:
        field = fields.rotate_scale(field, tf.constant([radians]), tf.constant([scale]), size=size)
    whole = fields.rotate_scale(
        fields.identity(1, size), tf.constant([-0.6]), tf.constant([2.1]), size=size
    )
    np.testing.assert_allclose(field.y, whole.y, atol=1e-5)
    np.testing.assert_allclose(field.x, whole.x, atol=1e-5)


def test_four_turns_by_90_degrees_are_one_quarter_turn_each():
    size: Size = (6, 6)
    batch = fields.identity(4, size)
    radians = tf.constant([0.0, 0.5, 1.0, 1.5]) * math.pi
    by_angle = fields.rotate_scale(batch, radians, tf.ones([4]), size=size)
    by_quarter = fields.quarter_turns(batch, tf.range(4), size=size)
    np.testing.assert_allclose(by_angle.y, by_quarter.y, atol=1e-5)
    np.testing.assert_allclose(by_angle.x, by_quarter.x, atol=1e-5)
