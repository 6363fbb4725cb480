"""Centres of instances, against a loop over all ids in whole numbers."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from tfseg.kernels import regions

LARGEST = 2**31 - 1
# Few ids on few pixels, so that instances have many shapes and ties; large ones and gaps.
IDS = st.sampled_from([-(2**31), -1, 0, 1, 2, 7, 2**24, 2**24 + 1, LARGEST - 1, LARGEST])
LABELS = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 6)).flatmap(
    lambda shape: arrays(np.int32, shape, elements=IDS)
)


def slow_centers(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns offset and area, from one instance after another; Python's integers are exact."""
    offset, area = np.zeros((*labels.shape, 2)), np.zeros(labels.shape)
    for image, label in enumerate(labels):
        for instance in set(label[label > 0].tolist()):
            pixels = [tuple(map(int, pixel)) for pixel in np.argwhere(label == instance)]
            n = len(pixels)
            sums = [sum(axis) for axis in zip(*pixels, strict=True)]
            # n times the distance to the centroid, squared
            distances = [
                sum((n * p - s) ** 2 for p, s in zip(q, sums, strict=True)) for q in pixels
            ]
            center = pixels[distances.index(min(distances))]
            for pixel in pixels:
                offset[image, *pixel] = np.subtract(center, pixel)
                area[image, *pixel] = n
    return offset, area


def offsets(centers: regions.Centers) -> np.ndarray:
    return np.stack([centers.y, centers.x], axis=-1)


@given(LABELS)
def test_centers_are_those_of_a_loop_over_all_ids(labels):
    centers = regions.centers(tf.constant(labels))
    offset, area = slow_centers(labels)
    assert {value.dtype for value in centers} == {tf.float32}
    np.testing.assert_array_equal(offsets(centers), offset)
    np.testing.assert_array_equal(centers.area, area)


@given(LABELS, st.integers(0, 2**32 - 1))
def test_the_values_of_the_ids_do_not_matter(labels, seed):
    draw = np.random.default_rng(seed)
    old, index = np.unique(labels, return_inverse=True)
    new = draw.choice(LARGEST, len(old), replace=False) + 1
    new[old <= 0] = old[old <= 0]
    renamed = new.astype(np.int32)[index].reshape(labels.shape)
    before, after = regions.centers(tf.constant(labels)), regions.centers(tf.constant(renamed))
    np.testing.assert_array_equal(offsets(after), offsets(before))
    np.testing.assert_array_equal(after.area, before.area)


def test_offsets_and_areas_of_a_hand_worked_map():
    labels = [[[3, 3, 3, -1], [0, 9, 0, -1]]]
    centers = regions.centers(tf.constant(labels))
    # 3 has its centre at (0, 1), 9 at (1, 1)
    dx = [[1, 0, -1, 0], [0, 0, 0, 0]]
    assert offsets(centers)[0, ..., 1].tolist() == dx
    assert not offsets(centers)[..., 0].any()
    assert centers.area.numpy().tolist() == [[[3, 3, 3, 0], [0, 1, 0, 0]]]


def test_the_center_of_a_bent_instance_lies_on_it():
    labels = np.array([[1, 1, 1, 1, 1], [1, 0, 0, 0, 1], [1, 0, 0, 0, 1], [1, 0, 0, 0, 1]])
    centers = regions.centers(tf.constant(labels[None], tf.int32))
    # 11 pixels, centroid (12 / 11, 2): (0, 2) is 12/11 away, (1, 0) more than 2
    np.testing.assert_array_equal(offsets(centers)[0, 3, 4], [-3, -2])
    np.testing.assert_array_equal(offsets(centers)[0, 0, 2], [0, 0])


@pytest.mark.parametrize(
    ("rows", "center"),
    [
        ([[1, 1], [1, 1]], (0, 0)),  # all four are sqrt(1/2) away
        ([[1, 1, 1, 1]], (0, 1)),
        # Centroids that no float holds, and two pixels as near as each other:
        ([[0, 1, 1], [1, 0, 1], [0, 1, 0]], (0, 1)),  # (4/5, 6/5); (0, 1) and (1, 2): 17/25
        ([[1, 1, 0, 0, 1], [0, 1, 1, 0, 0]], (0, 1)),  # (2/5, 8/5); (0, 1) and (1, 2): 13/25
    ],
)
def test_the_first_of_the_pixels_nearest_to_the_centroid_is_the_center(rows, center):
    labels = np.array([rows])
    offset, _ = slow_centers(labels)
    centers = offsets(regions.centers(tf.constant(labels, tf.int32)))
    np.testing.assert_array_equal(centers, offset)
    np.testing.assert_array_equal(centers[0, center[0], center[1]], [0, 0])


def test_a_large_instance_far_from_the_origin_has_its_center_to_the_pixel():
    # Sums of coordinates reach 1e9, where float32 knows multiples of 64 only: it is a pixel off.
    labels = np.zeros((1, 2101, 601), np.int32)
    labels[0, 100:] = 1
    offset = offsets(regions.centers(tf.constant(labels)))[0]
    np.testing.assert_array_equal(offset[1100, 300], [0, 0])  # rows 100 to 2100, columns 0 to 600
    np.testing.assert_array_equal(offset[100, 0], [1000, 300])
    np.testing.assert_array_equal(offset[2100, 600], [-1000, -300])


