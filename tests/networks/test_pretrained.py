"""Pretrained encoders: where their weights are read from, and their input values."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.legacy.saving import legacy_h5_format

from tfseg import build_model
from tfseg import config as configs
from tfseg.checks import InputError
from tfseg.config import ModelConfig, RunConfig
from tfseg.networks.backbones import backbones, patched_backbones, segmentation_models
from tfseg.networks.encoder import encoder_layers
from tfseg.networks.pretrained import checkpoint_of, preprocessed
from tfseg.training import checkpoint

NAME = "resnet18_imagenet_1000_no_top.h5"
SMALL = ModelConfig(architecture="Unet", decoder_filters=(8, 8, 8, 8, 8), channels=3)


@pytest.fixture(scope="module")
def encoder() -> keras.Model:
    """Returns an encoder with other weights than the networks of these tests start with."""
    segmentation_models()
    from segmentation_models.backbones.backbones_factory import Backbones

    modules = {name: getattr(keras, name) for name in ("backend", "layers", "models", "utils")}
    keras.utils.set_random_seed(77)
    with patched_backbones(keras.utils.get_file):
        return Backbones.get_backbone(
            "resnet18", input_shape=(None, None, 3), weights=None, include_top=False, **modules
        )


@pytest.fixture(scope="module")
def folder(encoder, tmp_path_factory) -> Path:
    """A folder with the encoder's weights, under the name and in the format of the package's."""
    folder = tmp_path_factory.mktemp("weights")
    with h5py.File(folder / NAME, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, encoder)
    return folder


def kernel(model: keras.Model) -> np.ndarray:
    return np.asarray(model.get_layer("unet").get_layer("stage2_unit1_conv1").kernel)


@pytest.mark.parametrize("which", ["folder", "file", "cache"])
def test_the_weights_are_read_from_a_folder_a_file_or_the_cache(
    which, encoder, folder, tmp_path, monkeypatch
):
    where = {"folder": str(folder), "file": str(folder / NAME), "cache": "imagenet"}[which]
    if which == "cache":
        monkeypatch.setenv("KERAS_HOME", str(tmp_path))
        (tmp_path / "models").symlink_to(folder)
    model = build_model(dataclasses.replace(SMALL, encoder_weights=where))
    expected = np.asarray(encoder.get_layer("stage2_unit1_conv1").kernel)
    np.testing.assert_array_equal(kernel(model), expected)
    assert (folder / NAME).is_file()  # Keras would delete one of another checksum


def test_grey_images_are_repeated_to_three_channels(folder):
    config = dataclasses.replace(SMALL, encoder_weights=str(folder), preprocessing="backbone")
    colour, grey = (
        build_model(dataclasses.replace(config, channels=channels)) for channels in (3, 1)
    )
    images = tf.random.stateless_uniform((1, 40, 50, 1), (1, 2))
    expected = colour(tf.repeat(images, 3, axis=-1), training=False)
    for name, values in grey(images, training=False).items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-5, atol=1e-6)


def test_a_run_is_loaded_without_the_file(folder, encoder):
    config = dataclasses.replace(SMALL, encoder_weights=str(folder / "gone"))
    model = build_model(config, pretrained=False)
    assert not np.array_equal(kernel(model), encoder.get_layer("stage2_unit1_conv1").kernel)


def offline(*_: object, **__: object) -> str:
    raise Exception("URL fetch failure on https://...")  # as Keras does


def test_a_file_that_cannot_be_fetched_is_named_with_its_place(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras.utils, "get_file", offline)
    path = tmp_path / "models" / NAME
    with pytest.raises(InputError, match=f"needs {path}: .*URL fetch failure.*Put the file") as it:
        build_model(dataclasses.replace(SMALL, encoder_weights="imagenet"))
    assert it.value.args[0].endswith(f"/0.0.1/{NAME}")  # the address it comes from
    assert keras.utils.get_file is offline  # as it was before


@pytest.mark.parametrize(
    ("backbone", "name"),
    [  # of image-classifiers, keras-applications, efficientnet, and the package itself
        ("resnet18", NAME),
        ("mobilenetv2", "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"),
        ("efficientnetb0", "efficientnet-b0_weights_tf_dim_ordering_tf_kernels_autoaugment_notop"),
        ("inceptionv3", "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    ],
)
def test_a_folder_without_the_file_says_which_one_is_missing(backbone, name, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.utils, "get_file", offline)
    config = dataclasses.replace(SMALL, backbone=backbone, encoder_weights=str(tmp_path))
    with pytest.raises(InputError, match=f"needs {tmp_path / name}.*: it does not exist. Put"):
        build_model(config)


def test_weights_of_another_encoder_and_files_that_do_not_exist_are_refused(folder, tmp_path):
    other = dataclasses.replace(SMALL, backbone="vgg16", encoder_weights=str(folder / NAME))
    with pytest.raises(InputError, match="does not fit the encoder"):
        build_model(other)
    with pytest.raises(InputError, match="a folder of files; nowhere does not exist"):
        build_model(dataclasses.replace(SMALL, encoder_weights="nowhere"))
    with pytest.raises(InputError, match="for each of 3 channels; got 1"):
        build_model(dataclasses.replace(SMALL, mean=(0.5,), std=(0.5,)))


@pytest.mark.parametrize("channels", [2, 5])
def test_the_first_convolution_is_adapted_to_other_channels(folder, encoder, channels):
    config = dataclasses.replace(SMALL, encoder_weights=str(folder), channels=channels)
    model = build_model(config)
    np.testing.assert_array_equal(
        kernel(model), np.asarray(encoder.get_layer("stage2_unit1_conv1").kernel)
    )
    first, original = (
        np.asarray(network.get_layer("conv0").kernel)
        for network in (model.get_layer("unet"), encoder)
    )
    assert first.shape == (7, 7, channels, 64)
    expected = original.mean(axis=2) * 3 / channels
    for channel in range(channels):
        np.testing.assert_allclose(first[:, :, channel], expected, rtol=1e-6)
    # Equal channels give what the same grey image gave in RGB.
    grey = np.random.default_rng(0).random((1, 64, 64, 1)).astype(np.float32)
    features = [
        np.tensordot(grey[0, :7, :7].repeat(weights.shape[2], -1), weights, 3)
        for weights in (first, original)
    ]
    np.testing.assert_allclose(*features, rtol=1e-4, atol=1e-6)


def test_values_of_other_channels_are_converted_by_the_mean(folder):
    inputs = keras.Input((None, None, 2))
    for backbone, mean, std in (("densenet121", 0.449, 0.226), ("resnet18", 0.0, 1 / 255)):
        model = keras.Model(inputs, preprocessed(inputs, backbone))
        values = model(np.full((1, 4, 5, 2), 0.5, np.float32))
        np.testing.assert_allclose(values, (0.5 - mean) / std, rtol=1e-4)


@pytest.mark.parametrize("backbone", backbones())
def test_the_values_are_those_that_segmentation_models_gives_its_backbone(backbone):
    image = np.random.default_rng(3).integers(0, 256, (1, 4, 5, 3)).astype(np.uint8)
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, preprocessed(inputs, backbone))
    values = model(image.astype(np.float32) / 255)
    prepare = segmentation_models().get_preprocessing(backbone)
    expected = prepare(image.astype(np.float32))  # it changes what it is given
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-3)


def test_mean_and_std_are_taken_off_and_saved_with_the_network(tmp_path):
    config = dataclasses.replace(SMALL, mean=(0.5, 0.25, 0.0), std=(0.5, 2.0, 1.0))
    plain, model = build_model(SMALL), build_model(config)
    images = tf.random.stateless_uniform((1, 32, 64, 3), (1, 2))
    moved = (images - [0.5, 0.25, 0.0]) / [0.5, 2.0, 1.0]
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    for name, values in plain(moved, training=False).items():
        for network in (model, again):
            result = network(images, training=False)[name]
            np.testing.assert_allclose(result, values, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mean": (0.5,)}, "must have a number for each channel"),
        ({"mean": (0.5,), "std": (0.0,)}, "Each of model.std must be a number in"),
        ({"preprocessing": "imagenet"}, "model.preprocessing must be one of backbone, none"),
        (
            {"architecture": "Compact", "encoder_weights": "imagenet"},
            "no effect with model.architecture Compact; got 'imagenet'. Set",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_the_configuration(options, message):
    with pytest.raises(InputError, match=message):
        ModelConfig(**{"architecture": "Unet", "channels": 1, **options})


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run of a network for grey images, whose checkpoint begins with an average."""
    folder = tmp_path_factory.mktemp("run")
    config = RunConfig(model=dataclasses.replace(SMALL, channels=1))
    configs.write(config, folder / "config.yaml")
    average = build_model(config.model, seed=8).variables
    trained = [keras.Variable(np.zeros(one.shape), dtype=one.dtype) for one in average]
    path = folder / "checkpoints" / "best.npz"
    assert checkpoint.save(path, [*average, *trained], step=1, loss=0.0)
    return folder


