"""Resampling: SciPy's and NumPy's values under every border, nearest ids, with and without XLA."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfseg.kernels import field as fields
from tfseg.kernels import sampling
from tfseg.kernels.field import Field
from tfseg.kernels.sampling import Border

SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9))
SEEDS = st.integers(0, 2**32 - 1)
LARGEST = 2**31 - 1
SCIPY = {
    "constant": "grid-constant",
    "nearest": "nearest",
    "reflect": "reflect",
    "reflect_101": "mirror",
    "wrap": "grid-wrap",
}
NUMPY = {
    "constant": "constant",
    "nearest": "edge",
    "reflect": "symmetric",
    "reflect_101": "reflect",
    "wrap": "wrap",
}
BORDERS = st.sampled_from(sampling.BORDERS)


def draws(size: tuple[int, int], seed: int) -> tuple[np.ndarray, Field]:
    """Returns an image `[H, W, 2]` and a field `[5, 6]` that reaches far outside."""
    draw = np.random.default_rng(seed)
    image = draw.random((*size, 2), np.float32)
    y, x = (draw.uniform(-2 * n, 3 * n, (5, 6)).astype(np.float32) for n in size)
    return image, Field(tf.constant(y), tf.constant(x))


def cubic(distance: np.ndarray) -> np.ndarray:
    """Keys' kernel with a = -3/4, by its two pieces."""
    d = np.abs(distance)
    inner = 1.25 * d**3 - 2.25 * d**2 + 1
    outer = -0.75 * (d**3 - 5 * d**2 + 8 * d - 4)
    return np.where(d <= 1, inner, np.where(d < 2, outer, 0.0))


def numpy_bicubic(image: np.ndarray, field: Field, border: Border) -> np.ndarray:
    """Sums over all pixels of an image padded by NumPy, each with the kernel of its distance."""
    pad = 2 * max(image.shape) + 4
    more = {"constant_values": border.value} if border.name == "constant" else {}
    padded = np.pad(
        image.astype(np.float64), ((pad, pad), (pad, pad), (0, 0)), NUMPY[border.name], **more
    )
    rows, columns = (np.arange(length) - pad for length in padded.shape[:2])
    y, x = (plane.numpy().astype(np.float64)[..., None] for plane in field[:2])
    return np.einsum("hwi,hwj,ijc->hwc", cubic(y - rows), cubic(x - columns), padded)


@given(SIZES, SEEDS, BORDERS, st.sampled_from([("nearest", 0), ("bilinear", 1)]))
def test_images_are_sampled_as_scipy_does_under_every_border(size, seed, border, interpolation):
    image, field = draws(size, seed)
    name, order = interpolation
    result = sampling.values(
        tf.constant(image), field, interpolation=name, border=Border(border, 0.25)
    )
    assert result.dtype == tf.float32
    expected = [
        scipy.ndimage.map_coordinates(
            plane.astype(np.float64), field[:2], order=order, mode=SCIPY[border], cval=0.25
        )
        for plane in np.moveaxis(image, -1, 0)
    ]
    np.testing.assert_allclose(result, np.stack(expected, -1), atol=1e-5)


@given(SIZES, SEEDS, BORDERS)
def test_bicubic_values_are_those_of_keys_kernel_under_every_border(size, seed, name):
    image, field = draws(size, seed)
    border = Border(name, 0.25)
    result = sampling.values(tf.constant(image), field, interpolation="bicubic", border=border)
    assert result.dtype == tf.float32
    np.testing.assert_allclose(result, numpy_bicubic(image, field, border), atol=2e-5)


def test_bicubic_values_are_those_of_opencv():
    image = tf.constant([[0.0, 1.0, 4.0, 9.0]])[..., None]
    x = tf.constant([[(column + 0.5) * 4 / 7 - 0.5 for column in range(7)]])
    result = sampling.values(
        image, Field(tf.zeros_like(x), x), interpolation="bicubic", border=Border("nearest")
    )
    # cv2.resize(..., (7, 1), interpolation=cv2.INTER_CUBIC) of OpenCV 4.12
    recorded = [-0.0992162, 0.1562491, 0.8042089, 2.125, 4.424656, 7.480777, 9.496082]
    np.testing.assert_allclose(result[0, :, 0], recorded, atol=1e-5)


@pytest.mark.parametrize(
    ("border", "expected"),
    [
        ("constant", [9, 9, 9, 1, 2, 4, 9, 9, 9]),
        ("nearest", [1, 1, 1, 1, 2, 4, 4, 4, 4]),
        ("reflect", [4, 2, 1, 1, 2, 4, 4, 2, 1]),
        ("reflect_101", [2, 4, 2, 1, 2, 4, 2, 1, 2]),
        ("wrap", [1, 2, 4, 1, 2, 4, 1, 2, 4]),
    ],
)
@pytest.mark.parametrize("interpolation", sampling.INTERPOLATIONS)
def test_whole_places_are_read_exactly_on_both_sides_of_the_border(border, expected, interpolation):
    x = tf.range(-3.0, 6.0)[None]
    for image, field in (
        (tf.constant([[1.0, 2.0, 4.0]]), Field(tf.zeros_like(x), x)),
        (tf.constant([[1.0], [2.0], [4.0]]), Field(x, tf.zeros_like(x))),
    ):
        result = sampling.values(
            image[..., None], field, interpolation=interpolation, border=Border(border, 9.0)
        )
        assert result.numpy().ravel().tolist() == expected


