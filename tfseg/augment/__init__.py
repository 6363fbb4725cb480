"""Augmentation as graph operations: image and instance ids through one field and one resample."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from tfseg import checks
from tfseg.augment.base import Geometric, Pixel, Transform
from tfseg.augment.chain import IGNORE, Chain
from tfseg.augment.geometric import HorizontalFlip, RandomRotate90, ShiftScaleRotate, VerticalFlip
from tfseg.augment.pixel import GaussNoise, RandomBrightnessContrast, RandomGamma

TRANSFORMS: dict[str, type[Transform]] = {
    "GaussNoise": GaussNoise,
    "HorizontalFlip": HorizontalFlip,
    "RandomBrightnessContrast": RandomBrightnessContrast,
    "RandomGamma": RandomGamma,
    "RandomRotate90": RandomRotate90,
    "ShiftScaleRotate": ShiftScaleRotate,
    "VerticalFlip": VerticalFlip,
}

__all__ = [
    "IGNORE",
    "TRANSFORMS",
    "Chain",
    "GaussNoise",
    "Geometric",
    "HorizontalFlip",
    "Pixel",
    "RandomBrightnessContrast",
    "RandomGamma",
    "RandomRotate90",
    "ShiftScaleRotate",
    "Transform",
    "VerticalFlip",
    "from_spec",
]


def from_spec(spec: Iterable[Mapping[str, Any]]) -> list[Transform]:
    """Builds transforms from plain values, such as [{"name": "GaussNoise", "p": 1.0}].

    Raises:
        InputError: an unknown transform or parameter, with the nearest valid name.
    """
    transforms = []
    for entry in spec:
        if not isinstance(entry, Mapping) or "name" not in entry:
            raise checks.InputError(f'augment must be a list of {{"name": ...}}; got {entry!r}.')
        name = entry["name"]
        checks.one_of("augment.name", name, TRANSFORMS)
        kind = TRANSFORMS[name]
        known = {parameter.name for parameter in dataclasses.fields(kind)}
        for key in entry:
            if key != "name":
                checks.one_of(f"A parameter of {name}", key, known)
        transforms.append(
            kind(
                **{
                    key: tuple(value) if isinstance(value, list) else value
                    for key, value in entry.items()
                    if key != "name"
                }
            )
        )
    return transforms
