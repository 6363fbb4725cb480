"""Transforms as plain values, ready for YAML and JSON, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tfseg import calls, checks
from tfseg.augment import compose, names, parameters
from tfseg.augment.affine import Affine, RandomScale, Rotate, ShiftScaleRotate
from tfseg.augment.base import Geometric, Pixel, Transform
from tfseg.augment.blur import Blur, GaussianBlur, MedianBlur, MotionBlur, Sharpen
from tfseg.augment.chain import Sampling
from tfseg.augment.color import HueSaturationValue, RGBShift, ToGray
from tfseg.augment.compose import Choice, OneOf, SomeOf
from tfseg.augment.distortion import (
    ElasticTransform,
    GridDistortion,
    OpticalDistortion,
    Perspective,
)
from tfseg.augment.dropout import CoarseDropout
from tfseg.augment.mix import CopyPaste
from tfseg.augment.pixel import (
    CLAHE,
    GaussNoise,
    Normalize,
    RandomBrightnessContrast,
    RandomGamma,
)
from tfseg.augment.policies import POLICIES
from tfseg.augment.sizes import (
    CenterCrop,
    PadIfNeeded,
    RandomCrop,
    RandomResizedCrop,
    RandomSizedCrop,
    Resize,
)
from tfseg.augment.symmetries import D4, HorizontalFlip, RandomRotate90, Transpose, VerticalFlip
from tfseg.config import frozen, registry

# The one list of all transforms of a single image by name: what a configuration may hold.
TRANSFORMS: dict[str, type[Transform]] = {
    kind.__name__: kind
    for kind in (
        *(Affine, Perspective, RandomScale, Rotate, ShiftScaleRotate),
        *(D4, HorizontalFlip, RandomRotate90, Transpose, VerticalFlip),
        *(ElasticTransform, GridDistortion, OpticalDistortion),
        *(CenterCrop, PadIfNeeded, RandomCrop, RandomResizedCrop, RandomSizedCrop, Resize),
        *(Blur, GaussianBlur, MedianBlur, MotionBlur, Sharpen),
        *(CLAHE, GaussNoise, RandomBrightnessContrast, RandomGamma),
        *(HueSaturationValue, RGBShift, ToGray),
        *(CoarseDropout, Normalize),
        *(OneOf, SomeOf),
    )
}
# Other entries of a configuration, each at most once, with the parameters it may set: see `plan`.
_OTHERS: dict[str, tuple[type, tuple[str, ...]]] = {
    "CopyPaste": (CopyPaste, ("p", "share")),
    "Sampling": (Sampling, ("interpolation", "border", "border_value", "fill")),
}


class Plan(NamedTuple):
    """What `augment` in a configuration means.

    Attributes:
        transforms: of one image, in the order in which they act.
        copy_paste: acts on the batch after the transforms; None without that entry.
        sampling: interpolation and border of transforms and crops.
    """

    transforms: list[Transform]
    copy_paste: CopyPaste | None
    sampling: Sampling


def plan(spec: Iterable[Mapping[str, Any] | str]) -> Plan:
    """Builds the transforms and settings of `augment` in a configuration.

    Entries are as in `from_spec`, and also {"name": "CopyPaste", "p": ..., "share": ...} as the
    last transform, and {"name": "Sampling", "border": ..., "fill": ...} in any position.

    Raises:
        InputError: as in `from_spec`, or CopyPaste or Sampling occurs twice, or CopyPaste is not
            the last transform.
    """
    transforms: list[Mapping[str, Any] | str] = []
    others: dict[str, Any] = {}
    for entry in spec:
        name = str(entry.get("name")) if isinstance(entry, Mapping) else ""
        if name in others:
            raise checks.InputError(f"augment must have at most one {name}; got also {entry!r}.")
        if isinstance(entry, Mapping) and name in _OTHERS:
            others[name] = _build_other(entry, *_OTHERS[name])
        elif "CopyPaste" in others:
            raise checks.InputError(
                "CopyPaste must be the last transform of augment, because it acts on batches; got "
                f"{entry!r} after it. Put CopyPaste at the end."
            )
        else:
            transforms.append(entry)
    sampling = others.get("Sampling", Sampling())
    return Plan(from_spec(transforms), others.get("CopyPaste"), sampling)


@calls.check
def from_spec(spec: Iterable[Mapping[str, Any] | str]) -> list[Transform]:
    """Builds transforms from plain values, such as ["light", {"name": "GaussNoise", "p": 1.0}].

    The name of a policy is replaced by its transforms (see `policies`).

    Raises:
        InputError: an unknown policy, transform or parameter, with the nearest valid name.
    """
    return [transform for entry in spec for transform in _build_all(entry)]


@calls.check
def to_spec(transforms: Iterable[Transform]) -> list[dict[str, Any]]:
    """Returns the plain values from which `from_spec` builds equal transforms.

    Raises:
        InputError: not a list of transforms.
    """
    compose.check_transforms("transforms", list(transforms))
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
    name = entry["name"]
    if isinstance(name, str) and name in names.MISSING and name not in TRANSFORMS:
        advice = names.MISSING[name].advice()
        raise checks.InputError(
            f"augment.name must be a transform of tfseg; got {name!r}: {advice}."
        )
    checks.one_of("augment.name", name, [*TRANSFORMS, *_OTHERS])
    if name in _OTHERS:
        raise checks.InputError(
            f"{name} must be an entry of augment in a configuration, outside of OneOf and SomeOf; "
            "it is not a transform of a single image."
        )
    kind = TRANSFORMS[name]
    arguments = {key: _argument(kind, key, value) for key, value in entry.items() if key != "name"}
    return (kind(**parameters.checked(kind, (), arguments)),)


def _argument(kind: type[Transform], key: str, value: Any) -> Any:
    parts = issubclass(kind, Choice) and key == "transforms" and isinstance(value, list | tuple)
    return tuple(from_spec(value)) if parts else frozen(value)


def _build_other(entry: Mapping[str, Any], kind: type, known: Iterable[str]) -> Any:
    """Returns a `kind` with the parameters of an entry, which must be among `known`."""
    arguments = {key: frozen(value) for key, value in entry.items() if key != "name"}
    for key in arguments:
        checks.one_of(f"A parameter of {entry['name']}", key, known)
    return kind(**arguments)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        if value and isinstance(value[0], Transform):
            return to_spec(value)
        return [_plain(item) for item in value]
    return value


def _check(kind: type[Transform]) -> None:
    """Checks what a registered transform must have: a way to act, and parameters as in YAML.

    Raises:
        InputError: something is missing.
    """
    registry.check_dataclass("transform", kind)
    if not issubclass(kind, Geometric | Pixel | Choice):
        raise checks.InputError(
            f"The transform {kind.__name__} must inherit augment.Pixel, augment.AffineMove or "
            "augment.Geometric, which say how it acts. Inherit one of them."
        )
    fields = {parameter.name for parameter in dataclasses.fields(kind)}
    if "p" not in fields:
        raise checks.InputError(
            f"The transform {kind.__name__} must have the parameter p, its probability. Add `p: "
            "float = 0.5` as its last field."
        )
    if "name" in fields:
        raise checks.InputError(
            f"The transform {kind.__name__} must not have a parameter called name; in a "
            "configuration it is the name of the transform. Rename it."
        )


registry.declare(
    registry.Kind(
        name="transform", base=Transform, tables=(TRANSFORMS,), reserved=_OTHERS, check=_check
    )
)
