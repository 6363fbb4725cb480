"""Matrices: NumPy's flips and turns, hand-worked numbers, and exactness at 8192 pixels."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseg.kernels import field as fields
from tfseg.kernels import matrices, sampling
from tfseg.kernels.field import Size

SIZES = [(1, 1), (1, 4), (2, 2), (5, 5), (3, 6), (7, 3), (8, 5)]
LARGE = 8192


def picture(size: Size) -> np.ndarray:
    """Returns ids that are all different, `[H, W]`."""
    return np.arange(1, size[0] * size[1] + 1, dtype=np.int32).reshape(size)


def moved(label: np.ndarray, matrix: tf.Tensor, size: Size | None = None) -> np.ndarray:
    field = fields.affine(fields.grid(size or label.shape), matrix)
    return sampling.ids(tf.constant(label), field, fill=-1).numpy()


def shifted(array: np.ndarray, y: int, x: int) -> np.ndarray:
    """Moves the content of `[H, W]` down by y and right by x."""
    height, width = array.shape
    wide = np.pad(array, ((abs(y), abs(y)), (abs(x), abs(x))), constant_values=-1)
    top, left = abs(y) - y, abs(x) - x
    return wide[top : top + height, left : left + width]


def through(matrix: tf.Tensor, *points: tuple[float, float]) -> np.ndarray:
    """Sends points (y, x) through a matrix, in float64."""
    columns = np.array([(y, x, 1.0) for y, x in points]).T
    return (matrix.numpy().astype(np.float64) @ columns)[:2].T


@pytest.mark.parametrize("size", SIZES)
def test_flips_are_those_of_numpy(size):
    label = picture(size)
    np.testing.assert_array_equal(moved(label, matrices.flip_y(size)), np.flipud(label))
    np.testing.assert_array_equal(moved(label, matrices.flip_x(size)), np.fliplr(label))


@pytest.mark.parametrize("side", [1, 2, 5, 8])
def test_quarter_turns_and_transposition_of_a_square_are_those_of_numpy(side):
    label = picture((side, side))
    for turns in range(-5, 7):
        turned = matrices.quarter_turns(tf.constant(turns), (side, side))
        np.testing.assert_array_equal(moved(label, turned), np.rot90(label, turns))
    np.testing.assert_array_equal(moved(label, matrices.transpose((side, side))), label.T)


def test_a_quarter_turn_of_an_oblong_image_keeps_its_middle_square():
    label = picture((3, 5))
    # 1  2  3  4  5      the middle 3 x 3 is turned; what stood left and right of it would lie
    # 6  7  8  9 10      above and below the image, and nothing comes from there
    # 11 12 13 14 15
    turned = moved(label, matrices.quarter_turns(tf.constant(1), (3, 5)))
    assert turned.tolist() == [[-1, 4, 9, 14, -1], [-1, 3, 8, 13, -1], [-1, 2, 7, 12, -1]]
    half = moved(label, matrices.quarter_turns(tf.constant(2), (3, 5)))
    np.testing.assert_array_equal(half, label[::-1, ::-1])
    exchanged = moved(label, matrices.transpose((3, 5)))
    assert exchanged.tolist() == [[-1, 2, 7, 12, -1], [-1, 3, 8, 13, -1], [-1, 4, 9, 14, -1]]


def test_where_the_sides_differ_by_an_odd_number_pixels_fall_upon_pixels():
    label = picture((2, 3))
    # 1 2 3    about the place between 2, 3, 5 and 6, half a pixel right of the centre
    # 4 5 6
    turned = moved(label, matrices.quarter_turns(tf.constant(1), (2, 3)))
    assert turned.tolist() == [[-1, 3, 6], [-1, 2, 5]]
    assert moved(label, matrices.transpose((2, 3))).tolist() == [[-1, 2, 5], [-1, 3, 6]]


@pytest.mark.parametrize("size", [(2, 3), (3, 6), (8, 5), (8191, 8192), (1, 8192)])
def test_four_quarter_turns_and_two_transpositions_are_nothing_on_any_size(size):
    turn = matrices.quarter_turns(tf.constant(1), size)
    exchange = matrices.transpose(size)
    assert np.all(turn.numpy() == np.floor(turn))
    np.testing.assert_array_equal(matrices.product(turn, turn, turn, turn), np.eye(3))
    np.testing.assert_array_equal(matrices.product(exchange, exchange), np.eye(3))
    three = matrices.quarter_turns(tf.constant(3), size)
    np.testing.assert_array_equal(matrices.product(turn, three), np.eye(3))


@given(st.sampled_from(SIZES), st.integers(-7, 7), st.integers(-7, 7))
def test_a_whole_move_is_exact_and_fills_what_comes_into_view(size, y, x):
    label = picture(size)
    result = moved(label, matrices.translate(float(y), float(x)))
    np.testing.assert_array_equal(result, shifted(label, y, x))


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
    label = picture(source)
    result = moved(label, matrices.center_crop(source, size), size)
    np.testing.assert_array_equal(result, label[rows, columns])


@given(st.sampled_from(SIZES), st.integers(0, 4), st.integers(0, 4))
def test_a_larger_size_and_back_is_where_it_was(size, more, wider):
    larger = size[0] + more, size[1] + wider
    padding, crop = matrices.center_crop(size, larger), matrices.center_crop(larger, size)
    np.testing.assert_array_equal(matrices.product(padding, crop), np.eye(3))


@pytest.mark.parametrize("size", [(1, 1), (7, 7), (5, 9)])
@pytest.mark.parametrize(("degrees", "scale"), [(0, 1), (30, 1), (-135, 0.5), (200, 3), (90, 1)])
def test_a_turn_with_enlargement_is_a_product_of_complex_numbers(size, degrees, scale):
    matrix = matrices.product(
        matrices.rotate(tf.constant(math.radians(degrees)), size),
        matrices.scale(tf.constant(float(scale)), tf.constant(float(scale)), size),
    )
    field = fields.affine(fields.grid(size), matrix)
    center = complex((size[1] - 1) / 2, -(size[0] - 1) / 2)  # the imaginary axis points up
    y, x = np.indices(size)
    # Content at z goes to c + (z - c) * scale * e^(i angle), so z is read from the reverse.
    turn = scale * np.exp(1j * np.deg2rad(degrees))
    source = center + (x - 1j * y - center) / turn
    np.testing.assert_allclose(field.x, source.real, atol=1e-5)
    np.testing.assert_allclose(field.y, -source.imag, atol=1e-5)


def test_heights_and_widths_are_enlarged_each_by_its_own_number():
    matrix = matrices.scale(2.0, 0.5, (5, 9))
    # about (2, 4): y = 2 + (v - 2) / 2, x = 4 + (u - 4) x 2
    assert through(matrix, (0, 0), (2, 4), (4, 5)).tolist() == [[1, -4], [2, 4], [3, 6]]


def test_a_slant_moves_content_along_each_axis_by_the_distance_along_the_other():
    matrix = matrices.shear(tf.constant(math.atan(0.5)), tf.constant(math.atan(0.25)), (5, 9))
    # Content at (1, 2) from the centre goes to (1 - 2 / 2, 2 - 1 / 4) = (0, 1.75)
    center = np.array([2.0, 4.0])
    np.testing.assert_allclose(through(matrix, (2.0, 5.75)), [center + (1, 2)], atol=1e-5)
    # and at (-1, 0) to (-1, 0.25)
    np.testing.assert_allclose(through(matrix, (1.0, 4.25)), [center + (-1, 0)], atol=1e-5)


@pytest.mark.parametrize(
    ("old", "new", "coordinates"),
    [
        (4, 8, [-0.25, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25]),
        (4, 2, [0.5, 2.5]),
        (6, 2, [1, 4]),
        (1, 3, [-1 / 3, 0, 1 / 3]),
        (5, 5, [0, 1, 2, 3, 4]),
    ],
)
def test_a_resize_lays_edge_upon_edge(old, new, coordinates):
    """Pixel i is read at (i + 1/2) old / new - 1/2."""
    rows = through(matrices.resize((old, 1), (new, 1)), *((i, 0) for i in range(new)))
    columns = through(matrices.resize((1, old), (1, new)), *((0, i) for i in range(new)))
    np.testing.assert_allclose(rows, [(coordinate, 0) for coordinate in coordinates], atol=1e-6)
    np.testing.assert_allclose(columns, [(0, coordinate) for coordinate in coordinates], atol=1e-6)


def test_a_resize_to_a_drawn_size_that_is_the_same_changes_no_bit_under_xla():
    @functools.partial(tf.function, jit_compile=True)
    def all_sizes(lengths: tf.Tensor) -> tf.Tensor:
        return tf.stack(
            [
                matrices.resize((lengths[i], lengths[i]), (side, side))
                for i, side in enumerate(range(1, 130, 8))
            ]
        )

    result = all_sizes(tf.range(1.0, 130.0, 8.0))
    np.testing.assert_array_equal(result, np.broadcast_to(np.eye(3), result.shape))


# What a move does to content, so the first in a list acts first.
MOVES = {
    "down": (matrices.flip_y, np.flipud),
    "right": (matrices.flip_x, np.fliplr),
    "exchange": (matrices.transpose, np.transpose),
    "quarter": (lambda size: matrices.quarter_turns(tf.constant(1), size), np.rot90),
    "three": (
        lambda size: matrices.quarter_turns(tf.constant(3), size),
        functools.partial(np.rot90, k=3),
    ),
    "still": (lambda size: matrices.rotate(tf.constant(0.0), size), np.copy),
}


@settings(max_examples=50)
@given(
    st.lists(st.sampled_from(sorted(MOVES)), max_size=6),
    st.integers(-3, 3),
    st.integers(-3, 3),
    st.integers(1, 6),
)
def test_a_product_is_the_moves_one_after_another(names, y, x, side):
    label = expected = picture((side, side))
    for name in names:
        expected = MOVES[name][1](expected)
    matrix = matrices.product(
        matrices.identity(),
        *(MOVES[name][0]((side, side)) for name in names),
        matrices.translate(float(y), float(x)),
    )
    np.testing.assert_array_equal(moved(label, matrix), shifted(expected, y, x))


def test_a_move_out_of_the_image_and_back_loses_nothing():
    move, inverse = matrices.translate(3.0, -3.0), matrices.translate(-3.0, 3.0)
    np.testing.assert_array_equal(matrices.product(move, inverse), np.eye(3))


@settings(max_examples=30)
@given(st.lists(st.sampled_from(sorted(MOVES)), min_size=8, max_size=12), st.data())
def test_products_of_whole_moves_are_exact_at_8192_pixels(names, data):
    size = data.draw(st.sampled_from([(LARGE, LARGE), (LARGE - 1, LARGE), (LARGE, 1)]))
    y, x = (float(data.draw(st.integers(-LARGE, LARGE))) for _ in range(2))
    parts = [MOVES[name][0](size) for name in names] + [matrices.translate(y, x)]
    expected = functools.reduce(np.matmul, [part.numpy().astype(np.float64) for part in parts])
    matrix = matrices.product(*parts)
    np.testing.assert_array_equal(matrix, expected)
    coordinates = [0.0, 1.0, LARGE - 1.0]
    corners = fields.Field(
        *(tf.constant(plane) for plane in np.float32(np.meshgrid(coordinates, coordinates)))
    )
    plane = np.stack([*corners[:2], np.ones((3, 3))])
    np.testing.assert_array_equal(
        fields.affine(corners, matrix)[:2], np.einsum("ij,jhw->ihw", expected, plane)[:2]
    )


def exact(numbers: np.ndarray) -> np.ndarray:
    """Returns the matrix of `general` in float64, by inverting the way of the content."""
    radians, scale, down, right, y, x = numbers.astype(np.float64)
    center = np.eye(3)
    center[:2, 2] = (LARGE - 1) / 2
    sine, cosine = np.sin(radians), np.cos(radians)
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    slant = np.array([[1, -np.tan(down), 0], [-np.tan(right), 1, 0], [0, 0, 1]])
    shift = np.array([[1, 0, y], [0, 1, x], [0, 0, 1]])
    grown = np.diag([scale, scale, 1])
    return np.linalg.inv(shift @ center @ slant @ grown @ turn @ np.linalg.inv(center))


def general(numbers: tf.Tensor) -> list[tf.Tensor]:
    size = (LARGE, LARGE)
    return [
        matrices.rotate(numbers[0], size),
        matrices.scale(numbers[1], numbers[1], size),
        matrices.shear(numbers[2], numbers[3], size),
        matrices.translate(numbers[4], numbers[5]),
    ]


def test_a_product_of_any_moves_is_within_a_hundredth_of_a_pixel_at_8192_pixels():
    """200 products of three turns, enlargements, slants and shifts; 0.006 at most was measured."""
    draw = np.random.default_rng(0)
    pixels = np.array([[0, 0, 8191, 8191, 4000, 17], [0, 8191, 0, 8191, 4100, 8000]], np.float32)

    @functools.partial(tf.function, jit_compile=True)
    def places_of(y: tf.Tensor, x: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
        matrix = matrices.product(*(part for draw in tf.unstack(numbers) for part in general(draw)))
        return tf.stack(fields.affine(fields.Field(y, x), matrix)[:2])

    count = 0
    for _ in range(200):
        low = [-math.pi, 0.5, -0.3, -0.3, -2000, -2000]
        numbers = draw.uniform(low, [math.pi, 2.0, 0.3, 0.3, 2000, 2000], (3, 6)).astype(np.float32)
        matrix = functools.reduce(np.matmul, map(exact, numbers))
        expected = (matrix @ np.array([*pixels, np.ones(6)]))[:2]
        # What is farther out than the picture is large is out of the picture anyway.
        near = np.all((expected > -LARGE) & (expected < 2 * LARGE), axis=0)
        error = places_of(*pixels, tf.constant(numbers)).numpy() - expected
        assert np.abs(error[:, near]).max(initial=0) < 0.01
        count += near.sum()
    assert count > 200
