"""Names, parameters, defaults and short forms are those of the installed albumentations."""

from __future__ import annotations

import dataclasses
import inspect
import os
import warnings
from typing import Any

import numpy as np
import pytest

from tfseg import augment, random
from tfseg.augment import TRANSFORMS, Chain, Sampling, from_albumentations, to_albumentations
from tfseg.augment.names import MISSING
from tfseg.augment.parameters import ABSENT

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # or it looks for newer versions online
A = pytest.importorskip("albumentations", reason="comes with the extra dev")

NAMES = sorted(name for name in TRANSFORMS if hasattr(A, name))
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


@pytest.mark.parametrize(
    "text",
    [
        "A.OneOf([A.HorizontalFlip(), A.Transpose(0.25)])",
        "A.OneOf([A.HorizontalFlip(), A.Transpose(0.25)], 0.75)",
        "A.SomeOf([A.HorizontalFlip(), A.Transpose(0.25)], 1)",
        "A.SomeOf([A.HorizontalFlip(), A.Transpose(0.25)], n=1, replace=False, p=0.5)",
    ],
)
def test_choices_take_a_list_and_a_number(text):
    assert imported(eval(text, {"A": A})) == (eval(text, {"A": augment}),)


def test_every_short_form_is_tried():
    assert {name for name, _, _ in SHORT_FORMS} | {"OneOf", "SomeOf"} | ONLY_P == set(NAMES)


ONLY_P = {name for name in NAMES if list(parameters_of(name)) == ["p"]}


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


def rebuilt(chain: augment.Chain) -> Any:
    """Returns the pipeline that albumentations builds, without a warning of a parameter."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "ShiftScaleRotate is a special case", UserWarning)
        return A.from_dict(to_albumentations(chain))


def test_albumentations_builds_every_transform_from_what_a_chain_is_written_as():
    parts = [TRANSFORMS[name](*values, **named) for name, values, named in SHORT_FORMS]
    parts[:0] = [TRANSFORMS[name]() for name in sorted(ONLY_P)]
    some = augment.SomeOf((augment.Transpose(), augment.ToGray(), augment.D4()), 2, p=0.5)
    parts[:0] = [augment.OneOf((augment.VerticalFlip(0.2), augment.RandomGamma())), some]
    sampling = Sampling(interpolation="bicubic", border="constant", border_value=0.2, fill=7)
    chain = Chain(parts, sampling=sampling)
    back = from_albumentations(rebuilt(chain))
    assert list(back.transforms) == parts
    assert back.sampling == sampling


def test_a_rebuilt_pipeline_runs():
    turn, flip = augment.Rotate((90, 90), p=1.0), augment.HorizontalFlip(1.0)
    chain = Chain([turn, flip, augment.Normalize(0.5, 0.5)])
    label = np.arange(64, dtype=np.int32).reshape(8, 8)
    image = label.astype(np.uint8)[..., None].repeat(3, axis=-1)
    result = rebuilt(chain)(image=image, mask=label)
    moved = chain({"image": image, "label": label}, random.root(0))
    np.testing.assert_array_equal(result["mask"], moved["label"])
    np.testing.assert_allclose(result["image"], moved["image"], atol=1e-6)


@pytest.mark.parametrize("data_format", ["json", "yaml"])
def test_a_saved_pipeline_is_read(data_format, tmp_path):
    pipeline = A.Compose([A.HorizontalFlip(0.1), A.Rotate((1e-5, 45)), A.OneOf([A.ToGray()])])
    A.save(pipeline, tmp_path / "pipeline", data_format=data_format)
    chain = from_albumentations(tmp_path / "pipeline")
    assert chain.transforms == from_albumentations(pipeline).transforms
    assert chain.transforms[1] == augment.Rotate((1e-5, 45))
