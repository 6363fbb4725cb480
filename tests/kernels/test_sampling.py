"""Resampling: SciPy's interpolation, nearest ids, borders, with and without XLA."""

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

SIZES = st.tuples(st.integers(2, 9), st.integers(2, 9))
LARGEST = 2**31 - 1


def draws(size: tuple[int, int], seed: int, batch: int = 2) -> tuple[np.ndarray, Field]:
    """Returns images `[B, H, W, 2]` and a field `[B, 5, 6]` that reaches far outside."""
    draw = np.random.default_rng(seed)
    images = draw.random((batch, *size, 2), np.float32)
    y, x = (draw.uniform(-2 * n, 3 * n, (batch, 5, 6)).astype(np.float32) for n in size)
    return images, Field(tf.constant(y), tf.constant(x))


def scipy_bilinear(images: np.ndarray, field: Field) -> np.ndarray:
    planes = [
        scipy.ndimage.map_coordinates(plane, (y, x), order=1, mode="mirror")
        for image, y, x in zip(images.astype(np.float64), *field, strict=True)
        for plane in np.moveaxis(image, -1, 0)
    ]
    shape = (len(images), images.shape[-1], *field.y.shape[1:])
    return np.moveaxis(np.reshape(planes, shape), 1, -1)


@given(SIZES, st.integers(0, 2**32 - 1))
def test_images_are_sampled_as_scipy_does_with_mirrored_borders(size, seed):
    images, field = draws(size, seed)
    result = sampling.bilinear(tf.constant(images), field)
    assert result.dtype == tf.float32
    np.testing.assert_allclose(result, scipy_bilinear(images, field), atol=1e-5)


@pytest.mark.parametrize(("degrees", "scale"), [(17.0, 1.0), (-60.0, 0.8), (140.0, 1.7)])
def test_turned_and_enlarged_images_are_those_of_scipy(degrees, scale):
    size = (14, 19)
    images = np.random.default_rng(0).random((1, *size, 3), np.float32)
    field = fields.rotate_scale(
        fields.identity(1, size),
        tf.constant([np.deg2rad(degrees)], tf.float32),
        tf.constant([scale]),
        size=size,
    )
    center = (np.array(size) - 1) / 2
    cos, sin = np.cos(np.deg2rad(degrees)) / scale, np.sin(np.deg2rad(degrees)) / scale
    matrix = np.array([[cos, sin], [-sin, cos]])  # of (y, x), from the result back to the source
    expected = [
        scipy.ndimage.affine_transform(
            images[0, ..., channel].astype(np.float64),
            matrix,
            center - matrix @ center,
            order=1,
            mode="mirror",
        )
        for channel in range(3)
    ]
    np.testing.assert_allclose(
        sampling.bilinear(tf.constant(images), field)[0], np.stack(expected, -1), atol=1e-5
    )


def test_a_value_between_four_pixels_is_their_weighted_mean():
    images = tf.constant([[0.0, 1.0], [2.0, 7.0]])[None, ..., None]
    field = Field(tf.constant([[[0.5, 0.25]]]), tf.constant([[[0.5, 0.75]]]))
    # the middle: (0 + 1 + 2 + 7) / 4 = 2.5
    # (1/4, 3/4): 3/4 (1/4 x 0 + 3/4 x 1) + 1/4 (1/4 x 2 + 3/4 x 7) = 9/16 + 23/16 = 2
    assert sampling.bilinear(images, field).numpy().ravel().tolist() == [2.5, 2.0]


