"""An option is refused where it has no effect; `test_options_change` has where it has one."""

from __future__ import annotations

from typing import Any

import pytest
import runs

import tfseg
from tfseg import config as configs
from tfseg.checks import InputError
from tfseg.config import ModelConfig, RunConfig
from tfseg.networks.build import build_model
from tfseg.training.session import Session

# Another value for each option that not every run uses.
OTHERS: dict[str, Any] = {
    "model.network": "network.json",
    "model.backbone": "resnet34",
    "model.encoder_weights": "imagenet",
    "model.preprocessing": "backbone",
    "model.decoder_filters": (8, 8, 8, 8, 8),
    "model.filters": (4, 8),
    "model.class_weights": (1.0, 2.0),
    "log.validate_every": 2,
    "log.validation_images": 1,
    "log.best": "pq",
    "train.patience": 1,
    "optimizer.schedule": "plateau",
}


def other(config: RunConfig, name: str) -> RunConfig:
    """Returns `config` with another value of an option."""
    group, _, field = name.partition(".")
    return runs.changed(config, **{group: {field: OTHERS[name]}})


@pytest.mark.parametrize("architecture", configs.ARCHITECTURES)
def test_an_architecture_refuses_the_options_of_the_others(architecture):
    used = {
        "Compact": {"filters"},
        "Keras": {"network"},
        "Unet": {"backbone", "encoder_weights", "preprocessing", "decoder_filters"},
    }.get(architecture, {"backbone", "encoder_weights", "preprocessing"})
    names = ("backbone", "encoder_weights", "preprocessing", "decoder_filters", "filters")
    for name in (*names, "network"):
        value = OTHERS[f"model.{name}"]
        if name == "network" and name in used:
            continue  # tests/networks/test_keras_network.py
        if name in used:
            assert getattr(ModelConfig(architecture=architecture, **{name: value}), name) == value
            continue
        with pytest.raises(InputError, match=f"model.{name} has no effect .*; got "):
            ModelConfig(architecture=architecture, **{name: value})


@pytest.mark.parametrize(
    ("architecture", "name"),
    [("Compact", "filters"), ("Unet", "backbone"), ("Unet", "decoder_filters")],
)
def test_an_option_of_an_architecture_changes_the_network(architecture, name):
    first, second = (
        build_model(ModelConfig(architecture=architecture, channels=1, **options)).count_params()
        for options in ({}, {name: OTHERS[f"model.{name}"]})
    )
    assert first != second


@pytest.fixture(scope="module")
def without_val(sample, tmp_path_factory) -> tfseg.Dataset:
    """A data set of the split train alone."""
    folder = tmp_path_factory.mktemp("without_val")
    return tfseg.convert(sample / "other", folder / "data", class_name="nucleus")


@pytest.mark.parametrize(
    "name",
    [
        *("log.validate_every", "log.validation_images", "log.best", "train.patience"),
        "optimizer.schedule",
    ],
)
def test_options_of_validations_are_refused_without_a_split_val(without_val, name):
    with pytest.raises(InputError, match=f"{name} .* needs validations, .* has no split val"):
        Session(other(runs.CONFIG, name), without_val, network=runs.build)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"data": {"instance_share": 1.0, "foreground_share": 0.2}},
            "data.foreground_share has no effect with data.instance_share 1, .*; got 0.2",
        ),
        (
            {"model": {"head_options": {"separation_sigma": 3.0}}},
            "separation_sigma has no effect while separation_weight is 0; got 3. Set",
        ),
        (
            {"model": {"head_options": {"center_weight": 0.0}}},
            "center_weight must be a number in .* got 0",
        ),
        (
            {"model": {"head": "distance", "head_options": {"distance_weight": 0.0}}},
            "distance_weight must be a number in .*; got 0",
        ),
        (
            {"optimizer": {"name": "SGD", "options": {"nesterov": True}}},
            "nesterov has no effect without momentum. Give momentum",
        ),
        ({"model": {"std": [0.5]}}, r"must have a number for each .*; got \[\], \[0.5\] and none"),
        ({"train": {"steps": 5, "minutes": 1}}, "got steps 5 and minutes 1"),
        (
            {"train": {"steps": 5, "progress": [[0, 0.0, 9], [9, 1.0, 9]]}},
            "progress must end at the last step; it ends at 9, and train.steps is 5. Set",
        ),
        ({"train": {"steps": 5, "progress": [[3, 0.0, 9], [3, 1.0, 9]]}}, "must increase; got"),
        (
            {"train": {"steps": 5, "progress": [[3, 0.0]]}},
            r"must have 3 values: .*; got \(3, 0.0\)",
        ),
        (
            {"model": {"limits": [0, 255], "min_contrast": [2, 30]}},
            r"min_contrast has no effect with model.limits \(0, 255\); got \[2, 30\]",
        ),
    ],
)
def test_an_option_that_another_one_switches_off_is_refused(values, message):
    with pytest.raises(InputError, match=message):
        configs.from_dict(values)


def test_weights_of_classes_are_refused_for_one_class(dataset):
    config = other(runs.CONFIG, "model.class_weights")
    with pytest.raises(InputError, match=r"model.class_weights must be empty .*; got \(1.0, 2.0\)"):
        Session(config, dataset, network=runs.build)
