"""Turns, scales, shifts and shears: which way they go, albumentations' matrices, and draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from tfseg import random
from tfseg.augment.affine import Affine, RandomScale, Rotate, ShiftScaleRotate
from tfseg.augment.base import AffineMove
from tfseg.augment.chain import Chain, Sampling
from tfseg.augment.sizes import CenterCrop, PadIfNeeded
from tfseg.augment.symmetries import D4, HorizontalFlip
from tfseg.checks import InputError
from tfseg.kernels import field as fields
from tfseg.kernels import sampling

LABEL = np.arange(1, 26, dtype=np.int32).reshape(5, 5)
STILL = {
    "y": 0.0,
    "x": 0.0,
    "scale": 1.0,
    "scale_y": 1.0,
    "scale_x": 1.0,
    "radians": 0.0,
    "shear_y": 0.0,
    "shear_x": 0.0,
}


def matrix(transform: AffineMove, size: tuple[int, int], **params: float) -> tf.Tensor:
    """Returns the matrix for `params`; what is not given moves nothing."""
    values = {name: tf.constant(value) for name, value in (STILL | params).items()}
    return transform.matrix(values, size=size)


def moved(transform: AffineMove, **params: float) -> np.ndarray:
    """Returns LABEL after one move."""
    field = fields.affine(fields.grid((5, 5)), matrix(transform, (5, 5), **params))
    return sampling.ids(tf.constant(LABEL), field, fill=-1).numpy()


def draws(transform: AffineMove, count: int) -> dict[str, np.ndarray]:
    """Returns `count` draws `[count]` of every parameter."""
    data = tf.data.Dataset.range(count).map(
        lambda index: transform.sample(random.fold_in(random.root(5), index))
    )
    rows = list(data.as_numpy_iterator())
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def one(transform: AffineMove) -> dict[str, float]:
    return {name: float(value) for name, value in transform.sample(random.root(0)).items()}


@pytest.mark.parametrize(("y", "x"), [(0.2, 0.0), (0.0, -0.4), (-0.6, 0.2)])
@pytest.mark.parametrize("transform", [ShiftScaleRotate(), Affine()], ids=["limits", "affine"])
def test_shifts_are_shares_of_the_size_down_and_to_the_right(transform, y, x):
    rows, columns = round(5 * y), round(5 * x)
    padded = np.pad(LABEL, 5, constant_values=-1)
    np.testing.assert_array_equal(
        moved(transform, y=y, x=x), padded[5 - rows : 10 - rows, 5 - columns : 10 - columns]
    )


@pytest.mark.parametrize(
    "transform",
    [
        Rotate(limit=(90.0, 90.0)),
        Affine(rotate=(90.0, 90.0)),
        ShiftScaleRotate(rotate_limit=(90.0, 90.0), scale_limit=(0, 0), shift_limit=(0, 0)),
    ],
    ids=["Rotate", "Affine", "ShiftScaleRotate"],
)
def test_a_turn_by_positive_degrees_is_counter_clockwise_as_displayed(transform):
    np.testing.assert_array_equal(moved(transform, **one(transform)), np.rot90(LABEL))


@pytest.mark.parametrize("transform", [ShiftScaleRotate(), RandomScale()], ids=["limits", "scale"])
def test_a_scale_above_1_enlarges_about_the_centre_and_the_size_stays(transform):
    # Column c is read at 2 + (c - 2) / 2 = 1, 1.5, 2, 2.5, 3, halves upwards: 1, 2, 2, 3, 3
    order = [1, 2, 2, 3, 3]
    np.testing.assert_array_equal(moved(transform, scale=2.0), LABEL[np.ix_(order, order)])
    # read at 2 (c - 2) + 2 = -2, 0, 2, 4, 6
    inner = LABEL[np.ix_([0, 2, 4], [0, 2, 4])]
    expected = np.pad(inner, 1, constant_values=-1)
    np.testing.assert_array_equal(moved(transform, scale=0.5), expected)


def test_an_affine_scale_is_of_each_axis_by_itself():
    order = [1, 2, 2, 3, 3]
    np.testing.assert_array_equal(moved(Affine(), scale_y=2.0), LABEL[order])
    np.testing.assert_array_equal(moved(Affine(), scale_x=2.0), LABEL[:, order])


def test_a_shear_moves_the_lower_side_left_and_the_right_side_up():
    # Rows -2 ... 2 from the centre by 2 ... -2 to the right, as tan(45 degrees) = 1
    expected = [
        np.roll(np.pad(row, 2, constant_values=-1), 2 - i)[2:7] for i, row in enumerate(LABEL)
    ]
    np.testing.assert_array_equal(moved(Affine(), shear_x=math.pi / 4), expected)
    expected = [
        np.roll(np.pad(row, 2, constant_values=-1), 2 - i)[2:7] for i, row in enumerate(LABEL.T)
    ]
    np.testing.assert_array_equal(moved(Affine(), shear_y=math.pi / 4), np.transpose(expected))


def test_the_turn_comes_before_the_shift():
    expected = np.full((5, 5), -1)
    expected[:, 1:] = np.rot90(LABEL)[:, :-1]  # shifted right; before the turn it would be up
    for transform in (ShiftScaleRotate(), Affine()):
        result = moved(transform, x=0.2, radians=math.pi / 2)
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(
    ("transform", "params", "recorded"),
    [
        (
            Rotate(),
            {"radians": 30.0},
            [[0.8660254, 0.5, -1.7320508], [-0.5, 0.8660254, 1.5358984]],
        ),
        (
            ShiftScaleRotate(),
            {"y": 1 / 5, "x": 3 / 9, "scale": 1.5, "radians": -40.0},
            [[0.5106963, -0.4285251, 3.4675866], [0.4285251, 0.5106963, -0.8604493]],
        ),
        (
            Affine(),
            {
                "scale_y": 1.25,
                "scale_x": 0.5,
                "y": -2 / 5,
                "x": 2 / 9,
                "radians": 20.0,
                "shear_y": 10.0,
                "shear_x": -30.0,
            },
            [[0.5389185, 0.368642, -0.211852], [-1.6056453, 1.5962667, -5.5776]],
        ),
    ],
    ids=["Rotate", "ShiftScaleRotate", "Affine"],
)
def test_matrices_are_those_of_albumentations(transform, params, recorded):
    """albumentations 2.0.8, 5 x 9 pixels, angles in degrees: inverted, from (x, y) to (y, x)."""
    angles = {"radians", "shear_y", "shear_x"}
    params = {
        name: math.radians(value) if name in angles else value for name, value in params.items()
    }
    result = matrix(transform, (5, 9), **params)
    np.testing.assert_allclose(result, [*recorded, [0, 0, 1]], atol=2e-6)


@pytest.mark.parametrize(("interpolation", "order"), [("bilinear", 1), ("nearest", 0)])
@pytest.mark.parametrize("size", [(14, 19), (1, 6), (9, 9)])
def test_pictures_are_those_of_scipy(interpolation, order, size):
    image = np.random.default_rng(0).random(size, np.float32)
    degrees, scale, shift = 17.0, (1.3, 0.8), (0.11, -0.23)
    transform = Affine(
        rotate=(degrees, degrees),
        scale=((scale[0],) * 2, (scale[1],) * 2),
        translate_percent=((shift[0],) * 2, (shift[1],) * 2),
    )
    field = fields.affine(fields.grid(size), matrix(transform, size, **one(transform)))
    result = sampling.values(
        tf.constant(image[..., None]),
        field,
        interpolation=interpolation,
        border=sampling.Border("reflect_101"),
    )
    center, moves = (np.array(size) - 1) / 2, np.array(size) * shift
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    # The content is enlarged, then turned; coordinates are (y, x), so up is negative
    forward = np.array([[cosine, -sine], [sine, cosine]]) @ np.diag(scale)
    back = np.linalg.inv(forward)
    expected = scipy.ndimage.affine_transform(
        image.astype(np.float64), back, center - back @ (center + moves), order=order, mode="mirror"
    )
    np.testing.assert_allclose(result[..., 0], expected, atol=1e-5)


def smooth(size: tuple[int, int]) -> np.ndarray:
    """Returns waves of 40 and 50 pixels, `[H, W, 1]` in [0, 1]."""
    y, x = np.indices(size, np.float32)
    waves = np.sin(2 * np.pi * y / 40) + np.cos(2 * np.pi * x / 50)
    return (waves[..., None] / 4 + 0.5).astype(np.float32)


def one_at_a_time(chains: list[Chain], example: dict, drawn: list[dict]) -> dict:
    """Resamples once for each of the `chains`, which have one transform each."""
    for chain, params in zip(chains, drawn, strict=True):
        (name,) = chain.sample(random.root(0))
        example = chain.apply(example, {name: params})
    return example


def test_a_chain_of_moves_is_the_moves_one_at_a_time():
    transforms = [
        Rotate(limit=(20.0, 30.0), p=1.0),
        Affine(scale=(1.1, 1.3), shear=(5.0, 10.0), p=1.0),
        ShiftScaleRotate(shift_limit=(0.05, 0.1), p=1.0),
        RandomScale(scale_limit=(0.1, 0.2), p=1.0),
    ]
    example = {"image": smooth((96, 96)), "label": np.zeros((96, 96), np.int32)}
    chain, alone = Chain(transforms), [Chain([transform]) for transform in transforms]
    params = chain.sample(random.root(3))
    at_once = chain.apply(example, params)["image"]
    # What every one of the moves leaves in the picture, whatever is drawn.
    inside = (slice(32, 64), slice(32, 64))
    apart = one_at_a_time(alone, example, list(params.values()))["image"]
    # Linear interpolation of a wave of amplitude 1/4 and length 40 is off by up to
    # (2 pi / 40)^2 / 4 / 8 = 0.0008 along each axis and each of four times.
    assert np.abs(at_once - apart)[inside].max() < 8 * 0.0008
    other = one_at_a_time(alone[::-1], example, list(params.values())[::-1])["image"]
    assert np.abs(at_once - other)[inside].max() > 0.05


def test_a_chain_of_whole_moves_is_the_moves_one_at_a_time_exactly():
    transforms = [
        D4(),
        PadIfNeeded(min_height=11, min_width=13),
        ShiftScaleRotate(
            shift_limit_y=(2 / 11, 2 / 11),
            shift_limit_x=(-1 / 13, -1 / 13),
            scale_limit=(0.0, 0.0),
            rotate_limit=(0.0, 0.0),
            p=1.0,
        ),
        HorizontalFlip(p=1.0),
        CenterCrop(height=7, width=6),
    ]
    label = np.random.default_rng(0).integers(1, 2**31 - 1, (8, 8), np.int32)
    image = np.random.default_rng(1).random((8, 8, 2), np.float32)
    example, how = {"image": image, "label": label}, Sampling(border="constant")
    chain = Chain(transforms, sampling=how)
    alone = [Chain([transform], sampling=how) for transform in transforms]
    for index in range(6):
        params = chain.sample(random.fold_in(random.root(3), index))
        at_once = chain.apply(example, params)
        apart = one_at_a_time(alone, example, list(params.values()))
        np.testing.assert_array_equal(at_once["label"], apart["label"])
        # A share of 13 columns is a whole number but for the last bit.
        np.testing.assert_allclose(at_once["image"], apart["image"], atol=1e-5)


@pytest.mark.parametrize(
    "transform",
    [
        Affine(p=1.0),
        Rotate(limit=(0.0, 0.0), p=1.0),
        RandomScale(scale_limit=(0.0, 0.0), p=1.0),
        ShiftScaleRotate(shift_limit=(0, 0), scale_limit=(0, 0), rotate_limit=(0, 0), p=1.0),
    ],
    ids=lambda transform: type(transform).__name__,
)
def test_a_move_by_nothing_changes_no_bit(transform):
    image = np.random.default_rng(0).random((6, 9, 2), np.float32)
    label = np.random.default_rng(0).integers(0, 2**31 - 1, (6, 9), np.int32)
    result = Chain([transform])({"image": image, "label": label}, random.root(0))
    np.testing.assert_array_equal(result["image"], image)
    np.testing.assert_array_equal(result["label"], label)


@pytest.mark.parametrize("shear", [-44.0, 44.0])
@pytest.mark.parametrize("scale", [0.01, 100.0])
def test_the_outermost_parameters_give_finite_places(shear, scale):
    transform = Affine(
        scale=(scale, scale),
        shear=((44.0, 44.0), (shear, shear)),
        rotate=(-360.0, -360.0),
        translate_percent=(-1.0, -1.0),
    )
    assert np.all(np.isfinite(matrix(transform, (8192, 8192), **one(transform))))


COUNT = 1500


@pytest.mark.parametrize(
    ("transform", "limits"),
    [
        (Rotate(limit=(-90.0, 180.0)), {"radians": (-math.pi / 2, math.pi)}),
        (RandomScale(scale_limit=(-0.5, 1.0)), {"scale": (0.5, 2.0)}),
        (
            ShiftScaleRotate(
                shift_limit=(-0.25, 0.5),
                shift_limit_x=(0.0, 1.0),
                scale_limit=(-0.5, 1.0),
                rotate_limit=(-90.0, 180.0),
            ),
            {
                "y": (-0.25, 0.5),
                "x": (0.0, 1.0),
                "scale": (0.5, 2.0),
                "radians": (-math.pi / 2, math.pi),
            },
        ),
        (
            Affine(
                scale=((0.5, 1.0), (1.0, 3.0)),
                translate_percent=(-0.25, 0.5),
                rotate=(0.0, 360.0),
                shear=((-30.0, 0.0), (0.0, 15.0)),
            ),
            {
                "scale_y": (0.5, 1.0),
                "scale_x": (1.0, 3.0),
                "y": (-0.25, 0.5),
                "x": (-0.25, 0.5),
                "radians": (0.0, 2 * math.pi),
                "shear_y": (-math.pi / 6, 0.0),
                "shear_x": (0.0, math.pi / 12),
            },
        ),
    ],
    ids=["Rotate", "RandomScale", "ShiftScaleRotate", "Affine"],
)
def test_draws_fill_their_ranges_evenly_and_do_not_go_together(transform, limits):
    drawn = draws(transform, COUNT)
    assert drawn.keys() == limits.keys()
    shares = []
    for name, (low, high) in limits.items():
        share = (drawn[name] - low) / (high - low)
        assert -1e-6 <= share.min() < 0.01  # the least of 1500 is above 0.01 once in 3 million
        assert 0.99 < share.max() <= 1 + 1e-6
        assert abs(share.mean() - 0.5) < 5 * math.sqrt(1 / 12 / COUNT)
        shares.append(share)
    correlation = np.atleast_2d(np.corrcoef(shares)) - np.eye(len(shares))
    assert np.abs(correlation).max() < 5 / math.sqrt(COUNT)


def test_a_range_of_one_number_gives_that_number():
    transform = ShiftScaleRotate(
        shift_limit=(0.125, 0.125), scale_limit=(0.5, 0.5), rotate_limit=(180.0, 180.0)
    )
    expected = {"y": 0.125, "x": 0.125, "scale": 1.5, "radians": math.pi}
    assert one(transform) == pytest.approx(expected, rel=1e-6)


def test_a_kept_ratio_enlarges_both_axes_by_the_number_of_x():
    drawn = draws(Affine(scale=((5.0, 6.0), (0.5, 2.0)), keep_ratio=True), 50)
    np.testing.assert_array_equal(drawn["scale_y"], drawn["scale_x"])
    assert drawn["scale_x"].max() <= 2.0


@pytest.mark.parametrize(
    ("kind", "name", "value", "rule"),
    [
        (ShiftScaleRotate, "shift_limit", (-1.1, 0.0), r"-1 <= a <= b <= 1; got \(-1\.1, 0\.0\)"),
        (ShiftScaleRotate, "shift_limit", 1.1, r"\(a, b\) with .*; got \(-1\.1, 1\.1\)"),
        (ShiftScaleRotate, "shift_limit_x", (0.0, 2.0), r"-1 <= a <= b <= 1"),
        (ShiftScaleRotate, "scale_limit", (-1.0, 0.0), r"-0\.99 <= a <= b <= 100"),
        (ShiftScaleRotate, "rotate_limit", (30.0, -30.0), r"<= 180; got \(30\.0, -30\.0\)"),
        (ShiftScaleRotate, "rotate_limit", ("a", "b"), r"got \('a', 'b'\)"),
        (Rotate, "limit", 400, r"\(a, b\) with -360 <= a <= b <= 360; got \(-400, 400\)"),
        (Rotate, "limit", True, r"\(a, b\) with -360 <= a <= b <= 360; got True"),
        (RandomScale, "scale_limit", (-1.0, 0.0), r"-0\.99 <= a <= b <= 100"),
        (Affine, "scale", (0.0, 1.0), r"0\.01 <= a <= b <= 100; got \(0\.0, 1\.0\)"),
        (Affine, "scale", ((1.0, 1.0), (2.0, 1.0)), r"got \(2\.0, 1\.0\)"),
        (Affine, "scale", ((1.0, 1.0),), r"got \(\(1\.0, 1\.0\),\)"),
        (Affine, "translate_percent", (0.0, 10.0), r"-1 <= a <= b <= 1"),
        (Affine, "shear", (0.0, 45.0), r"-44 <= a <= b <= 44"),
        (Affine, "shear", 50.0, r"got \(50\.0, 50\.0\)"),
        (Affine, "shear", {"z": 1.0}, r"got \{'z': 1\.0\}"),
        (Affine, "rotate", ((0.0, 1.0), (0.0, 1.0)), r"-360 <= a <= b <= 360"),
    ],
)
def test_ranges_that_make_no_sense_are_refused(kind, name, value, rule):
    with pytest.raises(InputError, match=rf"^{kind.__name__}\.{name} must be .*{rule}"):
        kind(**{name: value})
