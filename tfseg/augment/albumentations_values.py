"""Conversion of parameters of transforms from albumentations 2.0.8 to tfseg."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tfseg.augment.parameters import ABSENT, NUMBERS, Absent

SEQUENCES = ("Compose", "Sequential")
# Parameters of the classes that tfseg names differently.
ACCEPTED = {"NoOp": ("p",)} | dict.fromkeys(SEQUENCES, ("p", "transforms"))

_FREE = Absent(None)  # read elsewhere, or without an effect on image and ids
_FURTHER = {
    "Compose": ("additional_targets", "bbox_params", "keypoint_params", "is_check_shapes"),
    "Normalize": ("max_pixel_value",),
}
# What `A.to_dict` writes of a class that is made of another, though it is no parameter.
WRITTEN = {
    "PadIfNeeded": {"padding": Absent(0)},
    "RGBShift": {
        "approximation": Absent(1.0, (1.0,)),
        "noise_params": Absent(None),  # its limits again
        "noise_type": Absent("uniform", ("uniform",)),
        "spatial_mode": Absent("constant", ("constant",)),
    },
}


def absent_from(name: str) -> dict[str, Absent]:
    """Returns the parameters of a serialized transform `name` that its class in tfseg lacks."""
    absent = ABSENT.get(name, {}) | WRITTEN.get(name, {})
    return absent | dict.fromkeys((*_FURTHER.get(name, ()), *(absent.keys() & NUMBERS)), _FREE)


def values_of(name: str, entry: Mapping[str, Any], max_pixel_value: float) -> dict[str, Any]:
    """Returns `entry` with the parameters that transform `name` has in tfseg; lists are tuples.

    Raises:
        LookupError: a parameter is missing.
        TypeError: a parameter has the wrong type.
    """
    values = {key: absent.default for key, absent in WRITTEN.get(name, {}).items()} | dict(entry)
    if name in _CONVERSIONS:
        values |= _CONVERSIONS[name](entry, max_pixel_value)
    return values


def single(value: Any) -> Any:
    """Returns the number if all channels have the same, and anything else unchanged."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


def share(value: Any, max_pixel_value: float) -> Any:
    """Scales a number by `max_pixel_value` to [0, 1]; returns anything else unchanged."""
    return value / max_pixel_value if isinstance(value, int | float) else value


def integer(value: Any) -> Any:
    """Returns an id as an int, and anything else unchanged."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _affine(entry: Mapping[str, Any], _: float) -> dict[str, Any]:
    nothing = {"x": (0.0, 0.0), "y": (0.0, 0.0)}
    return {
        "scale": _per_axis(entry["scale"]),
        "shear": _per_axis(entry["shear"]),
        "translate_percent": _per_axis(entry["translate_percent"] or nothing),
        "translate_px": None if entry["translate_px"] == nothing else entry["translate_px"],
    }


def _shift_scale_rotate(entry: Mapping[str, Any], _: float) -> dict[str, Any]:
    y, x = entry["shift_limit_y"], entry["shift_limit_x"]
    return {
        "shift_limit": y,
        "shift_limit_y": None,
        "shift_limit_x": None if x == y else x,
        # Written as 1 + limit - 1, such as -0.09999999999999998.
        "scale_limit": tuple(round(limit, 12) for limit in entry["scale_limit"]),
    }


def _coarse_dropout(entry: Mapping[str, Any], max_pixel_value: float) -> dict[str, Any]:
    # The height decides whether both are in pixels.
    number = int if entry["hole_height_range"][1] >= 1 else float
    return {
        "hole_height_range": tuple(map(number, entry["hole_height_range"])),
        "hole_width_range": tuple(map(number, entry["hole_width_range"])),
        "fill": share(single(entry["fill"]), max_pixel_value),
        "fill_mask": integer(single(entry["fill_mask"])),
    }


def _normalize(entry: Mapping[str, Any], max_pixel_value: float) -> dict[str, Any]:
    largest = entry["max_pixel_value"] / max_pixel_value
    numbers = {
        name: entry[name] if isinstance(entry[name], tuple) else (entry[name],)
        for name in ("mean", "std")
    }
    return {name: tuple(value * largest for value in values) for name, values in numbers.items()}


def _crop(entry: Mapping[str, Any], _: float) -> dict[str, Any]:
    position = entry["pad_position"]
    # Without padding, its position means nothing.
    return {"pad_position": position if entry["pad_if_needed"] else "center"}


_CONVERSIONS: dict[str, Callable[[Mapping[str, Any], float], dict[str, Any]]] = {
    "Affine": _affine,
    "CenterCrop": _crop,
    "CoarseDropout": _coarse_dropout,
    "Normalize": _normalize,
    "RandomCrop": _crop,
    "ShiftScaleRotate": _shift_scale_rotate,
}


def _per_axis(limits: Mapping[str, Any]) -> tuple:
    return limits["y"] if limits["y"] == limits["x"] else (limits["y"], limits["x"])