def test_a_value_between_four_pixels_is_their_weighted_mean():
    image = tf.constant([[0.0, 1.0], [2.0, 7.0]])[..., None]
    field = Field(tf.constant([[0.5, 0.25]]), tf.constant([[0.5, 0.75]]))
    # the middle: (0 + 1 + 2 + 7) / 4 = 2.5
    # (1/4, 3/4): 3/4 (1/4 x 0 + 3/4 x 1) + 1/4 (1/4 x 2 + 3/4 x 7) = 9/16 + 23/16 = 2
    result = sampling.values(image, field, interpolation="bilinear", border=Border())
    assert result.numpy().ravel().tolist() == [2.5, 2.0]


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("interpolation", sampling.INTERPOLATIONS)
def test_whole_numbers_are_sampled_as_the_same_numbers_in_float(dtype, interpolation):
    largest = np.iinfo(dtype).max
    image = np.random.default_rng(0).integers(0, largest, (5, 7, 3), dtype, endpoint=True)
    image[0, 0] = largest
    _, field = draws((5, 7), 1)
    arguments = {"interpolation": interpolation, "border": Border("constant", float(largest))}
    result = sampling.values(tf.constant(image), field, **arguments)
    expected = sampling.values(tf.constant(image.astype(np.float32)), field, **arguments)
    assert result.dtype == tf.float32
    np.testing.assert_array_equal(result, expected)
    assert result.numpy().max() > 0.9 * largest


@pytest.mark.parametrize("border", sampling.BORDERS)
@pytest.mark.parametrize("interpolation", sampling.INTERPOLATIONS)
def test_the_field_of_own_places_changes_no_bit(border, interpolation):
    image = np.random.default_rng(2).random((6, 9, 2), np.float32)
    result = sampling.values(
        tf.constant(image),
        fields.grid((6, 9)),
        interpolation=interpolation,
        border=Border(border, 0.5),
    )
    np.testing.assert_array_equal(result, image)


@pytest.mark.parametrize("coordinate", [-7.25, -1.0, 0.0, 0.4, 3.0])
def test_an_image_of_one_pixel_is_that_pixel_everywhere_and_its_id_is_at_one_pixel(coordinate):
    field = Field(tf.fill([2, 2], coordinate), tf.fill([2, 2], coordinate))
    for border in set(sampling.BORDERS) - {"constant"}:
        image = sampling.values(
            tf.constant([[[0.3, 0.7]]]), field, interpolation="bilinear", border=Border(border)
        )
        np.testing.assert_allclose(image, np.broadcast_to([0.3, 0.7], (2, 2, 2)), rtol=1e-6)
    label = sampling.ids(tf.constant([[9]]), field, fill=-1)
    np.testing.assert_array_equal(label, np.full((2, 2), 9 if -0.5 <= coordinate < 0.5 else -1))


def test_ids_come_from_the_nearest_pixel_and_halves_from_the_higher_one():
    x = tf.constant([[-0.51, -0.5, 0.49, 0.5, 1.4, 1.5, 2.49, 2.5]])
    result = sampling.ids(tf.constant([[10, 20, 30]]), Field(tf.zeros_like(x), x), fill=-1)
    assert result.numpy().ravel().tolist() == [-1, 10, 10, 20, 20, 30, 30, -1]


@given(SIZES, SEEDS, st.sampled_from([0, -1, 7]))
def test_ids_outside_the_source_are_the_fill_and_inside_those_of_numpy(size, seed, fill):
    _, field = draws(size, seed)
    label = np.random.default_rng(seed).integers(-1, LARGEST, size, np.int32, endpoint=True)
    row, column = (np.floor(plane.numpy() + 0.5).astype(int) for plane in field[:2])
    inside = (row >= 0) & (row < size[0]) & (column >= 0) & (column < size[1])
    picked = label[row.clip(0, size[0] - 1), column.clip(0, size[1] - 1)]
    result = sampling.ids(tf.constant(label), field, fill=fill)
    assert result.dtype == tf.int32
    np.testing.assert_array_equal(result, np.where(inside, picked, fill))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "int64", "float32"])
def test_the_nearest_of_several_channels_keeps_its_type(dtype):
    label = np.arange(1, 13).reshape(2, 3, 2).astype(dtype)
    x = tf.constant([[1.0, 3.0]])
    result = sampling.ids(tf.constant(label), Field(tf.ones_like(x), x), fill=0)
    assert result.dtype == tf.as_dtype(dtype)
    assert result.numpy().tolist() == [[[9, 10], [0, 0]]]


def test_ids_that_a_float_cannot_hold_stay_as_they_are():
    ids = [2**24 + 1, LARGEST, LARGEST - 1]  # float32 would make them 2^24, 2^31 and 2^31
    result = sampling.ids(tf.constant([ids]), fields.grid((1, 3)), fill=0)
    assert result.numpy().tolist() == [ids]


@pytest.mark.parametrize(
    ("border", "size"),
    [("reflect_101", (1, 1)), *((border, (6, 11)) for border in sampling.BORDERS)],
)
def test_xla_samples_as_the_plain_graph_does(border, size):
    image, field = draws(size, seed=3)
    label = np.random.default_rng(4).integers(-1, LARGEST, size, np.int32)

    def all_of_them(image: tf.Tensor, label: tf.Tensor, y: tf.Tensor, x: tf.Tensor) -> list:
        field = Field(y, x)
        return [sampling.ids(label, field, fill=-1)] + [
            sampling.values(image, field, interpolation=name, border=Border(border, 0.5))
            for name in sampling.INTERPOLATIONS
        ]

    inputs = tf.constant(image), tf.constant(label), field.y, field.x
    plain = all_of_them(*inputs)
    compiled = tf.function(all_of_them, jit_compile=True)(*inputs)
    np.testing.assert_array_equal(compiled[0], plain[0])
    for one, other in zip(compiled[1:], plain[1:], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
