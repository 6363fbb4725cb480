"""A person's Keras network is trained, resumed and used like a built-in one."""

from __future__ import annotations

import dataclasses
import json
import shutil

import fresh
import keras
import numpy as np
import pytest
import runs
import tensorflow as tf
from forked import Forked
from keras import layers

import tfseg
from tfseg import cli
from tfseg.checks import InputError
from tfseg.config import ModelConfig, RunConfig
from tfseg.networks.compact import compact
from tfseg.networks.keras_network import NAME
from tfseg.training.session import Session

FILTERS = (8, 16)
CONFIG = runs.changed(
    runs.CONFIG, data={"crop_size": 64}, optimizer={"name": "SGD", "ema": 0.9, "weight_decay": 0.1}
)


def layers_of_compact(config: ModelConfig) -> keras.Model:
    """The layers of the built-in network, which end in the maps by their names."""
    network = compact(config.channels, FILTERS, 4, name="center_offset")
    maps = network.output
    outputs = {"offset": maps[..., 2:], "center": maps[..., 1:2], "foreground": maps[..., :1]}
    return keras.Model(network.input, outputs)


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
    """A run of a Keras network, stopped after three steps and resumed."""
    folder = tmp_path_factory.mktemp("keras") / "run"
    trainer = tfseg.Trainer(CONFIG, folder, network=layers_of_compact)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(dataset, callbacks=[runs.PressCtrlC(3)])
    trainer.fit(dataset, resume=True)
    return folder


def test_it_ends_as_the_built_in_network_of_the_same_layers_to_the_bit(run, dataset, tmp_path):
    config = dataclasses.replace(CONFIG, model=ModelConfig(filters=FILTERS))
    tfseg.Trainer(config, tmp_path / "built-in").fit(dataset)
    for name in ("last.npz", "best.npz"):
        given, built_in = (
            runs.arrays(folder / "checkpoints" / name) for folder in (run, tmp_path / "built-in")
        )
        assert given.keys() == built_in.keys()
        for key, array in built_in.items():
            np.testing.assert_array_equal(given[key], array)


