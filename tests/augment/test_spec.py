"""Transforms from plain values, and the errors where there is no such transform."""

from __future__ import annotations

import dataclasses

import pytest
import yaml

from tfseg import augment, config
from tfseg.augment import (
    CopyPaste,
    GaussNoise,
    HorizontalFlip,
    RandomGamma,
    Sampling,
    ShiftScaleRotate,
    from_spec,
)
from tfseg.augment.spec import plan
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
    with pytest.raises(InputError, match=r"^spec of from_spec must be a list; got {'name'"):
        from_spec({"name": "HorizontalFlip"})


def test_a_plan_has_the_transforms_of_one_image_copy_paste_and_the_sampling():
    assert plan(["light"]) == (from_spec(["light"]), None, Sampling())
    sampling = {"name": "Sampling", "border": "constant", "border_value": 0.5, "fill": 0}
    paste = {"name": "CopyPaste", "p": 0.25, "share": [0.0, 1.0]}
    flip = {"name": "HorizontalFlip"}
    expected = (
        [HorizontalFlip()],
        CopyPaste(p=0.25, share=(0.0, 1.0)),
        Sampling(border="constant", border_value=0.5, fill=0),
    )
    for entries in ([sampling, flip, paste], [flip, sampling, paste], [flip, paste, sampling]):
        assert plan(entries) == expected


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (
            [{"name": "CopyPaste"}, {"name": "VerticalFlip"}],
            r"^CopyPaste must be the last .*; got \{'name': 'VerticalFlip'\} after it\. Put",
        ),
        ([{"name": "CopyPaste"}, "light"], r"^CopyPaste must be the last .*; got 'light' after"),
        ([{"name": "CopyPaste"}] * 2, r"^augment must have at most one CopyPaste; got"),
        ([{"name": "Sampling"}] * 2, r"^augment must have at most one Sampling; got"),
        ([{"name": "CopyPaste", "num_classes": 2}], r"must be one of p, share; got 'num_classes'"),
        ([{"name": "CopyPaste", "p": 2}], r"^CopyPaste\.p must be a number in \[0, 1\]; got 2"),
        ([{"name": "Sampling", "dtype": "float16"}], r"^A parameter of Sampling must be one of"),
        ([{"name": "Sampling", "border": "mirror"}], r"^Sampling\.border must be one of"),
        ([{"name": "CopyPast"}], r"got 'CopyPast'\. Did you mean 'CopyPaste'\?"),
        ([{"name": []}], r"^augment\.name must be one of Affine, .*; got \[\]"),
        (
            [{"name": "OneOf", "transforms": [{"name": "CopyPaste"}]}],
            r"^CopyPaste must be an entry of augment in a configuration, outside of OneOf",
        ),
    ],
)
def test_what_cannot_be_planned_is_refused(entries, message):
    with pytest.raises(InputError, match=message):
        plan(entries)


def test_what_acts_on_more_than_one_image_is_no_transform_of_a_chain():
    for name in ("CopyPaste", "Sampling"):
        with pytest.raises(InputError, match=f"^{name} must be an entry of augment in a config"):
            from_spec([{"name": name}])


def test_transforms_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        HorizontalFlip().p = 1.0
