"""Dropout: its masks are a function of the images."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseg import build_model
from tfseg.checks import InputError
from tfseg.config import ModelConfig
from tfseg.networks.layers import KeyedDropout

COMPACT = ModelConfig(filters=(4, 8), channels=1)
UNET = ModelConfig(architecture="Unet", decoder_filters=(16, 16, 8, 8, 8), channels=1)
IMAGES = np.random.default_rng(0).uniform(size=(6, 8, 8, 1)).astype(np.float32)


def dropped(images: np.ndarray, rate: float = 0.25, channels: int = 400) -> np.ndarray:
    """Returns features of value 1, `[B, 5, 4, channels]`, after dropout."""
    features = np.ones((len(images), 5, 4, channels), np.float32)
    return KeyedDropout(rate, name="dropout")([features, images], training=True).numpy()


def test_whole_channels_are_dropped_and_the_mean_stays():
    features = dropped(IMAGES)
    np.testing.assert_array_equal(features, features[:, :1, :1] + np.zeros((5, 4, 1)))
    assert set(np.unique(features)) == {0.0, np.float32(1 / 0.75)}
    # 2,400 draws: the standard deviation of the share is 0.009.
    assert (features[:, 0, 0] == 0).mean() == pytest.approx(0.25, abs=0.03)


def test_a_sample_drops_the_same_in_every_batch_and_another_sample_others():
    features = dropped(IMAGES)
    np.testing.assert_array_equal(dropped(IMAGES[4:1:-1]), features[4:1:-1])
    kept = features[:, 0, 0] > 0
    for first in range(6):
        for second in range(first):
            # Independent draws agree in a share of 1 - 2 * 0.25 * 0.75.
            assert (kept[first] == kept[second]).mean() == pytest.approx(0.625, abs=0.1)


@pytest.mark.parametrize("config", [COMPACT, UNET], ids=["Compact", "Unet"])
def test_a_network_drops_in_training_alone_and_is_saved(config, tmp_path):
    plain = build_model(config, seed=1)
    model = build_model(dataclasses.replace(config, dropout=0.5), seed=1)
    images = tf.constant(np.random.default_rng(1).uniform(size=(2, 40, 36, 1)), tf.float32)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    networks = plain, model, loaded
    expected, result, again = (network(images, training=False) for network in networks)
    undropped, dropping, too = (network(images, training=True) for network in networks)
    for name in expected:
        np.testing.assert_allclose(result[name], expected[name], atol=1e-6)
        np.testing.assert_allclose(again[name], expected[name], atol=1e-6)
        np.testing.assert_allclose(too[name], dropping[name], atol=1e-5)
        assert np.abs(dropping[name] - undropped[name]).max() > 0.01
    assert [one.shape for one in model.variables] == [one.shape for one in plain.variables]


def test_everything_cannot_be_dropped():
    with pytest.raises(InputError, match=r"model.dropout must be a number in \[0, 0.9\]; got 1.0"):
        ModelConfig(dropout=1.0)
