"""Losses: numbers worked out by hand, ignored pixels, one value a sample."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseg import losses
from tfseg.checks import InputError
from tfseg.metrics import graph

LN2 = np.log(2.0)
PIXEL_LOSSES = [loss() for loss in losses.NAMES.values()] + [losses.parse("bce + dice")]


def maps(*rows: list[float]) -> tf.Tensor:
    """Returns `[B, 1, W, 1]` float32, a row a sample."""
    return tf.constant(rows, tf.float32)[:, None, :, None]


def logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


def test_dice_bce_of_even_odds_is_worked_out_by_hand():
    value = (losses.BCE() + losses.Dice()).call(maps([1, 0, 0, 0]), maps([0, 0, 0, 0]))
    # Every pixel has p = 1/2: cross-entropy ln 2; Dice (2 * 0.5 + 1) / (1 + 2 + 1) = 1/2
    np.testing.assert_allclose(value, [LN2 + 0.5], rtol=1e-6)


def test_dice_bce_of_certain_logits():
    truth = maps([1, 1, 0, 0])
    right = (losses.BCE() + losses.Dice()).call(truth, maps([50, 50, -50, -50]))
    wrong = (losses.BCE() + losses.Dice()).call(truth, maps([-50, -50, 50, 50]))
    np.testing.assert_allclose(right, [0.0], atol=1e-6)
    # Cross-entropy 50 a pixel; Dice 1 / (2 + 2 + 1) = 1/5
    np.testing.assert_allclose(wrong, [50.8], rtol=1e-6)


def test_dice_bce_is_defined_without_objects():
    value = (losses.BCE() + losses.Dice()).call(maps([0, 0]), maps([-50, -50]))
    np.testing.assert_allclose(value, [0.0], atol=1e-6)


def test_the_heatmap_loss_is_zero_at_the_heatmap_and_the_divergence_elsewhere():
    truth = maps([0.5, 0.25, 0.0, 1.0])
    same = losses.HeatmapBCE().call(truth, maps([0.0, logit(0.25), -60, 60]))
    np.testing.assert_allclose(same, [0.0], atol=1e-6)
    # Kullback-Leibler of 1/4 from 1/2: 1/4 ln(1/2) + 3/4 ln(3/2)
    other = losses.HeatmapBCE().call(maps([0.25]), maps([0.0]))
    np.testing.assert_allclose(other, [0.25 * np.log(0.5) + 0.75 * np.log(1.5)], rtol=1e-5)


def test_the_offset_loss_averages_over_the_pixels_of_objects():
    # dy, dx, counts: errors 1 and 3 on one pixel, 0 and 2 on another, 9 where nothing counts
    truth = tf.constant([[[[1.0, 2.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]]])
    prediction = tf.constant([[[[2.0, -1.0], [0.0, 2.0], [9.0, 9.0]]]])
    value = losses.OffsetL1().call(truth, prediction)
    np.testing.assert_allclose(value, [(1 + 3 + 0 + 2) / 4], rtol=1e-6)


def test_the_offset_loss_is_zero_without_objects():
    value = losses.OffsetL1().call(tf.zeros((2, 3, 3, 3)), tf.ones((2, 3, 3, 2)))
    np.testing.assert_array_equal(value, [0.0, 0.0])


@pytest.mark.parametrize("loss", [*PIXEL_LOSSES, losses.HeatmapBCE()], ids=lambda x: x.name)
def test_ignored_pixels_change_neither_loss_nor_gradient(loss):
    truth = maps([1, 0, -1, -1], [-1, -1, -1, -1])
    logits = tf.Variable(maps([0.3, -0.4, 5.0, -7.0], [1.0, 2.0, 3.0, 4.0]))
    with tf.GradientTape() as tape:
        value = loss.call(truth, logits)
    gradient = tape.gradient(value, logits).numpy()
    np.testing.assert_allclose(value[0], loss.call(maps([1, 0]), maps([0.3, -0.4]))[0], rtol=1e-6)
    assert float(value[1]) == pytest.approx(0.0, abs=1e-6)
    assert (gradient[0, 0, :2] != 0).any()
    assert (gradient[0, 0, 2:] == 0).all()
    assert (gradient[1] == 0).all()


@pytest.mark.parametrize(
    ("loss", "channels"),
    [
        *((loss, (1, 1)) for loss in PIXEL_LOSSES),
        (losses.HeatmapBCE(), (1, 1)),
        (losses.ClassCE(), (1, 3)),
        (losses.OffsetL1(), (3, 2)),
    ],
)
def test_a_sample_has_the_same_loss_in_any_batch_and_keras_takes_the_mean(loss, channels):
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, (3, 5, 6, channels[0])).astype(np.float32)
    prediction = rng.normal(size=(3, 5, 6, channels[1])).astype(np.float32)
    together = loss.call(tf.constant(truth), tf.constant(prediction)).numpy()
    alone = [
        loss.call(tf.constant(truth[i : i + 1]), tf.constant(prediction[i : i + 1])).numpy()[0]
        for i in range(3)
    ]
    assert together.shape == (3,)
    np.testing.assert_allclose(together, alone, rtol=1e-6)
    np.testing.assert_allclose(loss(truth, prediction), together.mean(), rtol=1e-6)


@pytest.mark.parametrize(
    "loss",
    [
        *PIXEL_LOSSES,
        losses.HeatmapBCE(),
        losses.Focal(alpha=0.4, gamma=1.5),
        losses.Tversky(0.1, 0.2),
        losses.Dice() + 0.5 * losses.Focal(gamma=1.0),
    ],
    ids=lambda x: x.name,
)
def test_losses_are_saved_with_a_model(loss):
    graph.Dice()  # a metric of the name of a loss, registered too: neither is taken for the other
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is type(loss)
    truth, logits = maps([1, 0, 0, -1]), maps([0.3, -0.4, 2.0, 1.0])
    np.testing.assert_array_equal(again.call(truth, logits), loss.call(truth, logits))


def test_overlap_losses_of_even_odds_are_worked_out_by_hand():
    truth, logits = maps([1, 0, 0, 0]), maps([0, 0, 0, 0])
    # p = 1/2 everywhere: TP 1/2, FP 3/2, FN 1/2
    expected = {
        losses.Dice(): 1 - 2 / 4,
        losses.Jaccard(): 1 - 1.5 / 3.5,
        losses.Tversky(0.2, 0.6): 1 - 1.5 / (0.5 + 0.3 + 0.3 + 1),
    }
    for loss, value in expected.items():
        np.testing.assert_allclose(loss.call(truth, logits), [value], rtol=1e-6)


def test_focal_is_worked_out_by_hand():
    value = losses.Focal(alpha=0.25, gamma=2.0).call(maps([1, 0]), maps([logit(0.9), logit(0.2)]))
    expected = (0.25 * 0.1**2 * -np.log(0.9) + 0.75 * 0.2**2 * -np.log(0.8)) / 2
    np.testing.assert_allclose(value, [expected], rtol=1e-5)


@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2.0), (0.6, 1.5), (0.5, 0.0)])
def test_focal_is_keras_and_segmentation_models(alpha, gamma):
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 2, (2, 5, 6, 1)).astype(np.float32)
    logits = rng.normal(scale=2, size=truth.shape).astype(np.float32)
    values = losses.Focal(alpha, gamma).call(truth, logits)
    reference = keras.losses.BinaryFocalCrossentropy(
        apply_class_balancing=True, alpha=alpha, gamma=gamma, from_logits=True, reduction=None
    )(truth, logits)
    np.testing.assert_allclose(values, np.mean(reference, axis=(1, 2)), rtol=1e-5)
    # The formula of segmentation_models.losses.BinaryFocalLoss, which takes probabilities
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    formula = -truth * alpha * (1 - p) ** gamma * np.log(p)
    formula -= (1 - truth) * (1 - alpha) * p**gamma * np.log(1 - p)
    np.testing.assert_allclose(values, formula.mean(axis=(1, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize("case", ["probabilities", "logits"])
def test_focal_is_what_tensorflow_addons_gave(case):
    # Recorded from tensorflow-addons 0.23.0 under TensorFlow 2.15.1; its sum is over the last axis.
    with np.load(Path(__file__).parent / "tfa_focal.npz", allow_pickle=False) as file:
        truth, given, expected = (file[f"{case}/{n}"] for n in ("y_true", "y_pred", "output"))
        options = json.loads(str(file[f"{case}/args"]))
    logits = given if options.pop("from_logits") else np.log(given / (1 - given))
    loss = losses.Focal(**options)
    # [4, 6, 3] as 24 samples of 3 pixels: the mean over them is a third of the sum
    means = loss.call(*(values.reshape(24, 1, 3, 1) for values in (truth, logits)))
    np.testing.assert_allclose(3 * means, expected.ravel(), rtol=2e-4)


def slow_lovasz(truth: np.ndarray, logits: np.ndarray) -> float:
    """Returns the hinge from its definition: the IoU lost by each further error, largest first."""
    errors = 1 - (2 * truth - 1) * logits
    value, wrong, before = 0.0, set(), 0.0
    for pixel in np.argsort(-errors):
        wrong.add(int(pixel))
        objects = set(np.flatnonzero(truth == 1).tolist())
        lost = len(wrong) / len(objects | wrong)  # what is wrong is missed or added
        value += max(errors[pixel], 0) * (lost - before)
        before = lost
    return value


@pytest.mark.parametrize("objects", [0.0, 0.3, 1.0])
def test_lovasz_is_its_definition_without_the_ignored_pixels(objects):
    rng = np.random.default_rng(3)
    truth = (rng.random((4, 4, 5, 1)) < objects).astype(np.float32)
    truth[rng.random(truth.shape) < 0.2] = -1
    logits = rng.normal(scale=2, size=truth.shape).astype(np.float32)
    counted = truth >= 0
    expected = [slow_lovasz(t[c], x[c]) for t, x, c in zip(truth, logits, counted, strict=True)]
    np.testing.assert_allclose(losses.Lovasz().call(truth, logits), expected, rtol=1e-5)


def test_class_cross_entropy_is_worked_out_by_hand():
    truth = tf.constant([[[[2.0], [0.0], [-1.0]]]])
    logits = tf.math.log([[[[0.2, 0.3, 0.5], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8]]]])
    value = losses.ClassCE().call(truth, logits)
    np.testing.assert_allclose(value, [-(np.log(0.5) + np.log(0.6)) / 2], rtol=1e-5)


@pytest.mark.parametrize("loss", PIXEL_LOSSES, ids=lambda x: x.name)
def test_values_and_gradients_are_finite_at_the_extremes(loss):
    # A sample for each pair: all ignored, background or objects; undecided, sure, sure of no object
    values, sizes = np.meshgrid([-1.0, 0.0, 1.0], [0.0, 1e4, -1e4])
    shape = np.ones((1, 4, 4, 1), np.float32)
    truth = tf.constant(values.reshape(-1, 1, 1, 1) * shape, tf.float32)
    logits = tf.Variable(sizes.reshape(-1, 1, 1, 1) * shape, dtype=tf.float32)
    with tf.GradientTape() as tape:
        result = loss.call(truth, logits)
    assert result.shape == (9,)
    assert np.isfinite(result).all()
    assert np.isfinite(tape.gradient(result, logits)).all()


@pytest.mark.parametrize("loss", [*PIXEL_LOSSES, losses.HeatmapBCE()], ids=lambda x: x.name)
def test_gradients_are_those_of_finite_differences(loss):
    rng = np.random.default_rng(4)
    truth = rng.integers(-1, 2, (1, 3, 4, 1)).astype(np.float32)
    logits = tf.Variable(rng.normal(size=truth.shape).astype(np.float32))
    with tf.GradientTape() as tape:
        value = loss.call(truth, logits)
    gradient = tape.gradient(value, logits).numpy().ravel()
    step = 1e-2
    moves = (step * np.eye(12, dtype=np.float32)).reshape(12, 3, 4, 1)
    repeated = np.repeat(truth, 12, axis=0)
    ahead, behind = (loss.call(repeated, logits + sign * moves) for sign in (1, -1))
    np.testing.assert_allclose(gradient, (ahead - behind) / (2 * step), atol=2e-4)


@pytest.mark.parametrize(
    ("loss", "channels"),
    [
        *((loss, (1, 1)) for loss in [*PIXEL_LOSSES, losses.HeatmapBCE()]),
        (losses.ClassCE(), (1, 3)),
        (losses.OneVersusRest(losses.Dice()), (1, 3)),
        (losses.OffsetL1(), (3, 2)),
    ],
    ids=lambda x: getattr(x, "name", ""),
)
def test_half_precision_is_computed_in_float32(loss, channels):
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 2, (1, 64, 64, channels[0])).astype(np.float32)
    # 100 times 64 x 64 pixels is beyond the largest number of float16
    logits = tf.cast(100 * rng.normal(size=(1, 64, 64, channels[1])), tf.float16)
    result = loss.call(truth, logits)
    assert result.dtype == tf.float32
    np.testing.assert_array_equal(result, loss.call(truth, tf.cast(logits, tf.float32)))
    np.testing.assert_array_equal(result, loss.call(tf.cast(truth, tf.float16), logits))
    assert np.isfinite(result).all()


def test_a_sum_weighs_its_parts_from_python_and_from_text():
    truth, logits = maps([1, 0, -1], [0, 0, 1]), maps([0.3, -0.4, 1.0], [2.0, 0.1, 0.2])
    dice, bce = losses.Dice(), losses.BCE()
    expected = dice.call(truth, logits) + 0.5 * bce.call(truth, logits)
    for loss in (
        dice + 0.5 * bce,
        bce * 0.5 + dice,
        0.5 * (2 * dice + bce),
        losses.parse("dice + 0.5 * bce"),
        losses.parse(".5*bce+dice"),
    ):
        np.testing.assert_allclose(loss.call(truth, logits), expected, rtol=1e-6)


@pytest.mark.parametrize("loss", [*PIXEL_LOSSES, losses.HeatmapBCE()], ids=lambda x: x.name)
def test_weights_of_one_change_nothing_and_those_of_none_ignore(loss):
    rng = np.random.default_rng(6)
    truth = rng.integers(-1, 2, (2, 4, 5, 1)).astype(np.float32)
    logits = rng.normal(size=truth.shape).astype(np.float32)
    ones = np.concatenate([truth, np.ones_like(truth)], axis=-1)
    np.testing.assert_allclose(loss.call(ones, logits), loss.call(truth, logits), rtol=1e-6)
    some = rng.integers(0, 2, truth.shape).astype(np.float32)
    ignored = np.where(some == 0, -1, truth)
    weighted = np.concatenate([truth, some], axis=-1)
    np.testing.assert_allclose(loss.call(weighted, logits), loss.call(ignored, logits), rtol=1e-6)


def test_weights_of_pixels_are_worked_out_by_hand():
    truth, logits = maps([1, 0, 0, -1]), maps([0, 0, logit(0.8), 3])
    weighted = tf.concat([truth, maps([2, 1, 5, 7])], axis=-1)
    # p = 1/2, 1/2, 4/5; weights 2, 1, 5
    bce = (3 * LN2 - 5 * np.log(0.2)) / 8
    hit, both = 2 * 0.5, 2 + (2 * 0.5 + 0.5 + 5 * 0.8)
    np.testing.assert_allclose(losses.BCE().call(weighted, logits), [bce], rtol=1e-5)
    dice = 1 - (2 * hit + 1) / (both + 1)
    np.testing.assert_allclose(losses.Dice().call(weighted, logits), [dice], rtol=1e-5)
    jaccard = 1 - (hit + 1) / (both - hit + 1)
    np.testing.assert_allclose(losses.Jaccard().call(weighted, logits), [jaccard], rtol=1e-5)


def test_class_weights_weigh_the_pixels_of_the_class():
    truth = tf.constant([[[[2.0], [0.0], [-1.0]]]])
    logits = tf.math.log([[[[0.2, 0.3, 0.5], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8]]]])
    value = losses.ClassCE(class_weights=[1.0, 9.0, 3.0]).call(truth, logits)
    np.testing.assert_allclose(value, [-(3 * np.log(0.5) + np.log(0.6)) / 4], rtol=1e-5)


def test_one_versus_rest_is_the_mean_over_the_classes_of_their_masks():
    truth = tf.constant([[[[2.0], [0.0], [-1.0]]]])
    logits = tf.math.log([[[[0.2, 0.3, 0.5], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8]]]])
    result = losses.OneVersusRest(losses.Dice(), [1.0, 1.0, 2.0]).call(truth, logits)
    # Every class: 1 - (2 TP + 1) / (truth + probability + 1), without the third pixel
    parts = [
        1 - (2 * 0.6 + 1) / (1 + 0.8 + 1),
        1 - 1 / (0.6 + 1),
        1 - (2 * 0.5 + 1) / (1 + 0.6 + 1),
    ]
    np.testing.assert_allclose(result, [(parts[0] + parts[1] + 2 * parts[2]) / 4], rtol=1e-5)


@pytest.mark.parametrize("loss", [losses.Dice(), losses.BCE() + losses.Focal()])
def test_one_versus_rest_has_finite_gradients_however_sure_the_logits(loss):
    logits = tf.Variable([[[[1e4, 0.0, -1e4], [0.0, 0.0, 0.0], [-1e4, -1e4, 1e4]]]])
    with tf.GradientTape() as tape:
        result = losses.OneVersusRest(loss).call(tf.constant([[[[2.0], [1.0], [-1.0]]]]), logits)
    gradient = tape.gradient(result, logits).numpy()
    assert np.isfinite(result).all()
    assert np.isfinite(gradient).all()
    assert (gradient[0, 0, 2] == 0).all()


def test_smooth_offsets_are_worked_out_by_hand_on_both_sides_of_beta():
    truth = tf.constant([[[[0.0, 0.0, 1.0], [9.0, 9.0, 0.0]]]])
    prediction = tf.constant([[[[0.5, -3.0], [0.0, 0.0]]]])
    value = losses.OffsetL1(beta=2.0).call(truth, prediction)
    # 0.5^2 / (2 * 2), and 3 - 2 / 2
    np.testing.assert_allclose(value, [(0.0625 + 2.0) / 2], rtol=1e-6)


@pytest.mark.parametrize("weights", [(-1.0, 1.0), (0.0, 0.0)])
def test_weights_that_weigh_nothing_are_refused(weights):
    with pytest.raises(InputError, match="class_weights must"):
        losses.ClassCE(weights)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dice + bec", "Did you mean 'bce'"),
        ("dice +", "must be a sum of names"),
        ("dice - bce", "must be a sum of names"),
        ("", "must be a sum of names"),
    ],
)
def test_a_sum_that_cannot_be_read_is_explained(text, message):
    with pytest.raises(InputError, match=message):
        losses.parse(text)
