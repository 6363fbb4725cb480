"""Names, parameters, defaults and short forms are those of the installed albumentations."""

from __future__ import annotations

import dataclasses
import inspect
import os
import warnings
from typing import Any

import pytest

from tfseg import augment
from tfseg.augment import TRANSFORMS, Sampling, from_albumentations
from tfseg.augment.names import MISSING
from tfseg.augment.parameters import ABSENT

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # otherwise the import asks for a newer version
A = pytest.importorskip("albumentations", "2.0.8", reason="the extra dev installs albumentations")

NAMES = sorted(TRANSFORMS)
every_transform = pytest.mark.parametrize("name", NAMES)


def parameters_of(name: str) -> dict[str, inspect.Parameter]:
    parameters = dict(inspect.signature(getattr(A, name).__init__).parameters)
    del parameters["self"]
    return parameters


def imported(*transforms: Any) -> tuple[augment.Transform, ...]:
    return from_albumentations(A.Compose(list(transforms))).transforms


def made(name: str, *values: Any, **named: Any) -> Any:
    with warnings.catch_warnings():
        # "ShiftScaleRotate is a special case of Affine"
        warnings.simplefilter("ignore", UserWarning)
        return getattr(A, name)(*values, **named)


def plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@every_transform
def test_the_parameters_are_those_of_albumentations_in_its_order(name):
    theirs = parameters_of(name)
    ours = [field.name for field in dataclasses.fields(TRANSFORMS[name])]
    assert ours == [parameter for parameter in theirs if parameter in ours]
    assert set(theirs) - set(ours) == set(ABSENT.get(name, {}))


@every_transform
def test_the_defaults_are_those_of_albumentations(name):
    theirs = {key: parameter.default for key, parameter in parameters_of(name).items()}
    ours = inspect.signature(TRANSFORMS[name]).parameters
    assert {key: parameter.default for key, parameter in ours.items()} == {
        key: theirs[key] for key in ours
    }
    for key, absent in ABSENT.get(name, {}).items():
        assert absent.default == theirs[key], key
        assert absent.sampling or not absent.refusal(absent.default), key


@every_transform
def test_a_value_without_a_name_is_for_the_same_parameter_as_in_albumentations(name):
    ordered = [
        key
        for key, parameter in inspect.signature(TRANSFORMS[name]).parameters.items()
        if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    ]
    theirs = list(parameters_of(name))
    left_out = [key in ABSENT.get(name, {}) for key in theirs]
    assert ordered == theirs[: [*left_out, True].index(True)]


def test_a_chain_reads_pixels_as_albumentations_does_except_beyond_the_border():
    read = {key: absent.default for key, absent in ABSENT["Rotate"].items() if absent.sampling}
    assert read == {"interpolation": 1, "border_mode": 0, "fill": 0, "fill_mask": 0}
    assert from_albumentations(A.Compose([A.Rotate()])).sampling == Sampling(
        interpolation=Sampling().interpolation, border="constant", border_value=0.0, fill=0
    )
    # albumentations 2 fills with black and background, and 1 mirrored image and ids.
    # A black corner is an edge that no picture has, and background there is a wrong label.
    assert (Sampling().border, Sampling().fill) == ("reflect_101", augment.IGNORE)


