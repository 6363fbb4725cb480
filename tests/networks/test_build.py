"""Networks: shapes, seeds, normalisation, and the refusal of what cannot be built."""

from __future__ import annotations

import dataclasses
import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseg import build_model
from tfseg.checks import InputError
from tfseg.config import ARCHITECTURES, ModelConfig
from tfseg.networks.backbones import backbones

SMALL = ModelConfig(decoder_filters=(16, 16, 8, 8, 8), channels=1)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return build_model(SMALL, seed=1)


def weights(model: keras.Model) -> list[np.ndarray]:
    return model.get_weights()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_gives_every_map_of_the_head_at_full_size(architecture):
    config = dataclasses.replace(SMALL, architecture=architecture, channels=3)
    outputs = build_model(config)(tf.zeros((2, 64, 96, 3)), training=False)
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "foreground": (2, 64, 96, 1),
        "center": (2, 64, 96, 1),
        "offset": (2, 64, 96, 2),
    }
    assert all(value.dtype == tf.float32 for value in outputs.values())


def test_other_sizes_than_those_of_training_are_taken(model):
    for height, width in ((32, 32), (64, 160)):
        outputs = model(tf.zeros((1, height, width, 1)), training=False)
        assert outputs["offset"].shape == (1, height, width, 2)


def test_outputs_are_logits_without_a_bound(model):
    outputs = model(tf.fill((1, 32, 32, 1), 100.0), training=False)
    assert float(tf.reduce_min(outputs["offset"])) < 0
    # The head's convolution stands last: no activation squeezes what it returns
    assert model.get_layer("center_offset").activation is keras.activations.linear


def test_the_same_seed_gives_the_same_weights_and_leaves_pythons_generator_alone(model):
    random.seed(5)
    expected = random.Random(5).random()
    again = build_model(SMALL, seed=1)
    assert random.random() == expected
    for one, other in zip(weights(model), weights(again), strict=True):
        np.testing.assert_array_equal(one, other)
    different = build_model(SMALL, seed=2)
    kernels = [
        not np.array_equal(one, other)
        for one, other in zip(weights(model), weights(different), strict=True)
        if one.ndim == 4
    ]
    assert all(kernels)


def test_batch_normalisation_is_that_of_the_global_batch_and_follows_a_short_run(model):
    layers = [each for each in model.layers if isinstance(each, keras.layers.BatchNormalization)]
    assert len(layers) > 20
    assert {(layer.synchronized, layer.momentum) for layer in layers} == {(True, 0.9)}


def test_every_layer_learns(model):
    images = tf.random.stateless_uniform((2, 32, 32, 1), (1, 2))
    with tf.GradientTape() as tape:
        outputs = model(images, training=True)
        total = tf.add_n([tf.reduce_sum(value**2) for value in outputs.values()])
    gradients = tape.gradient(total, model.trainable_variables)
    assert all(gradient is not None for gradient in gradients)
    # Nothing of the network's own last convolution, which the head replaces, is left behind
    assert not any("final_conv" in variable.path for variable in model.variables)


def test_a_saved_network_gives_the_same_maps(model, tmp_path):
    images = tf.random.stateless_uniform((1, 64, 64, 1), (3, 4))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    expected, found = model(images, training=False), again(images, training=False)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5, atol=1e-6)


def test_an_unknown_backbone_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"model.backbone .* got 'resnet81'. Did you mean 'resnet"):
        build_model(dataclasses.replace(SMALL, backbone="resnet81"))


def test_an_unset_number_of_channels_is_refused():
    with pytest.raises(InputError, match="model.channels must be a number in"):
        build_model(dataclasses.replace(SMALL, channels=0))


def test_backbones_are_listed_without_those_keras_refuses():
    names = backbones()
    assert {"resnet18", "vgg16", "mobilenetv2", "efficientnetb0"} <= set(names)
    assert not [name for name in names if name.startswith("densenet")]
