"""Transforms as plain values, ready for YAML and JSON, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from tfseg import checks
from tfseg.augment.affine import Affine, RandomScale, Rotate, ShiftScaleRotate
from tfseg.augment.base import Transform
from tfseg.augment.blur import GaussianBlur, Sharpen
from tfseg.augment.color import HueSaturationValue, ToGray
from tfseg.augment.compose import Choice, OneOf, SomeOf
from tfseg.augment.distortion import (
    ElasticTransform,
    GridDistortion,
    OpticalDistortion,
    Perspective,
)
from tfseg.augment.dropout import CoarseDropout
from tfseg.augment.pixel import GaussNoise, Normalize, RandomBrightnessContrast, RandomGamma
from tfseg.augment.policies import POLICIES
from tfseg.augment.sizes import CenterCrop, PadIfNeeded, RandomCrop, RandomResizedCrop, Resize
from tfseg.augment.symmetries import D4, HorizontalFlip, RandomRotate90, Transpose, VerticalFlip
from tfseg.config import frozen

# The one list of all transforms by name: what a configuration may hold.
TRANSFORMS: dict[str, type[Transform]] = {
    kind.__name__: kind
    for kind in (
        *(Affine, Perspective, RandomScale, Rotate, ShiftScaleRotate),
        *(D4, HorizontalFlip, RandomRotate90, Transpose, VerticalFlip),
        *(ElasticTransform, GridDistortion, OpticalDistortion),
        *(CenterCrop, PadIfNeeded, RandomCrop, RandomResizedCrop, Resize),
        *(GaussNoise, GaussianBlur, RandomBrightnessContrast, RandomGamma, Sharpen),
        *(HueSaturationValue, ToGray),
        *(CoarseDropout, Normalize),
        *(OneOf, SomeOf),
    )
}


def from_spec(spec: Iterable[Mapping[str, Any] | str]) -> list[Transform]:
    """Builds transforms from plain values, such as ["light", {"name": "GaussNoise", "p": 1.0}].

    The name of a policy stands for its transforms; see `policies`.

    Raises:
        InputError: an unknown policy, transform or parameter, with the nearest valid name.
    """
    return [transform for entry in spec for transform in _build_all(entry)]


def to_spec(transforms: Iterable[Transform]) -> list[dict[str, Any]]:
    """Returns the plain values of which `from_spec` builds equal transforms."""
    return [
        {"name": type(transform).__name__}
        | {
            field.name: _plain(getattr(transform, field.name))
            for field in dataclasses.fields(transform)
        }
        for transform in transforms
    ]


def _build_all(entry: Mapping[str, Any] | str) -> tuple[Transform, ...]:
    if isinstance(entry, str) and entry in POLICIES:
        return POLICIES[entry]()
    if not isinstance(entry, Mapping) or "name" not in entry:
        hint = checks.nearest(entry, POLICIES) if isinstance(entry, str) else ""
        raise checks.InputError(
            f'augment must be a list of {{"name": ...}} and of the policies {", ".join(POLICIES)}; '
            f"got {entry!r}.{hint}"
        )
    return (_build(entry),)


def _build(entry: Mapping[str, Any]) -> Transform:
    name = entry["name"]
    checks.one_of("augment.name", name, TRANSFORMS)
    kind = TRANSFORMS[name]
    parameters = {parameter.name: parameter for parameter in dataclasses.fields(kind)}
    arguments: dict[str, Any] = {}
    for key, value in entry.items():
        if key == "name":
            continue
        checks.one_of(f"A parameter of {name}", key, parameters)
        parts = issubclass(kind, Choice) and key == "transforms" and isinstance(value, list | tuple)
        arguments[key] = tuple(from_spec(value)) if parts else frozen(value)
    missing = [
        key
        for key, parameter in parameters.items()
        if parameter.default is dataclasses.MISSING and key not in arguments
    ]
    if missing:
        raise checks.InputError(f"{name} needs {', '.join(missing)}; got {dict(entry)!r}.")
    return kind(**arguments)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        if value and isinstance(value[0], Transform):
            return to_spec(value)
        return [_plain(item) for item in value]
    return value
