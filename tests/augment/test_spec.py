"""Transforms from plain values, and what is said where there is no such transform."""

from __future__ import annotations

import dataclasses

import pytest
import yaml

from tfseg import augment, config
from tfseg.augment import GaussNoise, HorizontalFlip, RandomGamma, ShiftScaleRotate, from_spec
from tfseg.checks import InputError


def test_a_list_of_names_and_parameters_becomes_transforms_in_that_order():
    spec = [
        {"name": "ShiftScaleRotate", "rotate_limit": [-10, 20], "p": 1},
        {"name": "HorizontalFlip"},
        {"name": "RandomGamma", "gamma_limit": (50.0, 60.0)},
        {"name": "HorizontalFlip", "p": 0.25},
    ]
    assert from_spec(spec) == [
        ShiftScaleRotate(rotate_limit=(-10, 20), p=1),
        HorizontalFlip(p=0.5),
        RandomGamma(gamma_limit=(50.0, 60.0)),
        HorizontalFlip(p=0.25),
    ]


def test_building_transforms_leaves_the_spec_as_it_was():
    spec = [{"name": "GaussNoise", "std_range": [0.0, 0.5]}]
    from_spec(spec)
    assert spec == [{"name": "GaussNoise", "std_range": [0.0, 0.5]}]


def test_a_spec_written_as_yaml_gives_the_same_transforms():
    text = "[{name: GaussNoise, p: 1, std_range: [0, 0.25]}, {name: VerticalFlip}]"
    noise, flip = from_spec(yaml.safe_load(text))
    assert noise == GaussNoise(p=1, std_range=(0, 0.25))
    assert flip == augment.VerticalFlip()


def test_no_transforms_are_an_empty_list():
    assert from_spec([]) == []


def test_the_default_configuration_is_built():
    names = [type(transform).__name__ for transform in from_spec(config.DEFAULT_AUGMENT)]
    assert names == [entry["name"] for entry in config.DEFAULT_AUGMENT]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"name": "HorizontalFlp"},
            r"^augment\.name must be one of .*Did you mean 'HorizontalFlip'",
        ),
        ({"name": "gaussnoise"}, r"got 'gaussnoise'\. Did you mean 'GaussNoise'\?"),
        ({"name": None}, r"^augment\.name must be one of Affine, .*; got None"),
        (
            {"name": "GaussNoise", "std": [0, 1]},
            r"^A parameter of GaussNoise must be one of .*; got 'std'\. "
            r"Did you mean 'std_range'\?",
        ),
        ({"name": "HorizontalFlip", "identity": 1}, "must be one of p; got 'identity'"),
        ({"name": "HorizontalFlip", "p": 1.5}, r"^HorizontalFlip\.p .* in \[0, 1\]; got 1\.5"),
        ({"name": "HorizontalFlip", "p": "often"}, r"^HorizontalFlip\.p .*; got 'often'"),
        ({"name": "HorizontalFlip", "p": None}, r"^HorizontalFlip\.p .*; got None"),
        ({"name": "HorizontalFlip", "p": float("nan")}, r"^HorizontalFlip\.p .*; got nan"),
        ({"p": 1.0}, r"^augment must be a list of .*; got \{'p': 1\.0\}"),
        ("HorizontalFlip", r"^augment must be a list of .*; got 'HorizontalFlip'"),
    ],
)
def test_a_wrong_entry_is_refused_with_the_nearest_name(entry, message):
    with pytest.raises(InputError, match=message):
        from_spec([{"name": "VerticalFlip"}, entry])


def test_one_entry_without_a_list_is_refused():
    with pytest.raises(InputError, match=r"^augment must be a list of .*; got 'name'"):
        from_spec({"name": "HorizontalFlip"})


def test_transforms_cannot_be_changed_and_take_no_parameters_by_position():
    with pytest.raises(dataclasses.FrozenInstanceError):
        HorizontalFlip().p = 1.0
    with pytest.raises(TypeError):
        HorizontalFlip(1.0)
