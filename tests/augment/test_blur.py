"""Blurring and sharpening: the sizes drawn, SciPy's result, small images."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
import tensorflow as tf

from tfseg import random
from tfseg.augment.base import Pixel
from tfseg.augment.blur import Blur, GaussianBlur, MedianBlur, MotionBlur, Sharpen
from tfseg.augment.chain import Chain
from tfseg.checks import InputError

COUNT = 1500


def draws(transform: Pixel) -> dict[str, np.ndarray]:
    data = tf.data.Dataset.range(COUNT).map(
        lambda index: transform.sample(random.fold_in(random.root(9), index))
    )
    drawn = next(iter(data.batch(COUNT)))
    return {name: value.numpy() for name, value in drawn.items()}


def through(transform: Pixel, image: np.ndarray) -> np.ndarray:
    """Returns what a chain of `transform` makes of `image` `[H, W, C]`."""
    label = np.zeros(image.shape[:2], np.int32)
    return Chain([transform])({"image": image, "label": label}, random.root(3))["image"].numpy()


def uniform(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, np.float32)


def scipy_blur(image: np.ndarray, sigma: float, radius: int) -> np.ndarray:
    return scipy.ndimage.gaussian_filter(
        image.astype(np.float64), (sigma, sigma, 0), mode="mirror", radius=(radius, radius, 0)
    )


def test_without_a_limit_the_filter_is_as_wide_as_its_deviation_asks_for():
    drawn = draws(GaussianBlur(sigma_limit=(0.0, 3.0)))
    np.testing.assert_array_equal(drawn["radius"], np.floor(3.5 * drawn["sigma"]))
    # Kolmogorov-Smirnov: the largest gap, 1.95 / sqrt(n) at p = 0.001
    assert scipy.stats.kstest(drawn["sigma"] / 3, "uniform").statistic < 1.95 / np.sqrt(COUNT)
    assert drawn["radius"].max() == 10


@pytest.mark.parametrize(
    ("limit", "shares"),
    [
        ((3, 7), {1: 1 / 5, 2: 2 / 5, 3: 2 / 5}),  # 3, 4 and 5, 6 and 7
        ((1, 3), {0: 1 / 3, 1: 2 / 3}),
        ((0, 3), {1: 1 / 2, 0: 1 / 4, 7: 1 / 4}),  # 2 and 3, 1, and 0: int(3.5 x 2) = 7
    ],
)
def test_sizes_are_drawn_among_all_whole_numbers_and_even_ones_are_taken_larger(limit, shares):
    drawn = draws(GaussianBlur(blur_limit=limit, sigma_limit=(2.0, 2.0)))
    counts = Counter(drawn["radius"].tolist())
    assert counts.keys() == shares.keys()
    for radius, share in shares.items():
        assert abs(counts[radius] / COUNT - share) < 5 * np.sqrt(share * (1 - share) / COUNT)


@pytest.mark.parametrize(
    ("transform", "sizes"),
    [
        (Blur(), [3, 5, 7]),
        (MedianBlur(blur_limit=(5, 7)), [5, 7]),
        (MotionBlur(blur_limit=(9, 9)), [9]),
    ],
)
def test_odd_sizes_of_a_square_are_equally_likely(transform, sizes):
    counts = Counter(draws(transform)["size"].tolist())
    assert sorted(counts) == sizes
    share = 1 / len(sizes)
    for count in counts.values():
        assert abs(count / COUNT - share) <= 5 * np.sqrt(share * (1 - share) / COUNT)


def test_the_draws_of_a_motion_fill_their_ranges_and_do_not_go_together():
    drawn = draws(MotionBlur(angle_range=(30.0, 90.0), direction_range=(-0.5, 1.0)))
    shares = [(drawn["degrees"] - 30) / 60, (drawn["direction"] + 0.5) / 1.5]
    shares += list((drawn["shift"].T + 1) / 2)
    for share in shares:
        assert scipy.stats.kstest(share, "uniform").statistic < 1.95 / np.sqrt(COUNT)
    assert np.abs(np.corrcoef(shares) - np.eye(4)).max() < 5 / np.sqrt(COUNT)
    assert not draws(MotionBlur(allow_shifted=False))["shift"].any()


@pytest.mark.parametrize(
    ("kind", "reference", "mode"),
    [
        (Blur, scipy.ndimage.uniform_filter, "mirror"),
        (MedianBlur, scipy.ndimage.median_filter, "nearest"),
    ],
)
def test_a_chain_blurs_by_the_square_that_was_drawn(kind, reference, mode):
    image, chain = uniform(9, 8, 2), Chain([kind(blur_limit=(3, 5), p=1.0)])
    for size in (3, 5):
        params = chain.sample(random.root(0))
        params[f"{kind.__name__}/1"]["size"] = tf.constant(size)
        result = chain.apply({"image": image, "label": np.zeros((9, 8), np.int32)}, params)
        expected = reference(image.astype(np.float64), (size, size, 1), mode=mode)
        np.testing.assert_allclose(result["image"], expected, atol=1e-6)


def test_the_size_does_not_go_with_the_deviation():
    drawn = draws(GaussianBlur(blur_limit=(1, 21)))
    assert abs(np.corrcoef(drawn["sigma"], drawn["radius"])[0, 1]) < 5 / np.sqrt(COUNT)


@pytest.mark.parametrize("blur_limit", [(0, 0), (5, 5), (0, 41)])
def test_the_image_is_blurred_by_the_filter_that_was_drawn(blur_limit):
    image, transform = uniform(17, 12, 3), GaussianBlur(blur_limit=blur_limit, p=1.0)
    chain = Chain([transform])
    example = {"image": image, "label": np.zeros((17, 12), np.int32)}
    for seed in range(3):
        params = chain.sample(random.root(seed))
        sigma, radius = (float(params["GaussianBlur/1"][name]) for name in ("sigma", "radius"))
        result = chain.apply(example, params)["image"]
        np.testing.assert_allclose(result, scipy_blur(image, sigma, int(radius)), atol=1e-6)


@pytest.mark.parametrize(
    "transform",
    [
        GaussianBlur(sigma_limit=(0.0, 0.0), p=1.0),
        GaussianBlur(sigma_limit=(0.0, 0.0), blur_limit=(7, 7), p=1.0),
        GaussianBlur(blur_limit=(1, 1), p=1.0),
        Sharpen(alpha=(0.0, 0.0), p=1.0),
    ],
    ids=repr,
)
def test_parameters_that_change_nothing_change_no_bit(transform):
    image = uniform(9, 14, 2)
    np.testing.assert_array_equal(through(transform, image), image)


@pytest.mark.parametrize(
    "transform",
    [
        GaussianBlur(sigma_limit=(100.0, 100.0), p=1.0),
        GaussianBlur(sigma_limit=(0.0, 0.0), blur_limit=(701, 701), p=1.0),
        GaussianBlur(sigma_limit=(1e-30, 1e-30), blur_limit=(3, 3), p=1.0),
        Sharpen(alpha=(1.0, 1.0), lightness=(100.0, 100.0), p=1.0),
        Sharpen(alpha=(1.0, 1.0), lightness=(0.0, 0.0), p=1.0),
        Blur(blur_limit=(701, 701), p=1.0),
        MedianBlur(blur_limit=(7, 7), p=1.0),
        MotionBlur(blur_limit=(701, 701), p=1.0),
    ],
    ids=repr,
)
def test_the_outermost_parameters_give_finite_values_on_the_smallest_images(transform):
    result = through(transform, uniform(1, 2, 3))
    assert result.shape == (1, 2, 3)
    assert np.isfinite(result).all()


def test_a_blur_keeps_the_mean_of_a_plain_image_and_sharpening_multiplies_it():
    plain = np.full((8, 8, 1), 0.5, np.float32)
    np.testing.assert_allclose(through(GaussianBlur(p=1.0), plain), plain, atol=1e-6)
    sharpened = through(Sharpen(alpha=(0.5, 0.5), lightness=(0.8, 0.8), p=1.0), plain)
    # Half the image and half its Laplacian, which is 0, plus 0.8 times it
    np.testing.assert_allclose(sharpened, 0.9 * plain, atol=1e-5)


def test_sharpening_draws_fill_their_ranges_evenly_and_do_not_go_together():
    drawn = draws(Sharpen(alpha=(0.2, 0.6), lightness=(0.5, 1.5)))
    shares = [(drawn["alpha"] - 0.2) / 0.4, drawn["lightness"] - 0.5]
    for share in shares:
        assert scipy.stats.kstest(share, "uniform").statistic < 1.95 / np.sqrt(COUNT)
    assert abs(np.corrcoef(shares)[0, 1]) < 5 / np.sqrt(COUNT)


@pytest.mark.parametrize(
    ("kind", "name", "value", "rule"),
    [
        (GaussianBlur, "blur_limit", (4, 7), r"0 or odd; got \(4, 7\)"),
        (GaussianBlur, "blur_limit", (3, 6), r"0 or odd; got \(3, 6\)"),
        (GaussianBlur, "blur_limit", (1.0, 3.0), r"whole numbers.*; got \(1\.0, 3\.0\)"),
        (GaussianBlur, "blur_limit", (3, 703), "0 <= a <= b <= 701"),
        (GaussianBlur, "sigma_limit", (-1.0, 2.0), "0 <= a <= b <= 100"),
        (Blur, "blur_limit", (2, 4), "3 <= a <= b <= 701"),
        (Blur, "blur_limit", (3, 6), r"odd whole numbers; got \(3, 6\)"),
        (Blur, "blur_limit", (3.0, 5.0), r"odd whole numbers; got \(3\.0, 5\.0\)"),
        (MedianBlur, "blur_limit", (3, 9), "3 <= a <= b <= 7"),
        (MotionBlur, "angle_range", (0.0, 361.0), "0 <= a <= b <= 360"),
        (MotionBlur, "direction_range", (-1.1, 0.0), "-1 <= a <= b <= 1"),
        (MotionBlur, "allow_shifted", 1, "true or false; got 1"),
        (Sharpen, "alpha", (0.2, 1.1), "0 <= a <= b <= 1"),
        (Sharpen, "lightness", (-0.1, 1.0), "0 <= a <= b <= 100"),
    ],
)
def test_ranges_that_make_no_sense_are_refused(kind, name, value, rule):
    with pytest.raises(InputError, match=rf"^{kind.__name__}\.{name} must be .*{rule}"):
        kind(**{name: value})
