"""Parameters that transforms of albumentations 2.0.8 have and those of tfseg leave out.

The one table of them: constructors and `from_albumentations` refuse by it, `to_albumentations`
completes by it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tfseg import checks
from tfseg.config.fields import is_required

# The numbers of OpenCV for borders and interpolations.
NUMBERS: dict[str, dict[int, str]] = {
    "border_mode": dict(enumerate(("constant", "nearest", "reflect", "wrap", "reflect_101"))),
    "interpolation": {0: "nearest", 1: "bilinear", 2: "bicubic", 5: "bilinear", 6: "nearest"},
    "mask_interpolation": {0: "nearest", 6: "nearest"},
}


class Absent(NamedTuple):
    """A parameter that tfseg leaves out.

    Attributes:
        default: its value in albumentations if it is not given.
        accepted: the values that mean what tfseg does; empty if all do.
        reason: why there is no other value and what to write instead, or why all are accepted.
        sampling: the parameter of `Sampling` in its place; "" without one.
    """

    default: Any
    accepted: tuple[Any, ...] = ()
    reason: str = ""
    sampling: str = ""

    def refusal(self, value: Any) -> str:
        """Returns the rule that `value` breaks, or "" if it breaks none."""
        if self.accepted and value not in self.accepted:
            return f"must be {self.accepted[0]!r}"
        return ""


_READ = {
    "interpolation": Absent(1, sampling="interpolation"),
    "mask_interpolation": Absent(0, (0, 6), "Ids are those of the nearest pixel (cv2: 0 or 6)."),
}
_FILLED = {
    "border_mode": Absent(0, sampling="border"),
    "fill": Absent(0, sampling="border_value"),
    "fill_mask": Absent(0, sampling="fill"),
}
_STATIC = "Shapes are static, so the size stays."
_CENTERED = "A picture is padded on all sides."
_RESIZED = _READ | {"area_for_downscale": Absent(None, (None,), "Nothing is averaged.")}
_TURNED = _READ | _FILLED | {"rotate_method": Absent("largest_box", reason="It is for boxes.")}
_BENT = (
    _READ | _FILLED | {"keypoint_remapping_method": Absent("mask", reason="It is for key points.")}
)
_CROPPED = _FILLED | {"pad_position": Absent("center", ("center",), _CENTERED)}
ABSENT: dict[str, dict[str, Absent]] = {
    "Affine": _TURNED
    | {
        "translate_px": Absent(None, (None,), "Give translate_percent, shares of the size."),
        "fit_output": Absent(False, (False,), _STATIC),
        "balanced_scale": Absent(False, (False,), "Every enlargement is as likely as another."),
    },
    "CenterCrop": _CROPPED,
    "ElasticTransform": _BENT
    | {
        "approximate": Absent(False, (False,), "There is one, exact, smoothing."),
    },
    "GridDistortion": _BENT,
    "Normalize": {
        "max_pixel_value": Absent(
            255.0, (255,), "Images are in [0, 1] for every bit depth: so are mean and std."
        ),
        "normalization": Absent(
            "standard",
            ("standard",),
            "An image is scaled by its percentiles before: see model.limits.",
        ),
    },
    "OpticalDistortion": _BENT,
    "PadIfNeeded": _FILLED | {"position": Absent("center", ("center",), _CENTERED)},
    "Perspective": _READ
    | _FILLED
    | {
        "keep_size": Absent(True, (True,), _STATIC),
        "fit_output": Absent(False, (False,), _STATIC),
    },
    "RandomBrightnessContrast": {
        "ensure_safe_range": Absent(False, (False,), "The result is clipped to [0, 1].")
    },
    "RandomCrop": _CROPPED,
    "RandomResizedCrop": _RESIZED,
    "RandomScale": _RESIZED,
    "RandomSizedCrop": _RESIZED,
    "Resize": _RESIZED,
    "Rotate": _TURNED | {"crop_border": Absent(False, (False,), _STATIC)},
    "Sharpen": {
        "method": Absent("kernel", ("kernel",), "The method 'gaussian' is left out."),
        "kernel_size": Absent(5, reason="It is for the method 'gaussian'."),
        "sigma": Absent(1.0, reason="It is for the method 'gaussian'."),
    },
    "ShiftScaleRotate": _TURNED,
    "SomeOf": {"replace": Absent(False, (False,), "No part is picked twice.")},
    "ToGray": {
        "num_output_channels": Absent(3, (3,), "Shapes are static, so the channels stay."),
        "method": Absent("weighted_average", ("weighted_average",), "The others are left out."),
    },
}


def checked(kind: type, values: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments in `named` that are fields of the transform `kind`.

    Those of albumentations that mean what tfseg does are left out.

    Raises:
        InputError: too many `values` without a name, a missing or an unknown argument, or one that
            tfseg leaves out, with the reason and what to write instead.
    """
    fields = dataclasses.fields(kind)
    names = [field.name for field in fields]
    ordered = [field.name for field in fields if not field.kw_only]
    if len(values) > len(ordered):
        listed = f" ({', '.join(ordered)})" if ordered else ""
        raise checks.InputError(
            f"{kind.__name__} must have at most {len(ordered)} values without a name{listed}; got "
            f"{len(values)}. Name the others, such as p=0.5."
        )
    for name, value in named.items():
        if name not in names:
            _check_absent(kind.__name__, name, value, names)
    given = {*ordered[: len(values)], *named}
    required = [field.name for field in fields if is_required(field)]
    if missing := [name for name in required if name not in given]:
        got = ", ".join(field.name for field in fields if field.name in given) or "nothing"
        raise checks.InputError(f"{kind.__name__} needs {', '.join(missing)}; got {got}.")
    return {name: value for name, value in named.items() if name in names}


def _check_absent(kind: str, name: str, value: Any, names: Sequence[str]) -> None:
    absent = ABSENT.get(kind, {}).get(name)
    if absent is None:
        checks.one_of(f"A parameter of {kind}", name, names)
    elif absent.sampling:
        words = NUMBERS.get(name, {})
        setting = repr(words[value]) if isinstance(value, int) and value in words else "..."
        raise checks.InputError(
            f"{kind}.{name} must be left out, because a chain reads image and ids only once; got "
            f"{value!r}. Give the chain Sampling({absent.sampling}={setting})."
        )
    elif rule := absent.refusal(value):
        raise checks.InputError(f"{kind}.{name} {rule}; got {value!r}. {absent.reason}")
