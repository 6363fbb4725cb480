"""Transforms of colour: their units, their draws, and images that have no colour."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tfseg import random
from tfseg.augment.base import Pixel
from tfseg.augment.chain import Chain
from tfseg.augment.color import HueSaturationValue, RGBShift, ToGray
from tfseg.checks import InputError


def through(transform: Pixel, image: np.ndarray) -> np.ndarray:
    """Returns what a chain of `transform` makes of `image` `[H, W, C]`."""
    label = np.zeros(image.shape[:2], np.int32)
    return Chain([transform])({"image": image, "label": label}, random.root(3))["image"].numpy()


def fixed(hue: float, saturation: float, value: float) -> HueSaturationValue:
    return HueSaturationValue(
        hue_shift_limit=(hue, hue),
        sat_shift_limit=(saturation, saturation),
        val_shift_limit=(value, value),
        p=1.0,
    )


def shifted(red: tuple, green: tuple, blue: tuple) -> RGBShift:
    return RGBShift(r_shift_limit=red, g_shift_limit=green, b_shift_limit=blue, p=1.0)


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (fixed(60.0, 0.0, 0.0), [0, 0.8, 0.4]),  # 120 degrees: red 0.8 -> green
        (fixed(-180.0, 0.0, 0.0), [0.8, 0.4, 0]),
        (fixed(0.0, 0.0, 51.0), [1, 0.5, 0]),  # 51 / 255 = 0.2 more of the largest channel
        (fixed(0.0, -127.5, 0.0), [0.8, 0.6, 0.4]),  # half the saturation
    ],
)
def test_hue_has_steps_of_two_degrees_and_saturation_and_value_those_of_8_bits(transform, expected):
    result = through(transform, np.array([[[0.8, 0.4, 0.0]]], np.float32))
    np.testing.assert_allclose(result.ravel(), expected, atol=1e-6)


def test_draws_fill_their_ranges_evenly_and_do_not_go_together():
    count = 1500
    transform = HueSaturationValue(
        hue_shift_limit=(-90.0, 0.0), sat_shift_limit=(0.0, 255.0), val_shift_limit=(-51.0, 51.0)
    )
    data = tf.data.Dataset.range(count).map(
        lambda index: transform.sample(random.fold_in(random.root(9), index))
    )
    drawn = next(iter(data.batch(count)))
    limits = {"hue": (-0.5, 0.0), "saturation": (0.0, 1.0), "value": (-0.2, 0.2)}
    assert drawn.keys() == limits.keys()
    shares = [(drawn[name].numpy() - low) / (high - low) for name, (low, high) in limits.items()]
    for share in shares:
        # Kolmogorov-Smirnov: the largest gap, 1.95 / sqrt(n) at p = 0.001
        assert scipy.stats.kstest(share, "uniform").statistic < 1.95 / np.sqrt(count)
    assert np.abs(np.corrcoef(shares) - np.eye(3)).max() < 5 / np.sqrt(count)


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (shifted((51, 51), (-25.5, -25.5), (0, 0)), [0.7, 0.4, 0.5]),
        (shifted((0.1, 0.1), (-1, -1), (255, 255)), [0.6, 0.0, 1.0]),  # clipped
    ],
)
def test_a_shift_is_in_steps_of_8_bits_or_up_to_1_in_image_values(transform, expected):
    result = through(transform, np.full((2, 3, 3), 0.5, np.float32))
    np.testing.assert_allclose(result, np.broadcast_to(expected, (2, 3, 3)), atol=1e-6)


def test_each_channel_is_shifted_by_a_draw_from_its_range():
    count = 1500
    transform = shifted((0, 51), (-0.5, 0.5), (-102, -51))
    data = tf.data.Dataset.range(count).map(
        lambda index: transform.sample(random.fold_in(random.root(9), index))
    )
    drawn = next(iter(data.batch(count)))["shift"].numpy()
    shares = ((drawn - [0, -0.5, -0.4]) / [0.2, 1.0, 0.2]).T
    for share in shares:
        assert scipy.stats.kstest(share, "uniform").statistic < 1.95 / np.sqrt(count)
    assert np.abs(np.corrcoef(shares) - np.eye(3)).max() < 5 / np.sqrt(count)


def test_no_shift_changes_no_bit():
    image = np.random.default_rng(0).random((7, 12, 3), np.float32)
    np.testing.assert_array_equal(through(fixed(0.0, 0.0, 0.0), image), image)


@pytest.mark.parametrize("end", [-1.0, 1.0])
def test_the_outermost_shifts_give_finite_values(end):
    image = np.random.default_rng(0).random((5, 3, 3), np.float32)
    image[0] = [[0, 0, 0], [1, 1, 1], [1, 0, 0]]
    result = through(fixed(180 * end, 255 * end, 255 * end), image)
    assert np.isfinite(result).all()


def test_grey_images_keep_three_equal_channels_in_the_range():
    image = np.random.default_rng(0).random((5, 3, 3), np.float32)
    image[0, 0] = 1.0
    result = through(ToGray(p=1.0), image)
    np.testing.assert_allclose(result, (image @ [0.299, 0.587, 0.114])[..., None] + [0, 0, 0])
    assert result.max() <= 1.0


@pytest.mark.parametrize(
    "transform", [HueSaturationValue(p=1.0), RGBShift(p=1.0), ToGray(p=1.0)], ids=repr
)
@pytest.mark.parametrize("channels", [1, 2, 4])
def test_images_that_have_no_three_channels_are_refused(transform, channels):
    message = rf"^{type(transform).__name__} needs images of 3 channels.*; got {channels}\. Remove"
    with pytest.raises(InputError, match=message):
        through(transform, np.zeros((4, 4, channels), np.float32))


@pytest.mark.parametrize(
    ("name", "bound"),
    [("hue_shift_limit", 180), ("sat_shift_limit", 255), ("val_shift_limit", 255)],
)
def test_ranges_that_make_no_sense_are_refused(name, bound):
    message = rf"^HueSaturationValue\.{name} must be \(a, b\) with -{bound} <= a <= b <= {bound}"
    for value in ((-bound - 1, 0), (5, -5), bound + 1, None):
        with pytest.raises(InputError, match=message):
            HueSaturationValue(**{name: value})
