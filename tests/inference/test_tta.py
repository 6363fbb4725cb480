"""Test-time augmentation: maps are transformed back, vectors are rotated back."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfseg.heads import HEADS
from tfseg.inference.tta import averaged


def gradient(images: tf.Tensor) -> dict[str, tf.Tensor]:
    """Acts as an equivariant network: the image and its central differences as vectors (y, x)."""
    padded = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
    y = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    x = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    return {"values": images, "vector": tf.concat([y, x], -1)}


@pytest.fixture
def images() -> tf.Tensor:
    return tf.constant(np.random.default_rng(0).normal(size=(2, 7, 5, 1)), tf.float32)


def test_the_mean_of_an_equivariant_network_is_the_network_itself(images):
    expected = gradient(images)
    mean = averaged(gradient, images, vectors={"vector"})
    assert mean.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(mean[name], values, atol=1e-6)


def test_without_turning_them_back_vectors_would_cancel(images):
    mean = averaged(gradient, images, vectors=())
    assert np.abs(mean["vector"]).max() < np.abs(gradient(images)["vector"]).max() / 2


def test_every_symmetry_counts_once(images):
    """Checks a network that adds the row number: the mean covers both directions of both axes."""

    def numbered(images: tf.Tensor) -> dict[str, tf.Tensor]:
        rows = tf.range(tf.shape(images)[1], dtype=tf.float32)
        return {"values": images + rows[None, :, None, None]}

    mean = averaged(numbered, images, vectors=())["values"]
    # rows run from 0 to 6 or from 6 to 0, or to 4 if the image is transposed
    np.testing.assert_allclose(mean - images, np.full((2, 7, 5, 1), (3 + 2) / 2), atol=1e-6)


def test_the_heads_name_vectors_of_two_channels_among_their_outputs():
    for head in HEADS.values():
        assert {head.outputs[name] for name in head.vectors} <= {2}
    assert HEADS["center_offset"].vectors == {"offset"}


def test_a_segmenter_that_averages_gives_a_turned_image_the_turned_instances(near_sighted):
    segmenter = near_sighted(tta=True)
    image = np.random.default_rng(1).integers(0, 255, (8, 6, 1)).repeat(8, 0).repeat(16, 1)
    image = image.astype(np.uint8)[:64, :96]  # multiples of 32: nothing is padded
    upright = segmenter.predict(image)
    turned = segmenter.predict(np.rot90(image).copy())
    assert len(upright.scores) > 3
    foreground = np.rot90(upright.labels > 0)
    # A pixel between two equally near peaks goes to the first in reading order, which a rotation
    # changes; that may decide whether an instance is large enough to stay.
    assert (foreground == (turned.labels > 0)).mean() > 0.995
    assert not np.array_equal(near_sighted().predict(image).labels > 0, upright.labels > 0)
