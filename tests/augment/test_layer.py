"""Augmentation as a layer of a Keras model."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from tfseg.augment import HorizontalFlip, RandomRotate90, ShiftScaleRotate
from tfseg.augment.layer import Augmentation


def batch(count: int = 4) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0)
    return {
        "image": np.stack([draw.integers(0, 256, (8, 8, 1), np.uint8)] * count),
        "label": np.stack([draw.integers(0, 9, (8, 8))] * count),
    }


def test_it_acts_in_training_only():
    layer = Augmentation([ShiftScaleRotate(p=1.0)], seed=0)
    still = layer(batch())
    np.testing.assert_allclose(still["image"], batch()["image"] / 255, atol=1e-6)
    np.testing.assert_array_equal(still["label"], batch()["label"])
    moved = layer(batch(), training=True)
    assert (moved["label"].numpy() != batch()["label"]).any()


def test_every_call_and_every_place_draws_anew_and_one_seed_gives_one_sequence():
    def labels(seed: int) -> list[np.ndarray]:
        layer = Augmentation([ShiftScaleRotate(p=1.0)], seed=seed)
        return [layer(batch(), training=True)["label"].numpy() for _ in range(2)]

    first, again, other = labels(1), labels(1), labels(2)
    np.testing.assert_array_equal(first, again)
    drawn = np.reshape([*first, *other], (16, -1))
    assert len({image.tobytes() for image in drawn}) == 16


def test_replicas_draw_by_themselves():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        layer = Augmentation([ShiftScaleRotate(p=1.0)], seed=0)

    @tf.function(autograph=False)
    def step() -> tf.Tensor:
        return layer(tf.nest.map_structure(tf.constant, batch(1)), training=True)["label"]

    results = [strategy.experimental_local_results(strategy.run(step)) for _ in range(2)]
    drawn = [label.numpy().tobytes() for replicas in results for label in replicas]
    assert len(set(drawn)) == 4
    assert [int(calls) for calls in strategy.experimental_local_results(layer.calls.value)] == [
        2,
        2,
    ]


def test_a_model_with_it_trains_and_is_saved(tmp_path):
    inputs = {
        "image": keras.Input((8, 8, 1), dtype="uint8", name="image"),
        "label": keras.Input((8, 8), dtype="int32", name="label"),
    }
    moved = Augmentation([HorizontalFlip(), RandomRotate90()], seed=3)(inputs)
    outputs = keras.layers.Conv2D(1, 1)(moved["image"])
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse", jit_compile=False)
    model.fit(batch(), np.zeros((4, 8, 8, 1)), epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        loaded.predict(batch(), verbose=0), model.predict(batch(), verbose=0)
    )
    layer = next(layer for layer in loaded.layers if isinstance(layer, Augmentation))
    assert layer.get_config()["transforms"] == [
        {"name": "HorizontalFlip", "p": 0.5},
        {"name": "RandomRotate90", "p": 1.0},
    ]
    assert int(layer.calls) == 2
