"""Normalisation by percentiles: exposure and bit depth leave no trace."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tfseg.data.dataset.contrast import Spread
from tfseg.data.pipeline.normalization import Normalization
from tfseg.kernels import normalize


def percentile(image: np.ndarray) -> np.ndarray:
    return Normalization()(tf.constant(image)).numpy()


def picture(seed: int = 0, size: tuple[int, int, int] = (12, 15, 2)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size).astype(np.uint8)


def test_the_two_percentiles_become_0_and_1_and_what_lies_beyond_is_clipped():
    image = np.random.default_rng(0).permutation(501).astype(np.uint16).reshape(3, 167, 1)
    result = percentile(image)
    # Sorted, the values are their positions 0 to 500: the 1st percentile is at 500 x 0.01 = 5 and
    # the 99.8th at 500 x 0.998 = 499.
    expected = np.clip((image.astype(np.float64) - 5) / 494, 0, 1)
    np.testing.assert_allclose(result, expected, atol=1e-6)
    assert result.dtype == np.float32
    assert (result == 0).sum() == 6  # 0 to 5
    assert (result == 1).sum() == 2  # 499 and 500


def test_channels_share_their_percentiles():
    image = np.zeros((10, 10, 2), np.float32)
    image[..., 0] = np.linspace(0, 1, 100).reshape(10, 10)
    image[..., 1] = image[..., 0] / 10
    result = percentile(image)
    assert result[..., 0].max() == 1.0
    # a channel normalised by itself would reach 1; 200 values, so the place 198.602 is read at 199
    assert result[..., 1].max() == pytest.approx(0.1, abs=0.01)


@given(
    st.integers(0, 2**32 - 1),
    st.floats(1 / 64, 64.0, width=32),
    st.floats(-100.0, 100.0, width=32),
)
def test_a_change_of_exposure_changes_nothing(seed, gain, shift):
    image = picture(seed).astype(np.float32)
    # Rounding to float32 near 100 moves a value by 4e-6, of a range of 255 / 64 at least.
    changed = image * np.float32(gain) + np.float32(shift)
    np.testing.assert_allclose(percentile(changed), percentile(image), atol=2e-5)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, np.float64])
def test_an_image_of_any_type_gives_the_bits_of_its_8_bit_form(dtype):
    image = picture()
    np.testing.assert_array_equal(percentile(image.astype(dtype)), percentile(image))


def test_16_bits_made_of_8_give_the_same_bits():
    image = picture(1)
    np.testing.assert_array_equal(percentile(image.astype(np.uint16) * 257), percentile(image))


def test_the_other_depth_is_converted_white_to_white():
    eight = np.array([0, 1, 254, 255], np.float32)
    sixteen = normalize.in_depth(eight, np.dtype(np.uint8), 16)
    assert sixteen.tolist() == [0, 257, 65278, 65535]
    np.testing.assert_array_equal(normalize.in_depth(sixteen, tf.uint16, 8), eight)
    for dtype, bits in ((np.uint8, 8), (np.uint8, 0), (np.uint16, 16), (np.float32, 8)):
        assert normalize.in_depth(eight, np.dtype(dtype), bits) is eight


@pytest.mark.parametrize("value", [0, 1, 200])
@pytest.mark.parametrize("size", [(1, 1, 1), (4, 7, 3), (300, 2, 1)])
def test_an_image_of_one_value_becomes_0(value, size):
    result = percentile(np.full(size, value, np.uint8))
    assert result.shape == size
    np.testing.assert_array_equal(result, np.zeros(size, np.float32))


@pytest.mark.parametrize("size", [(256, 300, 1), (257, 40, 3), (900, 700, 1)])
def test_a_large_image_is_normalised_by_its_own_percentiles_too(size):
    image = np.random.default_rng(3).normal(100, 20, size).astype(np.float32)
    low, high = np.percentile(image, [1, 99.8])
    expected = np.clip((image - low) / (high - low), 0, 1)
    # At least 20000 values are read, from which the 99.8th percentile is known to 0.1 deviations.
    np.testing.assert_allclose(percentile(image), expected, atol=0.05)


def test_small_objects_on_a_flat_ground_reach_from_the_lowest_to_the_highest_value():
    image = np.full((40, 50, 1), 12, np.uint8)  # 0.2 % are 4 pixels
    image[7, 8:10], image[20, 20] = 160, 2
    expected = np.zeros_like(image, np.float32)
    expected[image == 12], expected[image == 160] = 10 / 158, 1
    np.testing.assert_allclose(percentile(image), expected, atol=1e-7)


def test_an_object_between_the_rows_that_are_read_counts_on_a_flat_ground():
    image = np.full((600, 600, 1), 1000, np.uint16)  # every third row and column is read
    image[301, 301] = 1500
    assert percentile(image)[301, 301] == 1
    assert percentile(image).sum() == 1


def test_limits_keep_their_distance_from_the_median():
    # The percentiles are 5, 250 and 499 (see above).
    image = np.random.default_rng(0).permutation(501).astype(np.uint16).reshape(3, 167, 1)
    for least, (low, high) in {
        (245, 249): (5, 499),
        (300, 0): (-50, 499),
        (0, 400): (5, 650),
        (1000, 1000): (-750, 1250),
    }.items():
        result = Normalization(min_contrast=least, bits=16)(tf.constant(image))
        expected = np.clip((image.astype(np.float64) - low) / (high - low), 0, 1)
        np.testing.assert_allclose(result, expected, atol=1e-6)
    flat = tf.constant(np.full((3, 4, 1), 7, np.uint8))
    assert Normalization(min_contrast=(2, 6))(flat).numpy().max() == 0.25


@given(
    arrays.arrays(
        st.sampled_from([np.uint8, np.uint16, np.float32]),
        st.tuples(st.integers(1, 300), st.integers(1, 9), st.sampled_from([1, 2, 3])),
        elements=st.integers(0, 5),
    )
)
def test_the_graph_and_numpy_find_the_same_spread(image):
    expected = normalize.spread(tf.constant(image)).numpy()
    np.testing.assert_array_equal(Spread.of(image)[:3], expected)
    of_channels = normalize.spreads(tf.constant(image)).numpy()
    single = [normalize.spread(tf.constant(image[..., i : i + 1])) for i in range(image.shape[-1])]
    np.testing.assert_array_equal(of_channels, np.transpose(single))
    np.testing.assert_array_equal([spread[:3] for spread in Spread.of_channels(image)], single)


def test_a_large_image_is_looked_at_everywhere():
    image = np.zeros((700, 600, 1), np.float32)
    image[650:] = 1.0  # 7 % of it, at the lower end
    assert percentile(image)[650:].min() == 1.0
    image = np.ascontiguousarray(image.transpose(1, 0, 2))
    assert percentile(image)[:, 650:].min() == 1.0


def test_a_graph_of_unknown_size_gives_the_same_as_eager_calls():
    graph = tf.function(Normalization(), input_signature=[tf.TensorSpec([None, None, 2], tf.uint8)])
    for size in ((3, 5, 2), (260, 9, 2)):
        image = picture(size=size)
        np.testing.assert_allclose(graph(tf.constant(image)), percentile(image), atol=1e-7)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 5, 3), (300, 520, 3)])
def test_whole_numbers_give_what_the_same_values_as_floats_give(dtype, shape):
    high = np.iinfo(dtype).max + 1
    image = np.random.default_rng(0).integers(0, high, shape).astype(dtype)
    np.testing.assert_array_equal(percentile(image), percentile(image.astype(np.float32)))
