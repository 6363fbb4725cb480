"""Chains as pipelines of albumentations 2.0; albumentations itself is not needed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from tfseg import checks
from tfseg.augment.base import Transform
from tfseg.augment.chain import Chain, Sampling
from tfseg.augment.compose import OneOf, SomeOf
from tfseg.augment.parameters import ABSENT, NUMBERS
from tfseg.augment.spec import TRANSFORMS
from tfseg.ids import IGNORE

_VERSION = "2.0.8"
_CLASS = "__class_fullname__"
_KINDS = dict(TRANSFORMS)  # without those that a user adds


def to_albumentations(chain: Chain, *, max_pixel_value: float = 255.0) -> dict[str, Any]:
    """Returns a chain as plain values, from which `A.from_dict` builds the pipeline.

    It is what `A.to_dict` returns of that pipeline, so `from_albumentations` reads it. The
    transforms keep their order, in which those of albumentations act one by one; ids beyond a
    border that is not constant are mirrored there. The docstrings of transforms describe further
    differences.

    Args:
        chain: of transforms that albumentations has.
        max_pixel_value: the largest value of the images that the pipeline is for, above 0: 255 for
            8 bits, 1 for floats.

    Raises:
        InputError: transforms or settings have no equivalent in albumentations. The message names
            all of them, such as "Chain.SomeOf[1].n"; [k] is a position in a list.
    """
    checks.in_range("max_pixel_value", max_pixel_value, low=1e-6)
    export = _Export(chain.sampling, max_pixel_value)
    entries = export.entries(chain.transforms, "Chain")
    if export.problems:
        raise checks.InputError(
            "\n- ".join(
                (
                    "The chain has parts that albumentations does not have; change or remove them:",
                    *export.problems,
                )
            )
        )
    pipeline = {
        _CLASS: "Compose",
        "p": 1.0,
        "transforms": entries,
        "bbox_params": None,
        "keypoint_params": None,
        "additional_targets": dict.fromkeys(chain.sampling.others, "mask"),
        "is_check_shapes": True,
    }
    return {"__version__": _VERSION, "transform": pipeline}


class _Export:
    """Converts transforms, and collects problems."""

    def __init__(self, sampling: Sampling, max_pixel_value: float) -> None:
        self.max_pixel_value = max_pixel_value
        self.problems: list[str] = []
        if sampling.dtype != "float32":
            self.problems.append(f"Sampling.dtype must be 'float32'; got {sampling.dtype!r}")
        for name, interpolation in sampling.others.items():
            if interpolation != "nearest":
                self.problems.append(
                    f"Sampling.others[{name!r}] must be 'nearest'; got {interpolation!r}"
                )
        is_constant = sampling.border == "constant"
        if not is_constant and sampling.fill != IGNORE:
            self.problems.append(
                f"Sampling.fill must be {IGNORE} for the border {sampling.border!r}; "
                f"got {sampling.fill!r}"
            )
        self._sampling = {
            "interpolation": _number("interpolation", sampling.interpolation),
            "border_mode": _number("border_mode", sampling.border),
            "fill": sampling.border_value * max_pixel_value if is_constant else 0.0,
            "fill_mask": sampling.fill if is_constant else 0,
        }

    def entries(self, transforms: Any, path: str) -> list[dict[str, Any]]:
        """Returns the entries of the parts of `path`."""
        return [
            self._entry(transform, f"{path}.{type(transform).__name__}[{k}]")
            for k, transform in enumerate(transforms)
        ]

    def _entry(self, transform: Transform, path: str) -> dict[str, Any]:
        name = type(transform).__name__
        if _KINDS.get(name) is not type(transform):
            self.problems.append(f"{path} is not a transform of albumentations")
            return {}
        if isinstance(transform, OneOf | SomeOf):
            return self._choice(transform, path)
        values = {
            field.name: getattr(transform, field.name) for field in dataclasses.fields(transform)
        }
        if name in _CONVERSIONS:
            values |= _CONVERSIONS[name](values, self.max_pixel_value)
        return {_CLASS: name, **self._absent(name), **values}

    def _choice(self, choice: OneOf | SomeOf, path: str) -> dict[str, Any]:
        parts = self.entries(choice.transforms, path)
        if isinstance(choice, OneOf):
            # The p of a part is only its weight here; SomeOf of albumentations draws with it again.
            wrapped = [
                _sequence([part | {"p": 1.0}], part["p"]) if part.get(_CLASS) == "SomeOf" else part
                for part in parts
            ]
            return {_CLASS: "OneOf", "p": choice.p, "transforms": wrapped}
        if choice.n == (len(parts),) * 2:
            return _sequence(parts, choice.p)
        least, most = choice.n if isinstance(choice.n, tuple) else (choice.n, choice.n)
        if least != most:
            self.problems.append(f"{path}.n must be one number; got {choice.n!r}")
        entry = {_CLASS: "SomeOf", "p": choice.p, "transforms": parts, "n": least}
        return entry | self._absent("SomeOf")

    def _absent(self, name: str) -> dict[str, Any]:
        """Returns the parameters that tfseg leaves out, with what they mean in the chain."""
        return {
            key: self._sampling.get(key, absent.default)
            for key, absent in ABSENT.get(name, {}).items()
        }


def _sequence(parts: list[dict[str, Any]], p: float) -> dict[str, Any]:
    return {_CLASS: "Sequential", "p": p, "transforms": parts}


def _number(parameter: str, name: str) -> int:
    """Returns OpenCV's number for the name of a border or an interpolation."""
    return next(number for number, known in NUMBERS[parameter].items() if known == name)


def _affine(values: dict[str, Any], _: float) -> dict[str, Any]:
    return {name: _axes(values[name]) for name in ("scale", "translate_percent", "shear")}


def _axes(limits: Any) -> dict[str, Any]:
    y, x = limits if isinstance(limits[0], tuple) else (limits, limits)
    return {"x": x, "y": y}


def _coarse_dropout(values: dict[str, Any], max_pixel_value: float) -> dict[str, Any]:
    return {"fill": values["fill"] * max_pixel_value}


def _normalize(values: dict[str, Any], max_pixel_value: float) -> dict[str, Any]:
    numbers = {
        name: values[name][0] if len(values[name]) == 1 else values[name]
        for name in ("mean", "std")
    }
    return {**numbers, "max_pixel_value": max_pixel_value}


def _shift_scale_rotate(values: dict[str, Any], _: float) -> dict[str, Any]:
    axes = ("shift_limit_x", "shift_limit_y")
    return {name: values[name] or values["shift_limit"] for name in axes}


_CONVERSIONS: dict[str, Callable[[dict[str, Any], float], dict[str, Any]]] = {
    "Affine": _affine,
    "CoarseDropout": _coarse_dropout,
    "Normalize": _normalize,
    "ShiftScaleRotate": _shift_scale_rotate,
}
