"""Bends: the maps of albumentations, float64 and SciPy references, and nothing where nothing is."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage, stats

from tfseg.kernels import field as fields
from tfseg.kernels import intensity, warps
from tfseg.kernels.field import Field, Size

SIZES = [(1, 1), (1, 5), (4, 4), (7, 10)]
SQUARE = np.array([[0, 0], [0, 1], [1, 1], [1, 0]], np.float64)  # (y, x), clockwise from the top
CORNERS = np.array([[0.1, 0.05], [0.03, 0.9], [0.8, 0.93], [0.95, 0.2]])
STEPS = np.array([1.2, 0.7, 1.1, 0.9])


def coordinates(y: np.ndarray, x: np.ndarray) -> Field:
    return Field(*(tf.constant(value, tf.float32) for value in np.broadcast_arrays(y, x)))


def moves(field: Field, size: Size) -> np.ndarray:
    """Returns how far a field moves every pixel, `[2, H, W]` float64."""
    return np.stack([field.y, field.x]).astype(np.float64) - np.indices(size)


def elastic(key: int, alpha: float, sigma: float, size: Size, *, same: bool = False) -> np.ndarray:
    """Returns how far `warps.elastic` moves every pixel of a picture, `[2, H, W]`."""
    start = fields.grid(size)
    return moves(
        warps.elastic(start, tf.constant(key), alpha=alpha, sigma=sigma, size=size, same=same), size
    )


def noise(key: int, sigma: float, size: Size) -> np.ndarray:
    """Returns the noise of `elastic` before the blur's height, from its definition, [2, H, W]."""
    count = [math.ceil((length - 1) / sigma) + 9 for length in size]
    normal = intensity.normal_noise(tf.constant(key), (count[0], 2, count[1])).numpy()
    rows, columns = (
        np.exp(-((np.arange(n)[:, None] - sigma * np.arange(-4, m - 4)) ** 2) / (2 * sigma**2))
        for n, m in zip(size, count, strict=True)
    )
    return np.einsum("ya,apb,xb->pyx", rows, normal.astype(np.float64), columns) / (
        2 * math.pi * sigma
    )


def stretched(coordinate: np.ndarray, steps: np.ndarray, edges: list[int]) -> np.ndarray:
    """Returns where a place in pixels from the edge reads, by interpolation between the lines."""
    lines = np.concatenate([[0.0], np.cumsum(steps[: len(edges) - 1] * np.diff(edges))])
    beyond = steps[0] * np.minimum(coordinate, 0) + steps[len(edges) - 2] * np.maximum(
        coordinate - edges[-1], 0
    )
    return np.interp(coordinate, edges, lines) + beyond


def projected(y: np.ndarray, x: np.ndarray, corners: np.ndarray, size: Size) -> np.ndarray:
    """Returns `[2, ...]`: the projection through four pairs of points, as a linear system."""
    rows, values = [], []
    ends, starts = corners * size, SQUARE * size
    for (to_y, to_x), (v, u) in zip(ends, starts, strict=True):
        rows += [[v, u, 1, 0, 0, 0, -to_y * v, -to_y * u], [0, 0, 0, v, u, 1, -to_x * v, -to_x * u]]
        values += [to_y, to_x]
    matrix = np.append(np.linalg.solve(np.array(rows), values), 1.0).reshape(3, 3)
    out = np.einsum("ij,j...->i...", matrix, np.stack([y + 0.5, x + 0.5, np.ones_like(y)]))
    return out[:2] / out[2] - 0.5


@pytest.mark.parametrize("size", SIZES)
def test_bends_of_strength_0_change_no_bit(size):
    field = fields.grid(size)
    ones = tf.ones(4)
    fitted = [warps.fitted(ones, length) for length in size]
    for bent in (
        warps.elastic(field, tf.constant(3), alpha=0.0, sigma=2.0, size=size),
        warps.grid_distortion(field, *fitted, size=size),
        warps.camera(field, tf.constant(0.0), size=size),
        warps.fisheye(field, tf.constant(0.0), size=size),
        warps.perspective(field, tf.constant(SQUARE, tf.float32), size=size),
    ):
        np.testing.assert_array_equal(bent.y, field.y)
        np.testing.assert_array_equal(bent.x, field.x)
        assert not bent.is_grid


