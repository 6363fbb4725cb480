"""Pipelines of albumentations 2.0 as chains; albumentations itself is not needed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tfseg import checks
from tfseg.augment import names
from tfseg.augment.affine import Affine
from tfseg.augment.albumentations_values import (
    ACCEPTED,
    SEQUENCES,
    absent_from,
    integer,
    share,
    single,
    values_of,
)
from tfseg.augment.base import Transform
from tfseg.augment.chain import Chain, Sampling
from tfseg.augment.compose import SomeOf
from tfseg.augment.parameters import NUMBERS
from tfseg.augment.spec import TRANSFORMS
from tfseg.augment.symmetries import D4
from tfseg.config import frozen
from tfseg.config.fields import is_required

_CLASS = "__class_fullname__"
# NoOp is an affine transform that changes nothing, and a sequence is a choice of all its parts.
_KINDS = TRANSFORMS | {"NoOp": Affine, "SquareSymmetry": D4} | dict.fromkeys(SEQUENCES, SomeOf)


def from_albumentations(pipeline: Any, *, max_pixel_value: float = 255.0) -> Chain:
    """Converts a pipeline of albumentations 2.0 to a chain; its `transforms` suit `to_spec`.

    Border, fill and interpolation must be the same in all transforms, and become the chain's
    `sampling`; additional targets become its `others`. The docstrings of transforms describe
    differences from albumentations. As in every chain, pixel-level transforms act after all
    geometric ones, and ids beyond the border are never mirrored: unless the border is constant,
    they become `IGNORE`. Settings of boxes and key points are ignored, because both follow from the
    ids.

    Args:
        pipeline: `A.Compose(...)`, its `to_dict()`, this dict as JSON, or the path of a file that
            `A.save` wrote.
        max_pixel_value: the largest value of the images that the pipeline is for, above 0: 255 for
            8 bits, 1 for floats. `fill` and `Normalize` refer to it.

    Raises:
        InputError: transforms or parameters have no equivalent in tfseg. The message names all of
            them, such as "Compose.OneOf[1].Perspective[0].keep_size"; [k] is a position in a list.
    """
    checks.in_range("max_pixel_value", max_pixel_value, low=1e-6)
    conversion = _Conversion(max_pixel_value)
    root = _root(pipeline)
    transforms = conversion.listed([(_name(root), root)], "Compose")
    sampling = conversion.sampling()
    if conversion.problems:
        raise checks.InputError(
            "\n- ".join(
                (
                    "The pipeline has parts that tfseg cannot convert; change or remove them:",
                    *conversion.problems,
                )
            )
        )
    return Chain(transforms, sampling=sampling)


class _Conversion:
    """Converts transforms; collects problems, and settings that belong to `Sampling`."""

    def __init__(self, max_pixel_value: float) -> None:
        self.max_pixel_value = max_pixel_value
        self.problems: list[str] = []
        self._settings: dict[str, dict[Any, list[str]]] = {}  # name -> value -> paths
        self._others: dict[str, str] = {}

    def listed(self, entries: list[tuple[str, Any]], parent: str) -> list[Transform]:
        """Converts the parts (path, entry) of a `parent`; a sequence in a sequence is flattened."""
        transforms: list[Transform] = []
        for path, entry in entries:
            name, transform = _name(entry), self._convert(entry, path)
            if transform is None:
                continue
            if parent in SEQUENCES and transform == Affine(p=transform.p):
                continue  # the identity
            if (
                parent in SEQUENCES
                and name in SEQUENCES
                and isinstance(transform, SomeOf)
                and transform.p == 1
            ):
                transforms += transform.transforms
            elif parent == "OneOf" and name == "SomeOf" and transform.p < 1:
                # SomeOf draws with its p again after it has been chosen.
                transforms.append(SomeOf(transforms=(transform,), p=transform.p))
            else:
                transforms.append(transform)
        return transforms

    def sampling(self) -> Sampling | None:
        """Returns the settings that all transforms agree on."""
        agreed = {}
        for key, paths in self._settings.items():
            agreed[key] = next(iter(paths))
            if len(paths) > 1:
                got = ", ".join(f"{value!r} in {' and '.join(at)}" for value, at in paths.items())
                self.problems.append(f"{key} must be the same in all transforms; got {got}")
        arguments: dict[str, Any] = {"others": self._others}
        if "interpolation" in agreed:
            arguments["interpolation"] = agreed["interpolation"]
        if "border_mode" in agreed:
            arguments["border"] = agreed["border_mode"]
        if "fill" in agreed:
            arguments["border_value"] = share(agreed["fill"], self.max_pixel_value)
            arguments["fill"] = integer(agreed["fill_mask"])
        return self._build(Sampling, arguments, "Sampling")

    def _convert(self, entry: Mapping[str, Any], path: str) -> Transform | None:
        name = _name(entry)
        if name not in _KINDS:
            self.problems.append(f"{path}: {names.missing(name, TRANSFORMS)}")
            self._parts(entry, path)
            return None
        arguments = self._arguments(entry, path)
        if arguments is None or ("transforms" in arguments and self.problems):
            return None
        if arguments.get("transforms") == ():
            return self._build(Affine, {"p": arguments["p"]}, path)
        if name in SEQUENCES:
            arguments["n"] = (len(arguments["transforms"]),) * 2
        return self._build(_KINDS[name], arguments, path)

    def _arguments(self, entry: Mapping[str, Any], path: str) -> dict[str, Any] | None:
        name = _name(entry)
        fields = (field.name for field in dataclasses.fields(_KINDS[name]))
        known = tuple(ACCEPTED.get(name) or fields)
        absent = absent_from(name)
        try:
            values = values_of(name, entry, self.max_pixel_value)
            missing = tuple(key for key in (*known, *absent) if key not in values)
        except (LookupError, TypeError):
            values, missing = {}, known
        if missing:
            self.problems.append(
                f"{path} must have {', '.join(missing)} as albumentations 2.0 writes them; "
                f"got {dict(entry)}"
            )
            return None
        for key, value in values.items():
            if key not in (_CLASS, *known, *absent):
                self.problems.append(f"{path}.{key} is unknown; got {value!r}")
            elif key in absent and (rule := absent[key].refusal(value)):
                self.problems.append(f"{path}.{key} {rule}; got {value!r}")
        self._record_settings(values, path)
        if "transforms" in known:
            values["transforms"] = self._parts(entry, path)
        return {key: values[key] for key in known}

    def _parts(self, entry: Mapping[str, Any], path: str) -> tuple[Transform, ...]:
        parts = entry.get("transforms", ())
        if not isinstance(parts, tuple):
            raise checks.InputError(f"{path}.transforms must be a list; got {parts!r}.")
        entries = [(f"{path}.{_name(part)}[{k}]", part) for k, part in enumerate(parts)]
        return tuple(self.listed(entries, _name(entry)))

    def _record_settings(self, values: Mapping[str, Any], path: str) -> None:
        """Records the settings that belong to `Sampling`."""
        for name, kind in (values.get("additional_targets") or {}).items():
            self._others[name] = "nearest"
            if kind != "mask":  # the values of a second image would be changed too
                self.problems.append(
                    f"{path}.additional_targets[{name!r}] must be 'mask'; got {kind!r}"
                )
        if not values.get("pad_if_needed", True):
            return  # a crop that never reaches the border
        for key, known in NUMBERS.items():
            if key in values and values[key] not in list(known):
                listed = ", ".join(f"{value} ({name})" for value, name in known.items())
                self.problems.append(f"{path}.{key} must be one of {listed}; got {values[key]!r}")
            elif key in values:
                self._record(key, known[values[key]], path)
        if values.get("border_mode") == 0:
            self._record("fill", single(values["fill"]), path)
            self._record("fill_mask", single(values["fill_mask"]), path)

    def _record(self, key: str, value: Any, path: str) -> None:
        self._settings.setdefault(key, {}).setdefault(value, []).append(path)

    def _build(self, kind: type, arguments: dict[str, Any], path: str) -> Any:
        """Returns a `kind`, or None if an argument is invalid; reports every invalid argument."""
        needed = [field.name for field in dataclasses.fields(kind) if is_required(field)]
        faults: dict[str, None] = {}  # a set in its order
        for chosen in (arguments, *({*needed, name} for name in arguments)):
            try:
                built = kind(**{key: arguments[key] for key in chosen})
            except checks.InputError as error:
                faults[str(error).rstrip(".").replace(f"{kind.__name__}.", f"{path}.", 1)] = None
            else:
                if chosen is arguments:
                    return built
        self.problems += faults
        return None


def _root(pipeline: Any) -> Mapping[str, Any]:
    values = pipeline.to_dict() if hasattr(pipeline, "to_dict") else pipeline
    if isinstance(values, str | Path):
        values = _parse(values)
    if not isinstance(values, Mapping) or not isinstance(values.get("transform"), Mapping):
        raise checks.InputError(
            f"A pipeline must be A.Compose(...), or its to_dict(), also as JSON; got {pipeline!r}."
        )
    version = str(values.get("__version__", "2.0"))
    if not version.startswith("2.0"):
        raise checks.InputError(
            f"A pipeline must be of albumentations 2.0, such as 2.0.8; got version {version}, "
            "which has other parameters."
        )
    return frozen(values["transform"])


def _parse(source: str | Path) -> Any:
    try:
        if isinstance(source, str) and source.lstrip().startswith("{"):
            return json.loads(source)
        text = Path(source).read_text(encoding="utf-8")
        # Not all as YAML: there, 1e-05 is a text.
        return json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise checks.InputError(
            f"A pipeline must be JSON, or a file of JSON or YAML: {error}."
        ) from error


def _name(entry: Any) -> str:
    if not isinstance(entry, Mapping) or not isinstance(entry.get(_CLASS), str):
        raise checks.InputError(
            f"Each transform of a pipeline must be {{{_CLASS!r}: ...}}; got {entry!r}."
        )
    return entry[_CLASS]