SHORT_FORMS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("Rotate", (45,), {}),
    ("Rotate", (), {"limit": 12.5, "p": 1}),
    ("RandomCrop", (128, 96), {}),
    ("RandomCrop", (128, 96, True), {"p": 1.0}),
    ("CenterCrop", (64, 32), {}),
    ("Resize", (96, 80), {}),
    ("PadIfNeeded", (), {}),
    ("PadIfNeeded", (32, None, None, 16), {}),
    ("RandomResizedCrop", ((64, 48), (0.5, 1.0)), {}),
    ("HorizontalFlip", (0.25,), {}),
    ("RandomRotate90", (), {}),
    ("ShiftScaleRotate", (0.1, 0.2, 30), {"p": 1}),
    ("ShiftScaleRotate", (), {"shift_limit": 0, "scale_limit": 0.5, "rotate_limit": 0}),
    ("ShiftScaleRotate", (), {"shift_limit_x": 0.3, "shift_limit": (0.0, 0.1)}),
    ("RandomScale", (0.3,), {}),
    ("Affine", (1.5,), {"rotate": 20}),
    ("Affine", ((0.8, 1.2), 0.1), {"shear": 5}),
    ("Affine", ({"x": (0.5, 1.5)}, {"y": 0.25}), {"shear": {"x": (-5, 5), "y": 3}}),
    ("Affine", (), {"translate_percent": (0.0, 0.1), "rotate": (-15, 15), "keep_ratio": True}),
    ("ElasticTransform", (120, 6.0), {}),
    ("ElasticTransform", (), {"noise_distribution": "uniform"}),
    ("GridDistortion", (4, 0.2), {}),
    ("OpticalDistortion", (0.5,), {"mode": "fisheye"}),
    ("Perspective", (0.1,), {}),
    ("RandomBrightnessContrast", (0.1, 0.3, False), {}),
    ("RandomGamma", (150, 0.2), {}),
    ("GaussNoise", ((0.0, 0.1), (0.0, 0.0), False, 0.5, 0.3), {}),
    ("Blur", (9,), {}),
    ("MedianBlur", (5, 0.1), {}),
    ("MotionBlur", (5, False, (0, 90), (0.0, 1.0), 0.9), {}),
    ("CLAHE", (), {}),
    ("CLAHE", (2, (4, 4)), {}),
    ("RGBShift", (10, 15, 25), {}),
    ("RandomSizedCrop", ((50, 101), (64, 64)), {}),
    ("GaussianBlur", (7, 2.0), {}),
    ("HueSaturationValue", (10, 20, 5, 1.0), {}),
    ("Sharpen", ((0.1, 0.3), (0.5, 0.7)), {}),
    ("ToGray", (), {"num_output_channels": 3}),
    ("CoarseDropout", ((1, 3), (8, 16), (8, 16), 0, 0, 0.4), {}),
    ("Normalize", (0.5, 0.25), {"max_pixel_value": 255.0}),
]


@pytest.mark.parametrize(("name", "values", "named"), SHORT_FORMS)
def test_a_short_form_means_what_it_means_in_albumentations(name, values, named):
    (theirs,) = imported(made(name, *values, **named))
    assert TRANSFORMS[name](*values, **named) == theirs


def test_choices_take_a_list_and_a_number():
    flips, parts = (
        (A.HorizontalFlip(), A.Transpose(0.25)),
        (
            augment.HorizontalFlip(),
            augment.Transpose(0.25),
        ),
    )
    for theirs, ours in (
        (A.OneOf(list(flips)), augment.OneOf(list(parts))),
        (A.OneOf(list(flips), 0.75), augment.OneOf(list(parts), 0.75)),
        (A.SomeOf(list(flips), 1), augment.SomeOf(list(parts), 1)),
        (A.SomeOf(list(flips), n=2, replace=False, p=0.5), augment.SomeOf(list(parts), 2, p=0.5)),
    ):
        assert imported(theirs) == (ours,)


def test_every_short_form_is_tried():
    assert {name for name, _, _ in SHORT_FORMS} | {"OneOf", "SomeOf"} | ONLY_P == set(TRANSFORMS)


ONLY_P = {name for name in TRANSFORMS if list(parameters_of(name)) == ["p"]}


def test_every_transform_of_albumentations_is_there_or_has_its_reason():
    kinds = (A.BasicTransform, A.BaseCompose)
    theirs = {
        name
        for name, value in vars(A).items()
        if inspect.isclass(value) and issubclass(value, kinds)
    }
    assert len(theirs) > 120
    assert theirs - {*TRANSFORMS, "Compose"} <= set(MISSING)
    assert not set(MISSING) & {*TRANSFORMS, "Compose"}
    assert set(MISSING) - theirs == {"ToTensorV2", "BboxParams", "KeypointParams"}
    for name, missing in MISSING.items():
        assert not missing.instead or hasattr(augment, missing.instead), name
