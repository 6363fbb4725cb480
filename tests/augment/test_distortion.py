"""Bends in a chain: what is drawn, composition with other moves, and extremes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage, stats

from tfseg import random
from tfseg.augment.affine import ShiftScaleRotate
from tfseg.augment.base import Example, Geometric
from tfseg.augment.chain import Chain
from tfseg.augment.distortion import (
    ElasticTransform,
    GridDistortion,
    OpticalDistortion,
    Perspective,
)
from tfseg.augment.symmetries import HorizontalFlip
from tfseg.checks import InputError
from tfseg.ids import IGNORE
from tfseg.kernels import field as fields
from tfseg.kernels import sampling

SIZE = (40, 48)
BENDS = {
    "ElasticTransform/1": ElasticTransform(
        alpha=20.0, sigma=5.0, noise_distribution="uniform", p=1.0
    ),
    "GridDistortion/1": GridDistortion(num_steps=3, p=1.0),
    "OpticalDistortion/1": OpticalDistortion(distort_limit=(0.2, 0.3), p=1.0),
    "OpticalDistortion/2": OpticalDistortion(distort_limit=(-0.3, -0.2), mode="fisheye", p=1.0),
    "Perspective/1": Perspective(p=1.0),
}
TURN = ShiftScaleRotate(rotate_limit=(20.0, 20.0), p=1.0)
FLIP = HorizontalFlip(p=1.0)
# One chain, compiled once, of which every test lets some act.
CHAIN = Chain([FLIP, TURN, *BENDS.values(), TURN, FLIP])
every_bend = pytest.mark.parametrize("bend", BENDS)


def moved(example: Example, seed: int, *acting: str) -> Example:
    """Returns what the transforms `acting`, by their names in `CHAIN`, make of the example."""
    params = CHAIN.sample(random.root(seed))
    assert params.keys() >= set(acting)
    coins = {name: {"on": tf.constant(name in acting)} for name in params}
    return CHAIN.apply(example, {name: params[name] | coins[name] for name in params})


def draws(transform: Geometric, count: int) -> dict[str, np.ndarray]:
    """Returns `count` draws, made in a graph."""
    root = random.root(5)
    data = tf.data.Dataset.range(count).map(lambda k: transform.sample(random.fold_in(root, k)))
    return next(data.batch(count).as_numpy_iterator())


def smooth(size: tuple[int, int] = SIZE) -> Example:
    """Returns an image of slow waves, with ids that are all different."""
    y, x = np.indices(size)
    waves = [np.sin(y / 7) * np.cos(x / 8), np.cos(y / 9 + x / 11)]
    image = np.stack(waves, axis=-1) * 0.4 + 0.5
    label = np.arange(1, y.size + 1).reshape(size)
    return {"image": tf.constant(image, tf.float32), "label": tf.constant(label, tf.int32)}


def flipped(example: Example) -> Example:
    return {key: value[:, ::-1] for key, value in example.items()}


def test_bends_that_do_nothing_change_no_bit():
    still = Chain(
        [
            ElasticTransform(alpha=0.0, p=1.0),
            GridDistortion(distort_limit=(0.0, 0.0), p=1.0),
            OpticalDistortion(distort_limit=(0.0, 0.0), p=1.0),
            OpticalDistortion(distort_limit=(0.0, 0.0), mode="fisheye", p=1.0),
            Perspective(scale=(0.0, 0.0), p=1.0),
        ]
    )
    for size in [(1, 1), (11, 6)]:
        example = smooth(size)
        result = still(example, random.root(1))
        np.testing.assert_array_equal(result["label"], example["label"])
        np.testing.assert_array_equal(result["image"], example["image"])


@every_bend
def test_a_bend_moves_image_and_ids_together_and_by_its_own_draw(bend):
    y, x = np.indices(SIZE)
    example = smooth() | {"image": tf.constant(np.stack([y, x], -1) / 64, tf.float32)}
    results = [moved(example, seed, bend) for seed in (1, 2)]
    for result in results:
        ids = result["label"].numpy()
        source = np.stack(np.divmod(ids - 1, SIZE[1]), axis=-1)
        apart = np.abs(result["image"].numpy() * 64 - source)[ids != IGNORE]
        # An id is that of the nearest pixel, so the place seen is at most half a pixel away.
        assert apart.max() <= 0.5 + 1e-3
        assert np.mean(ids != example["label"]) > 0.5
    assert np.mean(results[0]["label"].numpy() != results[1]["label"].numpy()) > 0.05


@every_bend
def test_a_flip_in_the_chain_of_a_bend_is_the_flip_of_the_picture(bend):
    example, seed = smooth(), 3
    for ours, theirs in (
        (moved(example, seed, bend, "HorizontalFlip/2"), flipped(moved(example, seed, bend))),
        (moved(example, seed, "HorizontalFlip/1", bend), moved(flipped(example), seed, bend)),
    ):
        np.testing.assert_allclose(ours["image"], theirs["image"], atol=1e-5)
        np.testing.assert_array_equal(ours["label"], theirs["label"])


@every_bend
@pytest.mark.parametrize("turn", ["ShiftScaleRotate/1", "ShiftScaleRotate/2"])
def test_a_bend_and_a_turn_in_one_chain_are_the_two_one_at_a_time(bend, turn):
    example, seed = smooth(), 4
    first, second = (turn, bend) if turn.endswith("1") else (bend, turn)
    once = moved(example, seed, bend, turn)
    steps = moved(moved(example, seed, first), seed, second)
    # Only what comes from inside the picture in both, with all that it was interpolated from.
    inside = (once["label"] != IGNORE) & (steps["label"] != IGNORE)
    inside = ndimage.binary_erosion(inside, iterations=2)
    assert inside.mean() > 0.3
    # Bilinear interpolation of these waves is off by up to 0.4 (1 / 49 + 1 / 64) / 8 = 0.0018, once
    # in the one and twice in the other, and a tenth of a pixel is 0.0057 where they are steepest.
    # On the lines of a grid the slope changes by up to 0.6, in the middle of a pixel: seen only
    # within a pixel of them.
    line = 0.6 * 0.057 / 4 if bend == "GridDistortion/1" else 0.0
    apart = np.abs(once["image"] - steps["image"])[inside]
    assert apart.max() < 3 * 0.0018 + line
    assert apart.mean() < 0.0018


@pytest.mark.parametrize("lens", ["OpticalDistortion/1", "OpticalDistortion/2"])
def test_a_lens_bends_a_flipped_picture_as_the_flip_of_the_picture(lens):
    ours, theirs = moved(flipped(smooth()), 0, lens), flipped(moved(smooth(), 0, lens))
    np.testing.assert_allclose(ours["image"], theirs["image"], atol=1e-5)


@pytest.mark.parametrize("bend", ["GridDistortion/1", "Perspective/1"])
def test_a_fitted_grid_and_a_perspective_show_nothing_from_beyond_the_border(bend):
    for seed in range(10):
        assert moved(smooth(), seed, bend)["label"].numpy().min() > 0


def test_cells_and_strengths_are_drawn_evenly_from_their_ranges_each_by_itself():
    cells = draws(GridDistortion(num_steps=4, distort_limit=(-0.2, 0.6)), 400)
    assert {key: value.shape for key, value in cells.items()} == {
        "rows": (400, 5),
        "columns": (400, 5),
    }
    every = np.concatenate([cells["rows"], cells["columns"]], axis=1)
    assert stats.kstest(every.ravel(), stats.uniform(0.8, 0.8).cdf).pvalue > 1e-3
    # The correlation of 400 deviates by 1 / 20.
    assert np.abs(np.corrcoef(every.T) - np.eye(10)).max() < 0.22
    strength = draws(OpticalDistortion(distort_limit=(-0.1, 0.4)), 1000)["strength"]
    assert stats.kstest(strength, stats.uniform(-0.1, 0.5).cdf).pvalue > 1e-3


def test_corners_are_drawn_in_by_the_amount_of_a_normal_number():
    corners = draws(Perspective(scale=(0.05, 0.05)), 400)["corners"]
    outer = np.array([[0, 0], [0, 1], [1, 1], [1, 0]])
    inward = np.abs(corners - outer).reshape(400, 8)
    assert corners.min() >= 0
    assert corners.max() <= 1
    assert stats.kstest(inward.ravel(), stats.halfnorm(scale=0.05).cdf).pvalue > 1e-3
    assert np.abs(np.corrcoef(inward.T) - np.eye(8)).max() < 0.22
    # At large scales the modulus makes all amounts up to 0.32 equally likely.
    corners = draws(Perspective(scale=(10.0, 10.0)), 400)["corners"]
    inward = np.abs(corners - outer)
    assert inward.max() < 0.32
    assert stats.kstest(inward.ravel(), stats.uniform(0, 0.32).cdf).pvalue > 1e-3


@pytest.mark.parametrize("limit", [-1.0, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (13, 8)])
def test_the_extremes_of_all_ranges_one_after_the_other_stay_finite(limit, size):
    extremes = (
        ElasticTransform(alpha=1e6, sigma=1.0),
        GridDistortion(num_steps=100, distort_limit=(limit, limit)),
        GridDistortion(num_steps=1, distort_limit=(limit, limit), normalized=False),
        OpticalDistortion(distort_limit=(limit, limit)),
        OpticalDistortion(distort_limit=(limit, limit), mode="fisheye"),
        Perspective(scale=(0.0, 10.0)),
        ElasticTransform(alpha=1e6, sigma=1e4, same_dxdy=True),
        ShiftScaleRotate(scale_limit=(-0.99, -0.99)),
    )
    image, label = (smooth(size)[key] for key in ("image", "label"))
    for seed in range(3):
        # Twice over and in both orders, so that each meets coordinates far beyond the picture.
        field = fields.grid(size)
        for transform in (*extremes, *extremes[::-1]):
            field = transform.edit(field, transform.sample(random.root(seed)), size=size)
        assert np.isfinite(np.stack(field[:2])).all()
        for border in sampling.BORDERS:
            values = sampling.values(
                image, field, interpolation="bilinear", border=sampling.Border(border)
            )
            assert np.isfinite(values).all()
        ids = sampling.ids(label, field, fill=IGNORE)
        assert set(np.unique(ids)) <= {IGNORE, *np.unique(label)}


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (ElasticTransform, {"alpha": -1.0}),
        (ElasticTransform, {"alpha": float("inf")}),
        (ElasticTransform, {"sigma": 0.5}),
        (ElasticTransform, {"same_dxdy": 1}),
        (ElasticTransform, {"noise_distribution": "normal"}),
        (GridDistortion, {"num_steps": 0}),
        (GridDistortion, {"num_steps": 2.5}),
        (GridDistortion, {"distort_limit": (-1.5, 0.0)}),
        (GridDistortion, {"normalized": "yes"}),
        (OpticalDistortion, {"distort_limit": (0.2, 0.1)}),
        (OpticalDistortion, {"mode": "fish"}),
        (Perspective, {"scale": (-0.1, 0.1)}),
        (Perspective, {"scale": -0.1}),
    ],
)
def test_wrong_parameters_are_refused_by_name(kind, wrong):
    (parameter,) = wrong
    with pytest.raises(InputError, match=rf"{kind.__name__}\.{parameter} must be"):
        kind(**wrong)