def test_one_id_in_two_images_is_two_instances():
    labels = np.zeros((2, 3, 7), np.int32)
    labels[0, 0, :3] = labels[1, 2, 2:7] = LARGEST
    together = regions.centers(tf.constant(labels))
    for index in range(2):
        alone = regions.centers(tf.constant(labels[index : index + 1]))
        np.testing.assert_array_equal(offsets(together)[index], offsets(alone)[0])
        np.testing.assert_array_equal(together.area[index], alone.area[0])
    assert set(together.area.numpy().ravel().tolist()) == {0.0, 3.0, 5.0}


@pytest.mark.parametrize("value", [0, -1, -(2**31)])
def test_a_batch_without_instances_is_0_everywhere(value):
    centers = regions.centers(tf.fill([2, 3, 4], value))
    np.testing.assert_array_equal(offsets(centers), np.zeros((2, 3, 4, 2)))
    np.testing.assert_array_equal(centers.area, np.zeros((2, 3, 4)))


def test_a_graph_of_unknown_size_gives_the_same_as_eager_calls():
    graph = tf.function(
        regions.centers, input_signature=[tf.TensorSpec([None, None, None], tf.int32)]
    )
    for shape in ((1, 4, 9), (3, 8, 2)):
        labels = np.random.default_rng(0).integers(-1, 4, shape).astype(np.int32)
        offset, area = slow_centers(labels)
        centers = graph(tf.constant(labels))
        np.testing.assert_array_equal(offsets(centers), offset)
        np.testing.assert_array_equal(centers.area, area)


def slow_interior(label: np.ndarray) -> np.ndarray:
    """Returns one image's interior, pixel after pixel."""
    padded = np.pad(label.astype(np.int64), 1, constant_values=-1)
    inner = np.zeros(label.shape, bool)
    for y, x in np.argwhere(label > 0):
        cross = [padded[y, x + 1], padded[y + 1, x], padded[y + 1, x + 2], padded[y + 2, x + 1]]
        inner[y, x] = all(other < 0 or other == label[y, x] for other in cross)
    for instance in set(label[label > 0].tolist()):
        inside = label == instance
        if not inner[inside].any():
            inner |= inside
    return inner


def slow_depth(label: np.ndarray, limit: int) -> np.ndarray:
    """Returns one image's depth: every instance is eroded by itself."""
    square, diamond = np.ones((3, 3), bool), ndimage.generate_binary_structure(2, 1)
    total = np.zeros(label.shape, np.float32)
    for instance in set(label[label > 0].tolist()):
        inside = left = label == instance
        depth = np.zeros(label.shape, np.float32)
        for step in range(limit):
            depth += left
            around = left | (label < 0)
            element = square if step % 2 == 0 else diamond
            left = left & ndimage.binary_erosion(around, element, border_value=1)
        total[inside] = depth[inside] / depth.max()
    return total


@given(LABELS)
def test_interior_is_that_of_a_loop_over_pixels(labels):
    expected = [slow_interior(label) for label in labels]
    np.testing.assert_array_equal(regions.interior(tf.constant(labels)), expected)


@given(LABELS)
def test_depth_is_that_of_erosions_one_instance_at_a_time(labels):
    expected = [slow_depth(label, 64) for label in labels]
    np.testing.assert_array_equal(regions.depth(tf.constant(labels)), expected)


@pytest.mark.parametrize("limit", [1, 4, 64])
def test_depth_of_larger_instances(limit):
    # Cells of a grid of seeds: they touch, and the outer ones are cut by the image's edge
    seeds = np.random.default_rng(1).uniform(0, 60, (12, 2))
    pixels = np.stack(np.mgrid[:60, :60], axis=-1)[:, :, None]
    distance = ((pixels - seeds) ** 2).sum(axis=-1)
    label = distance.argmin(axis=-1).astype(np.int32) * (distance.min(axis=-1) < 150)
    depth = regions.depth(tf.constant(label[None]), limit=limit)
    np.testing.assert_array_equal(depth[0], slow_depth(label, limit))


def test_depth_of_a_square_by_hand():
    label = np.zeros((7, 7), np.int32)
    label[1:6, 1:6] = 3
    # Diamonds come second: depth 3 only in the middle
    expected = np.zeros((7, 7))
    expected[1:6, 1:6], expected[2:5, 2:5], expected[3, 3] = 1, 2, 3
    np.testing.assert_allclose(regions.depth(tf.constant(label[None]))[0], expected / 3, rtol=1e-6)


@pytest.mark.parametrize("shape", [[None, None, None], [2, 5, None], [None, 5, 6]])
def test_images_of_unknown_size_are_looked_at_in_a_graph(shape):
    labels = tf.constant(np.random.default_rng(1).integers(-1, 4, (2, 5, 6)), tf.int32)
    for function in (regions.interior, regions.depth):
        graph = tf.function(function, input_signature=[tf.TensorSpec(shape, tf.int32)])
        np.testing.assert_array_equal(graph(labels), function(labels))
