"""Conversion of parameters of transforms from albumentations 2.0.8 to tfseg."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

SEQUENCES = ("Compose", "Sequential")
# Parameters of the classes that tfseg names differently.
ACCEPTED = {"NoOp": ("p",)} | dict.fromkeys(SEQUENCES, ("p", "transforms"))
ANY = object()

_MOVED = dict.fromkeys(("interpolation", "mask_interpolation"), ANY)
_BORDERED = dict.fromkeys(("border_mode", "fill", "fill_mask"), ANY)
_BENT = _MOVED | _BORDERED | {"keypoint_remapping_method": ANY}
_TURNED = _MOVED | _BORDERED | {"rotate_method": ANY}  # of boxes
_RESIZED = _MOVED | {"area_for_downscale": None}
_PADDED = {"padding": ANY, "pad_height_divisor": None, "pad_width_divisor": None}
# Parameters without an equivalent in tfseg, with the required value: `ANY` for those that do not
# affect image and ids, or that are converted separately.
REQUIRED_VALUES: dict[str, dict[str, Any]] = {
    "Affine": _TURNED | {"balanced_scale": False, "fit_output": False, "translate_px": None},
    "CenterCrop": _BORDERED | {"pad_if_needed": ANY, "pad_position": "center"},
    "Compose": dict.fromkeys(
        ("additional_targets", "bbox_params", "keypoint_params", "is_check_shapes"), ANY
    ),
    "CoarseDropout": {"fill_mask": ANY},
    "ElasticTransform": _BENT | {"approximate": False},
    "GridDistortion": _BENT,
    "Normalize": {"normalization": "standard", "max_pixel_value": ANY},
    "OpticalDistortion": _BENT,
    "PadIfNeeded": _BORDERED | _PADDED | {"position": "center"},
    "Perspective": _MOVED | _BORDERED | {"fit_output": False, "keep_size": True},
    "RandomBrightnessContrast": {"ensure_safe_range": False},
    "RandomCrop": _BORDERED | {"pad_if_needed": False, "pad_position": ANY},
    "RandomResizedCrop": _RESIZED,
    "RandomScale": _RESIZED,
    "RandomSizedCrop": _RESIZED,
    "Resize": _RESIZED,
    # Those of the class that RGBShift is made of; the last repeats its limits.
    "RGBShift": {"approximation": 1.0, "noise_type": "uniform", "spatial_mode": "constant"}
    | {"noise_params": ANY},
    "Rotate": _TURNED | {"crop_border": False},
    # The last two belong to the method "gaussian".
    "Sharpen": {"method": "kernel", "kernel_size": ANY, "sigma": ANY},
    "ShiftScaleRotate": _TURNED,
    "SomeOf": {"replace": False},
    "ToGray": {"method": "weighted_average", "num_output_channels": 3},
}
# The numbers of OpenCV for borders and interpolations.
NUMBERS = {
    "border_mode": dict(enumerate(("constant", "nearest", "reflect", "wrap", "reflect_101"))),
    "interpolation": {0: "nearest", 1: "bilinear", 2: "bicubic", 5: "bilinear", 6: "nearest"},
    "mask_interpolation": {0: "nearest", 6: "nearest"},
}


def values_of(name: str, entry: Mapping[str, Any], max_pixel_value: float) -> dict[str, Any]:
    """Returns `entry` with the parameters that transform `name` has in tfseg; lists are tuples.

    Raises:
        LookupError: a parameter is missing.
        TypeError: a parameter has the wrong type.
    """
    if name not in _CONVERSIONS:
        return dict(entry)
    return {**entry, **_CONVERSIONS[name](entry, max_pixel_value)}


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
        "fill_label": integer(single(entry["fill_mask"])),
    }


def _normalize(entry: Mapping[str, Any], max_pixel_value: float) -> dict[str, Any]:
    largest = entry["max_pixel_value"] / max_pixel_value
    numbers = {
        name: entry[name] if isinstance(entry[name], tuple) else (entry[name],)
        for name in ("mean", "std")
    }
    return {name: tuple(value * largest for value in values) for name, values in numbers.items()}


def _some_of(entry: Mapping[str, Any], _: float) -> dict[str, Any]:
    return {"n": (entry["n"], entry["n"])}


_CONVERSIONS: dict[str, Callable[[Mapping[str, Any], float], dict[str, Any]]] = {
    "Affine": _affine,
    "CoarseDropout": _coarse_dropout,
    "Normalize": _normalize,
    "ShiftScaleRotate": _shift_scale_rotate,
    "SomeOf": _some_of,
}


def _per_axis(limits: Mapping[str, Any]) -> tuple:
    return limits["y"] if limits["y"] == limits["x"] else (limits["y"], limits["x"])
