"""Networks: shapes, seeds, normalisation, and errors for what cannot be built."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseg import build_model
from tfseg.checks import InputError
from tfseg.config import ARCHITECTURES, ModelConfig
from tfseg.networks.backbones import backbones, segmentation_models
from tfseg.networks.layers import Cells

SMALL = ModelConfig(architecture="Unet", decoder_filters=(16, 16, 8, 8, 8), channels=1)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return build_model(SMALL, seed=1)


def weights(model: keras.Model) -> list[np.ndarray]:
    return model.get_weights()


def maps(model: keras.Model, channels: int) -> dict[str, np.ndarray]:
    """Returns the outputs for an image whose height and width are no multiples of anything."""
    return maps_of(model, tf.random.stateless_uniform((1, 50, 77, channels), (1, 2)))


def maps_of(model: keras.Model, images: np.ndarray) -> dict[str, np.ndarray]:
    return {name: values.numpy() for name, values in model(images, training=False).items()}


def check_network(config: ModelConfig, path: Path) -> None:
    """Builds a network, checks its maps, saves it and loads it in safe mode."""
    model = build_model(config)
    expected = maps(model, config.channels)
    assert {name: values.shape for name, values in expected.items()} == {
        "foreground": (1, 50, 77, 1),
        "center": (1, 50, 77, 1),
        "offset": (1, 50, 77, 2),
    }
    assert all(values.dtype == np.float32 for values in expected.values())
    assert all(np.isfinite(values).all() and values.std() > 0 for values in expected.values())
    model.save(path)
    loaded = maps(keras.models.load_model(path, safe_mode=True), config.channels)
    for name, values in expected.items():
        np.testing.assert_allclose(loaded[name], values, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("architecture", "backbone", "channels"),
    [
        ("Compact", "", 3),
        ("Unet", "resnet18", 1),
        ("Unet", "densenet121", 3),
        ("Linknet", "seresnet18", 2),
        ("FPN", "efficientnetb0", 3),
        ("PSPNet", "mobilenetv2", 5),
        ("PSPNet", "inceptionresnetv2", 3),
    ],
)
def test_a_network_takes_any_size_and_comes_back_from_its_file(
    architecture, backbone, channels, tmp_path
):
    config = ModelConfig(architecture=architecture, backbone=backbone, channels=channels)
    check_network(config, tmp_path / "model.keras")


@pytest.mark.exhaustive
@pytest.mark.parametrize("backbone", backbones())
@pytest.mark.parametrize("architecture", sorted(set(ARCHITECTURES) - {"Compact", "Keras"}))
def test_every_network_takes_any_size_and_comes_back_from_its_file(
    architecture, backbone, tmp_path
):
    config = ModelConfig(architecture=architecture, backbone=backbone, channels=3)
    check_network(config, tmp_path / "model.keras")


def test_padding_by_hand_to_the_stride_changes_nothing(model):
    # Padding to the stride is part of the network.
    image = tf.random.stateless_uniform((1, 40, 70, 1), (5, 6))
    padded = tf.pad(image, [[0, 0], [0, 24], [0, 26], [0, 0]])
    expected, result = model(image, training=False), model(padded, training=False)
    for name, values in expected.items():
        np.testing.assert_allclose(result[name][:, :40, :70], values, rtol=1e-5, atol=1e-6)


def test_cells_are_the_means_of_what_adaptive_pooling_sees():
    row = tf.reshape(tf.range(1.0, 8.0), (1, 1, 7, 1))
    # 7 columns in 3 cells: 1 2 3, 3 4 5, 5 6 7; one row in 3 cells is in all of them
    np.testing.assert_allclose(Cells(3)(row)[0, :, :, 0], [[2.0, 4.0, 6.0]] * 3, rtol=1e-6)
    image = tf.random.stateless_uniform((2, 12, 18, 4), (1, 2))
    pooled = tf.nn.avg_pool2d(image, (2, 3), (2, 3), "VALID")
    np.testing.assert_allclose(Cells(6)(image), pooled, rtol=1e-5)


def test_pixels_become_cells_and_cells_become_pixels_again():
    image = tf.reshape(tf.range(24.0), (1, 2, 6, 2))
    cells = keras.ops.space_to_depth(image, 2)
    # The first cell: the pixels (0, 0), (0, 1), (1, 0), (1, 1), both channels of each
    np.testing.assert_array_equal(cells[0, 0, 0], [0, 1, 2, 3, 12, 13, 14, 15])
    np.testing.assert_array_equal(keras.ops.depth_to_space(cells, 2), image)


@pytest.mark.parametrize("filters", [(4, 6), (4, 4, 4, 4, 8)], ids=str)
def test_compact_has_a_stage_for_each_number_of_filters(filters):
    model = build_model(ModelConfig(filters=filters, channels=1))
    # Only what lies within the field of view of the deepest stage can change a pixel
    image = np.zeros((1, 320, 320, 1), np.float32)
    expected = maps_of(model, image)["center"]
    image[0, 160, 160] = 1.0
    changed = np.argwhere(maps_of(model, image)["center"] != expected)[:, 1]
    reach = 160 - changed.min()
    assert 2 ** len(filters) < reach < 16 * 2 ** len(filters)
    kernels = [one.shape[-1] for one in model.trainable_variables if one.shape[0:1] == (3,)]
    assert set(kernels) == {*filters, 16}


def test_the_package_is_left_as_it_was():
    package = segmentation_models()
    build_model(ModelConfig(architecture="PSPNet", channels=1))
    with pytest.raises(ValueError, match="should be divisible by"):
        package.PSPNet("resnet18", input_shape=(50, 50, 3), encoder_weights=None)


def test_outputs_are_logits_without_a_bound(model):
    outputs = model(tf.fill((1, 32, 32, 1), 100.0), training=False)
    assert float(tf.reduce_min(outputs["offset"])) < 0
    # The head's convolution stands last: no activation squeezes what it returns
    head = model.get_layer("unet").get_layer("center_offset")
    assert head.activation is keras.activations.linear


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
    layers = [
        layer
        for layer in model.get_layer("unet").layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert len(layers) > 20
    assert {(layer.synchronized, layer.momentum) for layer in layers} == {(True, 0.9)}


def test_every_layer_learns(model):
    images = tf.random.stateless_uniform((2, 32, 32, 1), (1, 2))
    with tf.GradientTape() as tape:
        outputs = model(images, training=True)
        total = tf.add_n([tf.reduce_sum(value**2) for value in outputs.values()])
    gradients = tape.gradient(total, model.trainable_variables)
    assert all(gradient is not None for gradient in gradients)
    # The network's last convolution, which the head replaces, is gone
    assert not any("final_conv" in variable.path for variable in model.variables)


def test_an_unknown_backbone_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"model.backbone .* got 'resnet81'. Did you mean 'resnet"):
        build_model(dataclasses.replace(SMALL, backbone="resnet81"))


def test_an_unset_number_of_channels_is_refused():
    with pytest.raises(InputError, match="model.channels must be a number in"):
        build_model(dataclasses.replace(SMALL, channels=0))


def test_there_are_32_backbones():
    assert len(backbones()) == 32
    assert {"resnet18", "vgg16", "mobilenetv2", "efficientnetb0"} <= set(backbones())


def test_channels_first_in_keras_is_refused():
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(InputError, match="must be channels_last; got channels_first"):
            build_model(SMALL)
    finally:
        keras.config.set_image_data_format("channels_last")
