"""Changes of values: what they do with hand-worked numbers, and what is drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import skimage.color
import tensorflow as tf

from tfseg import random
from tfseg.augment.base import Pixel
from tfseg.augment.chain import Chain
from tfseg.augment.pixel import (
    CLAHE,
    GaussNoise,
    Normalize,
    RandomBrightnessContrast,
    RandomGamma,
)
from tfseg.checks import InputError

COUNT = 1500


def draws(transform: Pixel) -> dict[str, np.ndarray]:
    """Returns 1500 draws of every parameter."""
    data = tf.data.Dataset.range(COUNT).map(
        lambda index: transform.sample(random.fold_in(random.root(9), index))
    )
    rows = list(data.as_numpy_iterator())
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def changed(transform: Pixel, image: np.ndarray, **params: float) -> np.ndarray:
    values = {name: tf.constant(value) for name, value in params.items()}
    return transform.change(tf.constant(image, tf.float32), values).numpy()


def through(transform: Pixel, image: np.ndarray) -> np.ndarray:
    """Returns what a chain of `transform` makes of `image` `[H, W, C]`."""
    label = np.zeros(image.shape[:2], np.int32)
    return Chain([transform])({"image": image, "label": label}, random.root(3))["image"].numpy()


def uniform(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, np.float32)


@pytest.mark.parametrize(
    ("transform", "limits"),
    [
        (
            RandomBrightnessContrast(brightness_limit=(-0.5, 0.25), contrast_limit=(0.0, 2.0)),
            {"brightness": (-0.5, 0.25), "contrast": (0.0, 2.0)},
        ),
        (CLAHE(clip_limit=(2.0, 6.0)), {"clip_limit": (2.0, 6.0)}),
        (RandomGamma(gamma_limit=(50.0, 250.0)), {"exponent": (0.5, 2.5)}),
        (
            GaussNoise(std_range=(0.125, 0.5), mean_range=(-0.5, 0.0)),
            {"std": (0.125, 0.5), "mean": (-0.5, 0.0), "key": (0, 2**31 - 1)},
        ),
    ],
    ids=["RandomBrightnessContrast", "CLAHE", "RandomGamma", "GaussNoise"],
)
def test_draws_fill_their_ranges_evenly_and_do_not_go_together(transform, limits):
    drawn = draws(transform)
    assert drawn.keys() == limits.keys()
    shares = []
    for name, (low, high) in limits.items():
        share = (drawn[name] - low) / (high - low)
        assert -1e-6 <= share.min() < 0.01  # the least of 1500 is above 0.01 once in 3 million
        assert 0.99 < share.max() <= 1 + 1e-6
        # Kolmogorov-Smirnov: the largest gap, 1.95 / sqrt(n) at p = 0.001
        assert scipy.stats.kstest(share, "uniform").statistic < 1.95 / math.sqrt(COUNT)
        shares.append(share)
    correlation = np.atleast_2d(np.corrcoef(shares)) - np.eye(len(limits))
    assert np.abs(correlation).max() < 5 / math.sqrt(COUNT)


def test_contrast_multiplies_and_brightness_adds():
    transform, image = RandomBrightnessContrast(), np.full((1, 1, 1), 0.5)
    # 0.5 x 1.2 + 0.1 and 0.5 x 0.8 - 0.1
    assert changed(transform, image, brightness=0.1, contrast=0.2) == pytest.approx(0.7)
    assert changed(transform, image, brightness=-0.1, contrast=-0.2) == pytest.approx(0.3)


def test_brightness_may_be_a_share_of_the_mean_that_the_image_has_before():
    transform = RandomBrightnessContrast(brightness_by_max=False)
    result = changed(transform, np.array([[[0.2], [0.4]]]), brightness=0.5, contrast=1.0)
    # The mean is 0.3: 0.2 x 2 + 0.5 x 0.3 and 0.4 x 2 + 0.5 x 0.3
    np.testing.assert_allclose(result.ravel(), [0.55, 0.95], rtol=1e-6)


def test_an_equalization_changes_only_the_lightness_of_colours():
    image = 0.3 + 0.4 * uniform(24, 32, 3)
    result = changed(CLAHE(tile_grid_size=(2, 1)), image, clip_limit=3.0)
    before, after = skimage.color.rgb2lab(image), skimage.color.rgb2lab(result)
    inside = (result > 0.01).all(axis=-1) & (result < 0.99).all(axis=-1)
    assert inside.mean() > 0.5
    np.testing.assert_allclose(after[inside, 1:], before[inside, 1:], atol=0.1)
    expected = changed(
        CLAHE(tile_grid_size=(2, 1)), before[..., :1].astype(np.float32) / 100, clip_limit=3.0
    )
    np.testing.assert_allclose(after[inside, 0], 100 * expected[inside, 0], atol=0.1)


def test_an_equalization_has_columns_before_rows():
    image = np.zeros((6, 8, 1), np.float32)
    image[:, 4:] = 128 / 255  # two columns of tiles, each plain: all pixels are up to their value
    across = changed(CLAHE(tile_grid_size=(2, 1)), image, clip_limit=1000.0)
    np.testing.assert_allclose(across[0, [0, 7], 0], [1.0, 1.0], atol=1e-5)
    down = changed(CLAHE(tile_grid_size=(1, 2)), image, clip_limit=1000.0)
    np.testing.assert_allclose(down[0, [0, 7], 0], [0.5, 1.0], atol=1e-5)


@pytest.mark.parametrize("channels", [2, 5])
def test_channels_that_are_no_colours_are_equalized_one_by_one(channels):
    clahe, image = CLAHE(tile_grid_size=(2, 1)), 0.2 + 0.3 * uniform(24, 32, channels)
    result = changed(clahe, image, clip_limit=3.0)
    for index in range(channels):
        alone = changed(clahe, image[..., index : index + 1], clip_limit=3.0)
        np.testing.assert_allclose(result[..., index : index + 1], alone, atol=1e-6)
    through(CLAHE(p=1.0), uniform(16, 16, channels))  # compiled


def test_gamma_is_in_percent_and_more_of_it_darkens():
    double = RandomGamma(gamma_limit=(200.0, 200.0))
    drawn = {name: float(value) for name, value in double.sample(random.root(0)).items()}
    result = changed(double, np.array([[[0.0], [0.5], [1.0]]]), **drawn)
    np.testing.assert_allclose(result.ravel(), [0, 0.25, 1], rtol=1e-6)


def test_noise_has_the_mean_and_the_deviation_that_were_drawn_and_a_channel_its_own():
    noise = changed(GaussNoise(), np.full((64, 64, 3), 0.5), std=0.125, mean=0.25, key=7) - 0.5
    assert len(np.unique(noise)) > 0.99 * noise.size
    n = noise.size
    assert abs(noise.mean() - 0.25) < 5 * 0.125 / math.sqrt(n)
    assert abs(noise.std() / 0.125 - 1) < 5 / math.sqrt(2 * n)
    correlation = np.corrcoef(noise.reshape(-1, 3), rowvar=False) - np.eye(3)
    assert np.abs(correlation).max() < 5 / math.sqrt(n / 3)


def test_noise_that_is_not_per_channel_is_the_same_in_all():
    image = uniform(8, 9, 3)
    noise = changed(GaussNoise(per_channel=False), image, std=0.5, mean=0.0, key=7) - image
    assert np.ptp(noise, axis=-1).max() < 1e-6
    assert len(np.unique(noise[..., 0].round(5))) > 60


def test_noise_of_half_the_size_is_coarse_and_that_of_the_smallest_is_one_number_a_channel():
    image = np.zeros((64, 64, 2))
    drawn = {"std": 1.0, "mean": 0.0, "key": 3}
    noise = changed(GaussNoise(noise_scale_factor=0.5), image, **drawn)
    neighbours = np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]
    # A row is 1/4 a + 3/4 b, 3/4 b + 1/4 c, ...: pixels deviate by 5/8, neighbours go together by
    # 9/16 or 3/8 of that, in turn: (9/16 + 3/8) / 2 / (5/8) = 3/4
    assert abs(neighbours - 0.75) < 0.05
    assert abs(noise.std() - 5 / 8) < 0.05  # sqrt(5/8) in height and in width
    one = changed(GaussNoise(noise_scale_factor=0.001), image, **drawn)
    assert np.ptp(one, axis=(0, 1)).max() < 1e-6
    assert one[0, 0, 0] != one[0, 0, 1]


@pytest.mark.parametrize(
    "transform",
    [
        RandomBrightnessContrast(brightness_limit=(0.0, 0.0), contrast_limit=(0.0, 0.0), p=1.0),
        RandomBrightnessContrast(
            brightness_limit=(0.0, 0.0), contrast_limit=(0.0, 0.0), brightness_by_max=False, p=1.0
        ),
        RandomGamma(gamma_limit=(100.0, 100.0), p=1.0),
        GaussNoise(std_range=(0.0, 0.0), p=1.0),
        GaussNoise(std_range=(0.0, 0.0), noise_scale_factor=0.3, per_channel=False, p=1.0),
        Normalize(mean=(0.0,), std=(1.0,)),
    ],
    ids=repr,
)
def test_parameters_that_change_nothing_change_no_bit(transform):
    image = uniform(13, 6, 2)
    np.testing.assert_array_equal(through(transform, image), image)


@pytest.mark.parametrize(
    "transform",
    [
        RandomBrightnessContrast(brightness_limit=(-1.0, -1.0), contrast_limit=(-1.0, -1.0), p=1.0),
        RandomBrightnessContrast(brightness_limit=(1.0, 1.0), contrast_limit=(10.0, 10.0), p=1.0),
        RandomGamma(gamma_limit=(1.0, 1.0), p=1.0),
        RandomGamma(gamma_limit=(1000.0, 1000.0), p=1.0),
        GaussNoise(std_range=(1.0, 1.0), mean_range=(1.0, 1.0), noise_scale_factor=0.001, p=1.0),
        Normalize(mean=(1000.0,), std=(0.001,)),
    ],
    ids=repr,
)
def test_the_outermost_parameters_give_finite_values(transform):
    shape = (1, 3, 2)
    for image in (np.zeros(shape, np.float32), np.ones(shape, np.float32)):
        result = through(transform, image)
        assert result.shape == shape
        assert np.isfinite(result).all()


def test_a_chain_does_not_clip_what_normalize_gives_as_the_last():
    image = np.array([[[0.0, 0.5, 1.0]]], np.float32)
    chain = Chain([RandomGamma(gamma_limit=(100.0, 100.0), p=1.0), Normalize()])
    example = {"image": image, "label": np.zeros((1, 1), np.int32)}
    result = chain(example, random.root(0))["image"].numpy().ravel()
    # (0 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (1 - 0.406) / 0.225
    np.testing.assert_allclose(result, [-2.1179, 0.19643, 2.64], rtol=1e-4)


def test_normalize_takes_one_number_for_all_channels_or_one_for_each():
    image = np.full((2, 2, 4), 0.5)
    result = changed(Normalize(mean=(0.25,), std=(0.5, 1.0, 2.0, 4.0)), image)
    assert result[0, 0].tolist() == [0.5, 0.25, 0.125, 0.0625]
    with pytest.raises(InputError, match=r"Normalize\.mean must have 1 number, or 4 .* got 3"):
        changed(Normalize(), image)


@pytest.mark.parametrize(
    ("kind", "name", "value", "rule"),
    [
        (CLAHE, "clip_limit", (0.5, 2.0), "1 <= a <= b <= 1000"),
        (CLAHE, "tile_grid_size", 8, r"\(columns, rows\); got 8"),
        (CLAHE, "tile_grid_size", (8, 0), r"whole number in \[1, 256\]; got 0"),
        (RandomBrightnessContrast, "brightness_limit", (-2.0, 0.0), "-1 <= a <= b <= 1"),
        (RandomBrightnessContrast, "contrast_limit", (0.0, 11.0), "-1 <= a <= b <= 10"),
        (RandomGamma, "gamma_limit", (0.0, 100.0), "1 <= a <= b <= 1000"),
        (GaussNoise, "std_range", (-0.1, 0.1), "0 <= a <= b <= 1"),
        (GaussNoise, "std_range", (0.2, 0.1), r"0 <= a <= b <= 1; got \(0\.2, 0\.1\)"),
        (GaussNoise, "std_range", (0.1, None), r"got \(0\.1, None\)"),
        (GaussNoise, "mean_range", (-2.0, 0.1), "-1 <= a <= b <= 1"),
        (GaussNoise, "noise_scale_factor", 0.0, r"\[0\.001, 1\]"),
        (Normalize, "mean", None, r"\(a, \.\.\.\)"),
        (Normalize, "mean", (), r"\(a, \.\.\.\)"),
    ],
)
def test_ranges_that_make_no_sense_are_refused(kind, name, value, rule):
    with pytest.raises(InputError, match=rf"^{kind.__name__}\.{name} must be .*{rule}"):
        kind(**{name: value})


def test_a_deviation_of_0_is_refused_with_the_channel():
    with pytest.raises(InputError, match=r"^Normalize\.std\[1\] must be .*\[0\.001, 1000\]; got 0"):
        Normalize(std=(1.0, 0.0, 1.0))