def test_the_encoder_of_a_run_is_taken_and_nothing_else_of_it(run):
    config = ModelConfig(architecture="FPN", channels=1, head="boundary")
    plain, model = (
        build_model(dataclasses.replace(config, encoder_weights=where), seed=3)
        for where in ("none", str(run))
    )
    source = build_model(dataclasses.replace(SMALL, channels=1), seed=8)
    given, taken = encoder_layers(source), encoder_layers(model)
    weights = [position for position, layer in taken.items() if layer.weights]
    assert len(weights) == 40
    for position in weights:
        for one, other in zip(taken[position].weights, given[position].weights, strict=True):
            np.testing.assert_array_equal(one, other)
    encoder_ids = {id(variable) for layer in taken.values() for variable in layer.weights}
    rest = [index for index, one in enumerate(model.variables) if id(one) not in encoder_ids]
    assert len(rest) > 20
    for index in rest:
        np.testing.assert_array_equal(model.variables[index], plain.variables[index])


def test_a_run_is_named_by_its_folder_or_a_checkpoint_and_is_not_needed_later(run, tmp_path):
    file = run / "checkpoints" / "best.npz"
    config = dataclasses.replace(SMALL, channels=1, encoder_weights=checkpoint_of(str(run)))
    assert config.encoder_weights == str(file)
    assert checkpoint_of(str(tmp_path)) == str(tmp_path)
    first = np.asarray(encoder_layers(build_model(config))[3].kernel)
    expected = build_model(dataclasses.replace(SMALL, channels=1), seed=8)
    np.testing.assert_array_equal(first, encoder_layers(expected)[3].kernel)
    # The encoder sees one channel, with or without the file
    gone = dataclasses.replace(config, encoder_weights=str(tmp_path / "gone.npz"))
    assert build_model(gone, pretrained=False).input_shape[-1] == 1
    assert encoder_layers(build_model(gone, pretrained=False))[3].kernel.shape[2] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"backbone": "resnet34"},
            "the backbone of .* must be resnet34; got resnet18. Use",
        ),
        ({"channels": 3}, "number of input channels of .* must be 3; got 1"),
        ({"encoder_weights": "none.npz"}, "there is no checkpoint none.npz. Name the folder of"),
    ],
)
def test_an_encoder_of_another_kind_is_refused(run, options, message):
    config = dataclasses.replace(SMALL, channels=1, encoder_weights=str(run))
    with pytest.raises(InputError, match=message):
        build_model(dataclasses.replace(config, **options))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"architecture": "PSPNet"}, "has fewer layers, as in PSPNet; it has no "),
        ({"architecture": "Compact"}, "the backbone of .* must be resnet18; got Compact"),
        ({"architecture": "Linknet"}, "best.npz does not fit the config.yaml of its run"),
    ],
)
def test_a_run_whose_network_does_not_fit_is_refused(run, tmp_path, written, message):
    model = ModelConfig(channels=1, **written)
    configs.write(RunConfig(model=model), tmp_path / "config.yaml")
    file = tmp_path / "checkpoints" / "best.npz"
    file.parent.mkdir()
    if written == {"architecture": "PSPNet"}:
        checkpoint.save(file, build_model(model).variables, step=1, loss=0.0)
    else:
        file.symlink_to(run / "checkpoints" / "best.npz")
    with pytest.raises(InputError, match=message):
        build_model(dataclasses.replace(SMALL, channels=1, encoder_weights=str(tmp_path)))