@pytest.fixture(scope="module")
def copy(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("copy") / "run"
    shutil.copytree(run, folder)
    return folder


def test_a_fresh_process_uses_the_run_by_the_command_line(run, copy, dataset, tmp_path):
    picture = sorted((tfseg.sample.path() / "test" / "images").iterdir())[0]
    ended = Forked(fresh.use, copy, dataset.path, picture, tmp_path).ended()
    assert ended.code == 0, ended.err
    scored = json.loads((tmp_path / "scored" / "summary.json").read_text(encoding="utf-8"))
    segmenter = tfseg.load(run, tile=128, tta=True)
    assert segmenter.model_config.architecture == "Keras"
    assert scored["num_images"] == 2
    image = tf.io.decode_image(tf.io.read_file(str(picture))).numpy()[..., :1]
    file = tmp_path / "predicted" / "labels" / f"{picture.stem}.png"
    labels = tf.io.decode_png(tf.io.read_file(str(file)), dtype=tf.uint16)
    np.testing.assert_array_equal(labels[..., 0], segmenter.predict(image).labels)
    exported = tf.saved_model.load(str(tmp_path / "exported"))
    expected = tfseg.load(run).predict(image).labels
    np.testing.assert_array_equal(exported(image[None])["labels"][0], expected)


def test_the_command_line_repeats_a_run_with_its_network(run, tmp_path, monkeypatch):
    network = tfseg.config.read(run / "config.yaml").model.network
    _, values = cli.parse(["train", "data", "run", "--from", str(run)])
    assert values["config"].model.network == network
    monkeypatch.chdir(run)
    options = ("--model.architecture=Keras", "--model.network=config.network.json")
    _, values = cli.parse(["train", "data", "run", *options])
    assert values["config"].model.network == network


@pytest.mark.exhaustive
def test_a_fresh_process_tunes_and_resumes_the_run(copy, dataset):
    ended = Forked(fresh.go_on, copy, dataset.path).ended()
    assert ended.code == 0, ended.err
    assert (copy / "thresholds.yaml").is_file()
    assert runs.arrays(copy / "checkpoints" / "last.npz")["step"] == 7


def test_another_network_does_not_resume_the_run(run, dataset):
    def wider(config: ModelConfig) -> keras.Model:
        return compact(config.channels, (8, 24), 16, name="center_offset")

    with pytest.raises(InputError, match=r"The network must be the one in .*config.network.json"):
        tfseg.Trainer(CONFIG, run, network=wider).fit(dataset, resume=True)
    with pytest.raises(InputError, match="model.architecture must be 'Keras' to resume the run"):
        tfseg.Trainer(CONFIG, run).fit(dataset, resume=True)


def one_layer(channels: int = 1, **options: object) -> keras.Model:
    images = keras.Input((None, None, channels))
    return keras.Model(images, layers.Conv2D(5, 3, padding="same", **options)(images))


def test_a_model_gives_its_weights_and_stays_as_it_is(dataset):
    images = keras.Input((None, None, 1))
    features = layers.BatchNormalization(momentum=0.5)(layers.Conv2D(3, 3, padding="same")(images))
    model = keras.Model(images, features)
    model.set_weights([np.full(weight.shape, 0.25) for weight in model.get_weights()])
    session = Session(runs.CONFIG, dataset, network=model)
    trained = session.model.get_layer(NAME).variables
    assert [tuple(variable.shape) for variable in trained[:2]] == [(3, 3, 1, 3), (3,)]
    for variable, given in zip(trained, model.variables, strict=False):
        np.testing.assert_array_equal(np.asarray(variable), np.asarray(given))
        assert variable is not given
    assert model.layers[2].momentum == 0.5 and not model.layers[2].synchronized
    config = session.config.model
    assert (config.architecture, config.filters) == ("Keras", ())
    again = Session(dataclasses.replace(runs.CONFIG, model=config), dataset, pretrained=False)
    assert len(again.model.variables) == len(session.model.variables)


def test_a_registered_network_is_kept_with_the_run(dataset, registrations):
    def plain_layer(config: ModelConfig) -> keras.Model:
        return one_layer(config.channels)

    tfseg.register(plain_layer, kind="network")
    config = RunConfig(model=ModelConfig(architecture="plain_layer"), data=runs.CONFIG.data)
    model = Session(config, dataset).config.model
    assert model.architecture == "Keras"
    assert json.loads(model.network)["config"]["layers"][1]["config"]["filters"] == 5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ModelConfig(backbone=one_layer()), r"model.backbone must be text; got Functional"),
        (lambda: ModelConfig(architecture=one_layer), r"must be text; got function\. Give a Keras"),
        (lambda: ModelConfig(network=one_layer()), r"model.network must be text; got Functional"),
        (
            lambda: RunConfig(model=one_layer()),
            r"model of RunConfig must be a ModelConfig; .*=model",
        ),
        (
            lambda: tfseg.Trainer(one_layer(), "run"),
            r"config of Trainer must be a RunConfig; .*=model",
        ),
        (
            lambda: tfseg.Trainer(RunConfig(), one_layer()),
            r"run_dir of Trainer must be a path; .* A Keras m",
        ),
        (
            lambda: tfseg.Segmenter(one_layer(), ModelConfig(channels=1)),
            r"must be a dict of foreground .* tfseg.build_model\(config, network=model",
        ),
        (lambda: ModelConfig(architecture="Keras"), "model.network must be a file .*; got none"),
        (lambda: ModelConfig(network="a.json"), "network has no effect with .* Compact; got 'a.js"),
    ],
)
def test_a_model_in_a_wrong_place_is_told_the_right_one(make, message):
    with pytest.raises(InputError, match=message):
        make()