def test_the_outermost_pixel_is_not_repeated_where_an_image_is_mirrored():
    images = tf.constant([[[[1.0], [2.0], [4.0]]]])
    x = tf.constant([[[-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]])
    result = sampling.bilinear(images, Field(tf.zeros_like(x), x))
    assert result.numpy().ravel().tolist() == [1.0, 2.0, 4.0, 2.0, 1.0, 2.0, 4.0, 2.0, 1.0, 2.0]


@pytest.mark.parametrize("place", [-7.25, -1.0, 0.0, 0.4, 3.0])
def test_an_image_of_one_pixel_is_that_pixel_everywhere_and_its_id_is_in_one_place(place):
    everywhere = tf.fill([1, 2, 2], place)
    field = Field(everywhere, everywhere)
    image = sampling.bilinear(tf.constant([[[[0.3, 0.7]]]]), field)
    np.testing.assert_allclose(image, np.broadcast_to([0.3, 0.7], (1, 2, 2, 2)), rtol=1e-6)
    expected = 9 if -0.5 <= place < 0.5 else -1
    label = sampling.nearest(tf.constant([[[9]]]), field, fill=-1)
    np.testing.assert_array_equal(label, np.full((1, 2, 2), expected))


def test_ids_come_from_the_nearest_pixel_and_halves_from_the_higher_one():
    labels = tf.constant([[[10, 20, 30]]])
    x = tf.constant([[[-0.51, -0.5, 0.49, 0.5, 1.4, 1.5, 2.49, 2.5]]])
    result = sampling.nearest(labels, Field(tf.zeros_like(x), x), fill=-1)
    assert result.numpy().ravel().tolist() == [-1, 10, 10, 20, 20, 30, 30, -1]


@given(SIZES, st.integers(0, 2**32 - 1), st.sampled_from([0, -1, 7]))
def test_ids_outside_the_source_are_the_fill_and_inside_those_of_numpy(size, seed, fill):
    _, field = draws(size, seed)
    labels = np.random.default_rng(seed).integers(-1, LARGEST, (2, *size), np.int32, endpoint=True)
    row, column = (np.floor(plane.numpy() + 0.5).astype(int) for plane in field)
    inside = (row >= 0) & (row < size[0]) & (column >= 0) & (column < size[1])
    image = np.arange(2)[:, None, None]
    picked = labels[image, row.clip(0, size[0] - 1), column.clip(0, size[1] - 1)]
    result = sampling.nearest(tf.constant(labels), field, fill=fill)
    assert result.dtype == tf.int32
    np.testing.assert_array_equal(result, np.where(inside, picked, fill))


def test_the_fill_is_background_where_nothing_else_is_said():
    outside = Field(tf.fill([1, 1, 1], -5.0), tf.fill([1, 1, 1], 0.0))
    assert sampling.nearest(tf.fill([1, 2, 2], 8), outside).numpy().tolist() == [[[0]]]


def test_ids_that_a_float_cannot_hold_stay_as_they_are():
    ids = [2**24 + 1, LARGEST, LARGEST - 1]  # float32 would make them 2^24, 2^31 and 2^31
    labels = tf.constant([[ids]])
    result = sampling.nearest(labels, fields.identity(1, (1, 3)))
    assert result.numpy().tolist() == [[ids]]


def test_no_image_of_a_batch_reads_from_another():
    images, field = draws((5, 7), seed=1, batch=3)
    labels = np.random.default_rng(2).integers(0, 99, (3, 5, 7), np.int32)
    together = sampling.bilinear(tf.constant(images), field)
    ids_together = sampling.nearest(tf.constant(labels), field)
    for index in range(3):
        own = Field(field.y[index : index + 1], field.x[index : index + 1])
        alone = sampling.bilinear(tf.constant(images[index : index + 1]), own)
        ids_alone = sampling.nearest(tf.constant(labels[index : index + 1]), own)
        np.testing.assert_array_equal(together[index], alone[0])
        np.testing.assert_array_equal(ids_together[index], ids_alone[0])


@pytest.mark.parametrize("size", [(1, 1), (6, 11)])
def test_xla_samples_as_the_plain_graph_does(size):
    images, field = draws(size, seed=3)
    labels = np.random.default_rng(4).integers(-1, LARGEST, (2, *size), np.int32)

    def both(images: tf.Tensor, labels: tf.Tensor, y: tf.Tensor, x: tf.Tensor) -> tuple:
        field = Field(y, x)
        return sampling.bilinear(images, field), sampling.nearest(labels, field, fill=-1)

    graph = tf.function(both)(tf.constant(images), tf.constant(labels), *field)
    compiled = tf.function(both, jit_compile=True)(tf.constant(images), tf.constant(labels), *field)
    np.testing.assert_allclose(compiled[0], graph[0], atol=1e-6)
    np.testing.assert_array_equal(compiled[1], graph[1])
