"""Changes of values: what they do with hand-worked numbers, and what is drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from tfseg import random
from tfseg.augment import GaussNoise, RandomBrightnessContrast, RandomGamma
from tfseg.augment.base import Pixel
from tfseg.checks import InputError

COUNT = 1500


def draws(transform: Pixel) -> dict[str, np.ndarray]:
    """Returns 1500 draws of every parameter."""
    data = tf.data.Dataset.range(COUNT).map(
        lambda index: transform.sample(random.fold_in(random.root(9), index))
    )
    rows = list(data.as_numpy_iterator())
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def changed(transform: Pixel, images: np.ndarray, **params: list) -> np.ndarray:
    values = {name: tf.constant(value) for name, value in params.items()}
    return transform.change(tf.constant(images, tf.float32), values).numpy()


@pytest.mark.parametrize(
    ("transform", "limits"),
    [
        (
            RandomBrightnessContrast(brightness_limit=(-0.5, 0.25), contrast_limit=(0.0, 2.0)),
            {"brightness": (-0.5, 0.25), "contrast": (0.0, 2.0)},
        ),
        (RandomGamma(gamma_limit=(50.0, 250.0)), {"exponent": (0.5, 2.5)}),
        (GaussNoise(std_range=(0.125, 0.5)), {"std": (0.125, 0.5), "key": (0, 2**31 - 1)}),
    ],
    ids=["RandomBrightnessContrast", "RandomGamma", "GaussNoise"],
)
def test_draws_fill_their_ranges_evenly_and_do_not_go_together(transform, limits):
    drawn = draws(transform)
    assert drawn.keys() == limits.keys() == transform.identity.keys()
    shares = []
    for name, (low, high) in limits.items():
        share = (drawn[name] - low) / (high - low)
        assert -1e-6 <= share.min() < 0.01  # the least of 1500 is above 0.01 once in 3 million
        assert 0.99 < share.max() <= 1 + 1e-6
        assert abs(share.mean() - 0.5) < 5 * math.sqrt(1 / 12 / COUNT)
        shares.append(share)
    correlation = np.atleast_2d(np.corrcoef(shares)) - np.eye(len(limits))
    assert np.abs(correlation).max() < 5 / math.sqrt(COUNT)


def test_contrast_multiplies_and_brightness_adds():
    images = np.full((2, 1, 1, 1), 0.5)
    result = changed(
        RandomBrightnessContrast(), images, brightness=[0.1, -0.1], contrast=[0.2, -0.2]
    )
    # 0.5 x 1.2 + 0.1 and 0.5 x 0.8 - 0.1
    np.testing.assert_allclose(result.ravel(), [0.7, 0.3], rtol=1e-6)


def test_gamma_is_in_percent_and_more_of_it_darkens():
    double = RandomGamma(gamma_limit=(200.0, 200.0))
    drawn = {name: [float(value)] for name, value in double.sample(random.root(0)).items()}
    result = changed(double, np.array([[[[0.0], [0.5], [1.0]]]]), **drawn)
    np.testing.assert_allclose(result.ravel(), [0, 0.25, 1], rtol=1e-6)


def test_noise_differs_in_every_pixel_and_channel_and_has_the_deviation_that_was_drawn():
    images = np.full((2, 32, 32, 3), 0.5)
    result = changed(GaussNoise(), images, std=[0.125, 0.5], key=[7, 8]) - 0.5
    assert len(np.unique(result[0])) > 0.99 * result[0].size
    # The deviation of 3072 values is known to 1 / sqrt(2 x 3072) = 1.3 %.
    np.testing.assert_allclose(result.std(axis=(1, 2, 3)), [0.125, 0.5], rtol=5 * 0.013)
    assert abs(np.corrcoef(result[0].ravel(), result[1].ravel())[0, 1]) < 5 / math.sqrt(3072)


@pytest.mark.parametrize(
    ("kind", "name", "value", "rule"),
    [
        (RandomBrightnessContrast, "brightness_limit", (-2.0, 0.0), "-1 <= a <= b <= 1"),
        (RandomBrightnessContrast, "contrast_limit", (0.0, 11.0), "-1 <= a <= b <= 10"),
        (RandomGamma, "gamma_limit", (0.0, 100.0), "1 <= a <= b <= 1000"),
        (GaussNoise, "std_range", (-0.1, 0.1), "0 <= a <= b <= 1"),
        (GaussNoise, "std_range", (0.2, 0.1), r"0 <= a <= b <= 1; got \(0\.2, 0\.1\)"),
        (GaussNoise, "std_range", (0.1, None), r"got \(0\.1, None\)"),
    ],
)
def test_ranges_that_make_no_sense_are_refused(kind, name, value, rule):
    with pytest.raises(
        InputError, match=rf"^{kind.__name__}\.{name} must be \(a, b\) with .*{rule}"
    ):
        kind(**{name: value})