def test_elastic_moves_by_bells_on_a_lattice_of_normal_numbers():
    size, sigma, alpha = (23, 17), 2.5, 7.0
    expected = noise(5, sigma, size) * alpha / math.sqrt(3)
    np.testing.assert_allclose(elastic(5, alpha, sigma, size), expected, atol=1e-5)


@pytest.mark.parametrize(("sigma", "keys"), [(1.0, 8), (1.7, 12), (6.0, 60)])
def test_elastic_moves_have_the_covariance_of_uniform_noise_blurred_by_scipy(sigma, keys):
    size, alpha = (160, 128), 3.0
    drawn = np.stack([elastic(k, alpha, sigma, size) for k in range(keys)])
    # The blur of a single pixel tells all covariances of blurred noise; uniform noise has 1 / 3.
    impulse = np.zeros(2 * [2 * math.ceil(8 * sigma) + 1])
    impulse[len(impulse) // 2, len(impulse) // 2] = 1.0
    bell = ndimage.gaussian_filter(impulse, sigma)
    lag = round(1.5 * sigma)
    for down, across in [(0, 0), (lag, 0), (0, lag), (lag, lag)]:
        shifted = np.roll(bell, (down, across), (0, 1))
        expected = alpha**2 / 3 * np.sum(bell * shifted)
        variance = np.mean(
            drawn[..., down:, across:] * drawn[..., : size[0] - down, : size[1] - across]
        )
        # About 3000 independent places in all, so that a variance deviates by 2.6 %.
        assert abs(variance - expected) < 0.11 * alpha**2 / 3 * np.sum(bell**2)
    # The border moves as much as the middle, and y independently of x.
    edge = np.mean(drawn[..., :2, :] ** 2) / np.mean(drawn**2)
    assert 0.7 < edge < 1.3
    assert abs(np.corrcoef(drawn[:, 0].ravel(), drawn[:, 1].ravel())[0, 1]) < 0.1


def test_elastic_with_one_noise_moves_both_coordinates_alike_and_keys_differ():
    size = (40, 40)
    first, second = (elastic(key, 9.0, 2.0, size) for key in (1, 2))
    both = elastic(1, 9.0, 2.0, size, same=True)
    np.testing.assert_allclose(both[0], both[1], atol=1e-5)
    assert np.abs(np.corrcoef(first.reshape(2, -1), second.reshape(2, -1))[2:, :2]).max() < 0.3
    assert np.abs(first - second).max() > 0.5


@pytest.mark.parametrize(("same", "count"), [(True, 40 * 30), (False, 2 * 40 * 30)])
def test_gaussian_elastic_noise_is_weaker_by_the_largest_of_as_many_numbers(same, count):
    arguments = {"alpha": 9.0, "sigma": 2.0, "size": (40, 30), "same": same}
    start = fields.grid((40, 30))
    uniform, normal = (
        moves(warps.elastic(start, tf.constant(1), noise=noise, **arguments), (40, 30))
        for noise in ("uniform", "gaussian")
    )
    largest = stats.halfnorm.ppf(0.5 ** (1 / count))  # half of all draws have a larger one
    np.testing.assert_allclose(normal, uniform * math.sqrt(3) / largest, atol=2e-5)


def test_elastic_is_looked_up_at_the_current_coordinates():
    size = (30, 24)
    offsets = elastic(7, 20.0, 4.0, size)
    pixels = np.random.default_rng(0).uniform(-5, 35, (2, 11, 13))
    bent = warps.elastic(coordinates(*pixels), tf.constant(7), alpha=20.0, sigma=4.0, size=size)
    for axis, coordinate in enumerate((bent.y, bent.x)):
        looked_up = ndimage.map_coordinates(offsets[axis], pixels, order=1, mode="nearest")
        np.testing.assert_allclose(coordinate, pixels[axis] + looked_up, atol=2e-5)


# Made once with albumentations 2.0.8: generate_grid((14, 20), [1.2, 0.7, 1.1, 0.9],
# [0.8, 1.3, 1.0, 1.1], 3), without and with normalize_grid_distortion_steps before it; the row of
# map_x. Its pixel 19 is left out: it takes a whole step for the two pixels that are left over.
GRID_ROW = {
    False: [0, 1.44, 2.88, 4.32, 5.76, 7.2, 7.2, 8.04, 8.88, 9.72]
    + [10.56, 11.4, 11.4, 12.72, 14.04, 15.36, 16.68, 18.0, 18.0],
    True: [0, 1.454545, 2.909091, 4.363636, 5.818182, 7.272727, 7.272727, 8.121212, 8.969697]
    + [9.818182, 10.666667, 11.515152, 11.515152, 12.848485, 14.181818, 15.515152, 16.848484]
    + [18.181818, 18.181818],
}


@pytest.mark.parametrize("normalized", [False, True])
def test_a_grid_distortion_agrees_with_albumentations_on_the_lines_of_the_grid(normalized):
    steps = tf.constant(STEPS, tf.float32)
    steps = warps.fitted(steps, 20) if normalized else steps
    field = coordinates(np.zeros(19), np.arange(19) - 0.5)  # half a pixel: see the module
    row = warps.grid_distortion(field, tf.ones(4), steps, size=(14, 20)).x.numpy() + 0.5
    recorded = np.array(GRID_ROW[normalized])
    np.testing.assert_allclose(row[::6], recorded[::6], atol=1e-5)
    # In between it goes ahead, by one step at the end of a cell, whose last place it then repeats.
    ahead = (recorded - row) / np.repeat(steps[:4], [6, 6, 6, 1])
    np.testing.assert_allclose(ahead, [*3 * [k / 5 for k in range(6)], 0], atol=1e-5)


@pytest.mark.parametrize(
    ("length", "count", "edges"),
    [(20, 3, [0, 6, 12, 18, 20]), (15, 3, [0, 5, 10, 15]), (2, 3, [0, 1, 2]), (1, 3, [0, 1])],
)
def test_a_grid_distortion_interpolates_between_its_lines_at_any_place(length, count, edges):
    assert len(STEPS) == count + 1
    coordinate = np.linspace(-8, length + 8, 301)
    steps = tf.constant(STEPS, tf.float32)
    bent = warps.grid_distortion(
        coordinates(coordinate, coordinate), steps, steps, size=(length, length)
    )
    expected = stretched(coordinate + 0.5, STEPS, edges) - 0.5
    np.testing.assert_allclose(bent.y, expected, atol=1e-5)
    np.testing.assert_allclose(bent.x, expected, atol=1e-5)
    fitted = warps.fitted(steps, length).numpy()
    total = np.sum(fitted[: len(edges) - 1] * np.diff(edges))
    np.testing.assert_allclose(total, length, rtol=1e-6)
    np.testing.assert_allclose(fitted / fitted[0], STEPS / STEPS[0], rtol=1e-6)


def test_cells_that_take_nothing_stay_finite_when_they_are_fitted():
    assert warps.fitted(tf.zeros(4), 9).numpy().tolist() == [0.0] * 4


# Made once with albumentations 2.0.8 on a picture of (7, 10): get_camera_matrix_distortion_maps and
# get_fisheye_distortion_maps, rows 0, 3 and 6, columns 0, 4 and 9. The camera's hold half a pixel
# that they have at strength 0 too (0.5, 4.5, 9.5).
LENS_ROWS, LENS_COLUMNS = np.array([0, 3, 6]), np.array([0, 4, 9])
CAMERA = {
    0.3: (
        [[0.018226905, 0.30124936, 0.018226905], [3.5] * 3, [6.981773, 6.6987505, 6.981773]],
        [[-0.22265965, 4.466875, 10.22266], [0.17126656, 4.4996243, 9.828733]]
        + [[-0.22265965, 4.466875, 10.22266]],
    ),
    -0.2: (
        [[0.8211821, 0.6325004, 0.8211821], [3.5] * 3, [6.1788177, 6.3674994, 6.1788177]],
        [[0.9817731, 4.5220833, 9.018227], [0.7191556, 4.500251, 9.280845]]
        + [[0.9817731, 4.5220833, 9.018227]],
    ),
}
FISHEYE = {
    0.3: (
        [[-1.0500007, -0.3734896, -0.7963085], [2.8983221, 2.9949665, 2.9345636]]
        + [[6.6291943, 6.1459732, 6.447987]],
        [[-1.4999995, 3.8932891, 9.9100666], [-1.0167785, 3.9899328, 9.52349]]
        + [[-1.2583895, 3.9416108, 9.716779]],
    ),
    -0.2: (
        [[0.69999957, 0.24899316, 0.53087258], [3.0677853, 3.0033557, 3.0436242]]
        + [[5.5805368, 5.9026842, 5.7013421]],
        [[1.0000002, 4.0711412, 8.3932886], [0.67785215, 4.0067115, 8.6510067]]
        + [[0.83892584, 4.0389261, 8.5221481]],
    ),
}


@pytest.mark.parametrize("strength", [0.3, -0.2])
def test_lenses_agree_with_albumentations(strength):
    y, x = LENS_ROWS[:, None], LENS_COLUMNS[None, :]
    field = warps.camera(coordinates(y, x), tf.constant(strength), size=(7, 10))
    np.testing.assert_allclose(np.stack([field.y, field.x]) + 0.5, CAMERA[strength], atol=3e-6)
    field = warps.fisheye(coordinates(y - 0.5, x - 0.5), tf.constant(strength), size=(7, 10))
    np.testing.assert_allclose(np.stack([field.y, field.x]) + 0.5, FISHEYE[strength], atol=3e-6)


@pytest.mark.parametrize(("lens", "corner"), [(warps.camera, 0.75), (warps.fisheye, 1.0)])
def test_beyond_the_corner_a_lens_enlarges_no_further(lens, corner):
    # A square of 9 about (4, 4): its corner lies 4.5 away in y and in x.
    away = np.array([4.5, 9.0, 450.0, 1e20])
    field = lens(coordinates(4 + away, 4 - away), tf.constant(0.5), size=(9, 9))
    np.testing.assert_allclose(field.y, 4 + away * (1 + 0.5 * corner), rtol=1e-6)
    np.testing.assert_allclose(field.x, 4 - away * (1 + 0.5 * corner), rtol=1e-6)


# Made once with albumentations 2.0.8: compute_perspective_params of the points (x, y) below on a
# picture of (14, 20); the matrix, which is cv2.getPerspectiveTransform's, from source to result.
POINTS = [[1.0, 0.5], [18.0, 1.5], [19.0, 13.0], [2.5, 12.0]]
MATRIX = np.array(
    [
        [1.1875334744432717, -0.1548956705795572, -1.110085639153493],
        [-0.06996187486074086, 1.1893518726325947, -0.5247140614555567],
        [0.000309524123558916, -0.0026085096508383166, 1.0],
    ]
)


def test_a_perspective_is_undone_by_the_matrix_of_albumentations():
    size = (14, 20)
    corners = tf.constant(np.array(POINTS)[:, ::-1] / size, tf.float32)
    field = warps.perspective(fields.grid(size), corners, size=size)
    y, x = np.indices(size) + 0.5
    back = np.einsum("ij,jyx->iyx", MATRIX, [field.x + 0.5, field.y + 0.5, np.ones(size)])
    np.testing.assert_allclose(back[0] / back[2], x, atol=1e-5)
    np.testing.assert_allclose(back[1] / back[2], y, atol=1e-5)


def test_a_perspective_stays_inside_the_picture_for_the_worst_corners_and_finite_beyond():
    size = (6, 9)
    inner = coordinates(*np.meshgrid(np.linspace(-0.5, 5.5, 13), np.linspace(-0.5, 8.5, 13)))
    outer = coordinates(*np.meshgrid(np.linspace(-1e6, 1e6, 21), np.linspace(-1e6, 1e6, 21)))
    inward = 1 - 2 * SQUARE
    graph = tf.function(functools.partial(warps.perspective, size=size), autograph=False)
    for drawn in itertools.product([0.0, 0.319999], repeat=8):
        corners = tf.constant(SQUARE + inward * np.reshape(drawn, (4, 2)), tf.float32)
        inside = graph(inner, corners)
        for coordinate, length in zip(inside[:2], size, strict=True):
            assert coordinate.numpy().min() > -0.5 - 1e-4
            assert coordinate.numpy().max() < length - 0.5 + 1e-4
        np.testing.assert_allclose(
            [inside.y, inside.x],
            projected(inner.y.numpy(), inner.x.numpy(), corners.numpy(), size),
            atol=1e-3,
        )
        assert np.isfinite(graph(outer, corners)[:2]).all()


def test_behind_the_horizon_of_a_perspective_the_picture_does_not_come_back():
    # The right side is half as long, so the divisor is 1 + (x + 1 / 2) / 8, 0 at -8.5, and the
    # numerator is 2 (x + 1 / 2). Held at 0.01, it gives 200 (x + 1 / 2) from there on.
    corners = tf.constant([[0.0, 0.0], [0.25, 1.0], [0.75, 1.0], [1.0, 0.0]])
    x = np.array([7.5, -0.5, -4.5, -8.5, -100.5])
    field = warps.perspective(coordinates(0 * x, x), corners, size=(4, 8))
    np.testing.assert_allclose(field.x, [7.5, -0.5, -16.5, -1600.5, -20000.5], rtol=1e-5)


def test_coordinates_are_right_to_a_hundredth_of_a_pixel_at_8192_pixels():
    size = (8192, 8192)
    y, x = (value.astype(np.float64) for value in np.meshgrid(*2 * [np.arange(0, 8192, 127.0)]))
    field = coordinates(y, x)

    def check(bent: Field, expected: object) -> None:
        np.testing.assert_allclose(np.stack(bent[:2]), expected, rtol=0, atol=0.01)

    strength = np.float64(np.float32(0.3))
    up, left = y - 4095.5, x - 4095.5
    square = (up**2 + left**2) / 8192**2
    factor = 1 + strength * (square + square**2)
    check(
        warps.camera(field, tf.constant(0.3), size=size),
        [4095.5 + up * factor, 4095.5 + left * factor],
    )
    factor = 1 + strength * square * 2
    check(
        warps.fisheye(field, tf.constant(0.3), size=size),
        [4095.5 + up * factor, 4095.5 + left * factor],
    )
    steps = np.random.default_rng(0).uniform(0.7, 1.3, 8).astype(np.float32)
    edges = [*range(0, 8191, 1170), 8192]
    check(
        warps.grid_distortion(field, tf.constant(steps), tf.constant(steps), size=size),
        [stretched(value + 0.5, np.float64(steps), edges) - 0.5 for value in (y, x)],
    )
    corners = CORNERS.astype(np.float32)
    check(
        warps.perspective(field, tf.constant(corners), size=size),
        projected(y, x, corners.astype(np.float64), size),
    )
    long = (8192, 3)
    bent = warps.elastic(fields.grid(long), tf.constant(1), alpha=2e3, sigma=20.0, size=long)
    check(bent, np.indices(long) + noise(1, 20.0, long) * 2e3 / math.sqrt(3))


def test_xla_gives_what_the_plain_operations_give():
    size = (17, 12)

    def bent(key: tf.Tensor, strength: tf.Tensor) -> list[tf.Tensor]:
        field = warps.elastic(fields.grid(size), key, alpha=9.0, sigma=2.0, size=size)
        field = warps.camera(warps.fisheye(field, strength, size=size), strength, size=size)
        field = warps.perspective(field, tf.constant(CORNERS, tf.float32), size=size)
        steps = tf.constant(STEPS, tf.float32) + strength
        field = warps.grid_distortion(field, warps.fitted(steps, 17), steps, size=size)
        field = warps.elastic(field, key, alpha=9.0, sigma=2.0, size=size)
        return [field.y, field.x]

    arguments = tf.constant(4), tf.constant(0.2)
    compiled = tf.function(bent, jit_compile=True, autograph=False)(*arguments)
    np.testing.assert_allclose(compiled, bent(*arguments), atol=1e-4)
