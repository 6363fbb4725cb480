"""Peaks against SciPy's filter, votes against a loop over pixels and peaks."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tfseg.kernels.votes import highest_around, join_nearest


def place_of(pixel: tuple[int, int], offset: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    to = np.array(pixel) + np.round(offset[pixel])
    return np.clip(to, 0, np.array(shape) - 1).astype(np.int64)


def slow_join(peaks: np.ndarray, offset: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Returns one image's numbers, pixel after pixel, every cell size and every peak; all whole."""
    joined = np.zeros_like(peaks)
    centers = np.argwhere(peaks > 0)
    for pixel in map(tuple, np.argwhere(mask)):
        target, size = place_of(pixel, offset, mask.shape), 1
        while not joined[pixel] and size < 2 * max(mask.shape):
            cell = target // size
            known = [q for q in centers if ((q // size - cell) ** 2).sum() <= 8**2]
            distances = [((cell * 2 * size + size - 1 - 2 * q) ** 2).sum() for q in known]
            if known:
                joined[pixel] = peaks[tuple(known[int(np.argmin(distances))])]
            size *= 2
    return joined


def numbered(peak: np.ndarray) -> np.ndarray:
    """Returns numbers from 1 in the reading order of every image."""
    flat = peak.reshape(len(peak), -1)
    return np.where(peak, np.cumsum(flat, axis=1).reshape(peak.shape), 0).astype(np.int32)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 6),
    st.tuples(st.integers(1, 2), st.integers(1, 13), st.integers(1, 13)),
)
def test_the_highest_around_is_that_of_scipy(seed, distance, shape):
    values = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    expected = [
        ndimage.maximum_filter(image, 2 * distance + 1, mode="constant", cval=-np.inf)
        for image in values
    ]
    np.testing.assert_array_equal(highest_around(tf.constant(values), distance=distance), expected)


@settings(max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(1, 3), st.integers(1, 30), st.integers(1, 30)),
    st.sampled_from([0.0, 0.002, 0.05, 0.5]),
    st.sampled_from([0.0, 1.0, 8.0, 1e9]),
)
def test_votes_are_those_of_a_loop_over_pixels_and_peaks(seed, shape, share, spread):
    # From no peak at all to more than one a window; places within and far outside of the image
    rng = np.random.default_rng(seed)
    peaks = numbered(rng.random(shape) < share)
    offset = rng.normal(0, spread, (*shape, 2)).astype(np.float32)
    mask = rng.random(shape) < 0.7
    joined = join_nearest(*map(tf.constant, (peaks, offset, mask)))
    expected = [slow_join(*image) for image in zip(peaks, offset, mask, strict=True)]
    assert joined.dtype == tf.int32
    np.testing.assert_array_equal(joined, expected)


def test_a_place_between_two_peaks_joins_the_nearer_of_them_and_of_two_as_near_the_first():
    peaks = np.zeros((1, 4, 40), np.int32)
    peaks[0, 2, 10], peaks[0, 2, 26] = 1, 2
    offset, mask = np.zeros((*peaks.shape, 2), np.float32), np.ones(peaks.shape, bool)
    joined = join_nearest(*map(tf.constant, (peaks, offset, mask)))
    assert joined[0, 2, 17:20].numpy().tolist() == [1, 1, 2]


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_the_peak_that_is_joined_is_the_nearest_or_hardly_further(seed, num):
    rng = np.random.default_rng(seed)
    peaks = np.zeros((1, 90, 120), np.int32)
    centers = np.unique(rng.integers(0, (90, 120), (num, 2)), axis=0)
    peaks[0, *centers.T] = np.arange(len(centers)) + 1
    offset, mask = np.zeros((*peaks.shape, 2), np.float32), np.ones(peaks.shape, bool)
    joined = join_nearest(*map(tf.constant, (peaks, offset, mask)))[0].numpy()
    pixels = np.stack(np.mgrid[:90, :120], axis=-1)[:, :, None]
    distances = np.hypot(*np.moveaxis(pixels - centers, -1, 0))
    distance = np.take_along_axis(distances, joined[..., None] - 1, axis=-1)[..., 0]
    nearest = distances.min(axis=-1)
    near = nearest <= 8
    np.testing.assert_array_equal(distance[near], nearest[near])
    assert (distance <= 1.5 * nearest).all()


def test_an_image_has_votes_for_its_own_peaks_only():
    peaks = np.zeros((2, 8, 8), np.int32)
    peaks[0, 4, 4] = 1
    offset, mask = np.zeros((2, 8, 8, 2), np.float32), np.ones((2, 8, 8), bool)
    joined = join_nearest(*map(tf.constant, (peaks, offset, mask)))
    np.testing.assert_array_equal(joined, [np.ones((8, 8)), np.zeros((8, 8))])


def test_a_place_that_is_no_number_is_in_the_image_too():
    peaks = np.zeros((1, 8, 8), np.int32)
    peaks[0, 4, 4] = 1
    offset, mask = np.full((1, 8, 8, 2), np.nan, np.float32), np.ones((1, 8, 8), bool)
    joined = join_nearest(*map(tf.constant, (peaks, offset, mask)))
    np.testing.assert_array_equal(joined, np.ones((1, 8, 8)))
