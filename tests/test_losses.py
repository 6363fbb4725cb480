"""Losses: numbers worked out by hand, ignored pixels, one value a sample."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseg import losses

LN2 = np.log(2.0)


def maps(*rows: list[float]) -> tf.Tensor:
    """Returns `[B, 1, W, 1]` float32, a row a sample."""
    return tf.constant(rows, tf.float32)[:, None, :, None]


def logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


def test_dice_bce_of_even_odds_is_worked_out_by_hand():
    value = losses.DiceBCE().call(maps([1, 0, 0, 0]), maps([0, 0, 0, 0]))
    # Every pixel has p = 1/2: cross-entropy ln 2; Dice (2 * 0.5 + 1) / (1 + 2 + 1) = 1/2
    np.testing.assert_allclose(value, [LN2 + 0.5], rtol=1e-6)


def test_dice_bce_of_certain_logits():
    truth = maps([1, 1, 0, 0])
    right = losses.DiceBCE().call(truth, maps([50, 50, -50, -50]))
    wrong = losses.DiceBCE().call(truth, maps([-50, -50, 50, 50]))
    np.testing.assert_allclose(right, [0.0], atol=1e-6)
    # Cross-entropy 50 a pixel; Dice 1 / (2 + 2 + 1) = 1/5
    np.testing.assert_allclose(wrong, [50.8], rtol=1e-6)


def test_dice_bce_is_defined_without_objects():
    value = losses.DiceBCE().call(maps([0, 0]), maps([-50, -50]))
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


@pytest.mark.parametrize("loss", [losses.DiceBCE(), losses.HeatmapBCE()], ids=lambda x: x.name)
def test_ignored_pixels_change_neither_loss_nor_gradient(loss):
    truth = maps([1, 0, -1, -1], [-1, -1, -1, -1])
    logits = tf.Variable(maps([0.3, -0.4, 5.0, -7.0], [1.0, 2.0, 3.0, 4.0]))
    with tf.GradientTape() as tape:
        value = loss.call(truth, logits)
    gradient = tape.gradient(value, logits).numpy()
    np.testing.assert_allclose(value[0], loss.call(maps([1, 0]), maps([0.3, -0.4]))[0], rtol=1e-6)
    assert float(value[1]) == pytest.approx(0.0, abs=1e-6)
    assert (gradient[0, 0, :2] != 0).all()
    assert (gradient[0, 0, 2:] == 0).all()
    assert (gradient[1] == 0).all()


@pytest.mark.parametrize(
    ("loss", "channels"),
    [(losses.DiceBCE(), (1, 1)), (losses.HeatmapBCE(), (1, 1)), (losses.OffsetL1(), (3, 2))],
    ids=["DiceBCE", "HeatmapBCE", "OffsetL1"],
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


@pytest.mark.parametrize("name", ["DiceBCE", "HeatmapBCE", "OffsetL1"])
def test_losses_are_saved_with_a_model(name):
    loss = getattr(losses, name)()
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is type(loss)
