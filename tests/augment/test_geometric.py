"""Moves: which way they go, and what is drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from tfseg import random
from tfseg.augment import HorizontalFlip, RandomRotate90, ShiftScaleRotate, VerticalFlip
from tfseg.augment.base import Geometric
from tfseg.checks import InputError
from tfseg.kernels import field as fields
from tfseg.kernels import sampling

LABELS = np.arange(1, 26).reshape(1, 5, 5)


def moved(transform: Geometric, labels: np.ndarray, **params: list) -> np.ndarray:
    """Returns ids `[B, H, W]` after one move of every image by its own `params` `[B]`."""
    size = labels.shape[1:]
    values = {name: tf.constant(value) for name, value in params.items()}
    field = transform.edit(fields.identity(len(labels), size), values, size=size)
    return sampling.nearest(tf.constant(labels, tf.int32), field, fill=-1).numpy()


def draws(transform: Geometric, count: int) -> dict[str, np.ndarray]:
    """Returns `count` draws `[count]` of every parameter."""
    data = tf.data.Dataset.range(count).map(
        lambda index: transform.sample(random.fold_in(random.root(5), index))
    )
    rows = list(data.as_numpy_iterator())
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def draw(transform: Geometric) -> dict[str, tf.Tensor]:
    return transform.sample(random.root(0))


def test_a_horizontal_flip_exchanges_left_and_right():
    labels = np.arange(1, 13).reshape(2, 2, 3)
    result = moved(HorizontalFlip(), labels, on=[True, False])
    assert result.tolist() == [[[3, 2, 1], [6, 5, 4]], [[7, 8, 9], [10, 11, 12]]]


def test_a_vertical_flip_exchanges_top_and_bottom():
    labels = np.arange(1, 13).reshape(2, 2, 3)
    result = moved(VerticalFlip(), labels, on=[False, True])
    assert result.tolist() == [[[1, 2, 3], [4, 5, 6]], [[10, 11, 12], [7, 8, 9]]]


def test_quarter_turns_go_counter_clockwise():
    assert moved(RandomRotate90(), np.array([[[1, 2], [3, 4]]]), turns=[1]).tolist() == [
        [[2, 4], [1, 3]]
    ]


@pytest.mark.parametrize(("y", "x"), [(0.2, 0.0), (0.0, -0.4), (-0.6, 0.2)])
def test_shifts_are_shares_of_the_size_down_and_to_the_right(y, x):
    result = moved(ShiftScaleRotate(), LABELS, y=[y], x=[x], scale=[1.0], radians=[0.0])
    rows, columns = round(5 * y), round(5 * x)
    padded = np.pad(LABELS[0], 5, constant_values=-1)
    np.testing.assert_array_equal(
        result[0], padded[5 - rows : 10 - rows, 5 - columns : 10 - columns]
    )


def test_a_turn_by_positive_degrees_is_counter_clockwise_as_displayed():
    turn = ShiftScaleRotate(
        rotate_limit=(90.0, 90.0), scale_limit=(0, 0), shift_limit=(0, 0), p=1.0
    )
    drawn = {name: [float(value)] for name, value in draw(turn).items()}
    np.testing.assert_array_equal(moved(turn, LABELS, **drawn)[0], np.rot90(LABELS[0]))


def test_a_scale_above_1_enlarges_about_the_centre():
    still = {"y": [0.0], "x": [0.0], "radians": [0.0]}
    grown = moved(ShiftScaleRotate(), LABELS, scale=[2.0], **still)[0]
    # Column c is read at 2 + (c - 2) / 2 = 1, 1.5, 2, 2.5, 3, halves upwards: 1, 2, 2, 3, 3
    order = [1, 2, 2, 3, 3]
    np.testing.assert_array_equal(grown, LABELS[0][np.ix_(order, order)])
    shrunk = moved(ShiftScaleRotate(), LABELS, scale=[0.5], **still)[0]
    # read at 2 (c - 2) + 2 = -2, 0, 2, 4, 6
    inner = LABELS[0][np.ix_([0, 2, 4], [0, 2, 4])]
    np.testing.assert_array_equal(shrunk, np.pad(inner, 1, constant_values=-1))


def test_the_turn_comes_before_the_shift():
    result = moved(ShiftScaleRotate(), LABELS, y=[0.0], x=[0.2], scale=[1.0], radians=[math.pi / 2])
    expected = np.full((5, 5), -1)
    expected[:, 1:] = np.rot90(LABELS[0])[:, :-1]  # shifted right; before the turn it would be up
    np.testing.assert_array_equal(result[0], expected)


def test_flips_are_on_whenever_they_are_drawn():
    for transform in (HorizontalFlip(), VerticalFlip()):
        assert draws(transform, 5)["on"].tolist() == [True] * 5


def test_all_four_quarter_turns_are_drawn_equally_often():
    counts = np.bincount(draws(RandomRotate90(), 2000)["turns"], minlength=4)
    # 500 each, with a deviation of sqrt(2000 x 1/4 x 3/4) = 19
    assert counts.shape == (4,)
    assert np.abs(counts - 500).max() < 4 * 20


def test_draws_fill_their_ranges_evenly_and_do_not_go_together():
    transform = ShiftScaleRotate(
        shift_limit=(-0.25, 0.5), scale_limit=(-0.5, 1.0), rotate_limit=(-90.0, 180.0)
    )
    count = 1500
    drawn = draws(transform, count)
    limits = {
        "y": (-0.25, 0.5),
        "x": (-0.25, 0.5),
        "scale": (0.5, 2.0),
        "radians": (-math.pi / 2, math.pi),
    }
    assert drawn.keys() == limits.keys() == transform.identity.keys()
    shares = []
    for name, (low, high) in limits.items():
        share = (drawn[name] - low) / (high - low)
        assert -1e-6 <= share.min() < 0.01  # the least of 1500 is above 0.01 once in 3 million
        assert 0.99 < share.max() <= 1 + 1e-6
        assert abs(share.mean() - 0.5) < 5 * math.sqrt(1 / 12 / count)
        shares.append(share)
    correlation = np.corrcoef(shares) - np.eye(4)
    assert np.abs(correlation).max() < 5 / math.sqrt(count)


def test_a_range_of_one_number_gives_that_number():
    transform = ShiftScaleRotate(
        shift_limit=(0.125, 0.125), scale_limit=(0.5, 0.5), rotate_limit=(180.0, 180.0)
    )
    drawn = draw(transform)
    assert {name: float(value) for name, value in drawn.items()} == pytest.approx(
        {"y": 0.125, "x": 0.125, "scale": 1.5, "radians": math.pi}, rel=1e-6
    )


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("shift_limit", (-1.1, 0.0), r"-1 <= a <= b <= 1; got \(-1\.1, 0\.0\)"),
        ("shift_limit", 0.1, r"\(a, b\) with .*; got 0\.1"),
        ("scale_limit", (-1.0, 0.0), r"-0\.99 <= a <= b <= 100"),
        ("rotate_limit", (30.0, -30.0), r"-180 <= a <= b <= 180; got \(30\.0, -30\.0\)"),
        ("rotate_limit", ("a", "b"), r"got \('a', 'b'\)"),
    ],
)
def test_ranges_that_make_no_sense_are_refused(name, value, rule):
    with pytest.raises(InputError, match=rf"^ShiftScaleRotate\.{name} must be .*{rule}"):
        ShiftScaleRotate(**{name: value})
