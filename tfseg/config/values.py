"""Configurations as plain values, and as files of them."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tfseg import atomic, checks
from tfseg.config.run import RunConfig

PRESETS = ("small", "base", "large")


def to_dict(config: RunConfig) -> dict[str, Any]:
    """Returns plain dicts, lists and scalars, ready for YAML or JSON."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, tuple | list) else value

    return plain(dataclasses.asdict(config))


def flat(config: RunConfig) -> dict[str, Any]:
    """Returns every value by its dotted name, such as "train.steps"."""
    values: dict[str, Any] = {}
    for name, value in to_dict(config).items():
        group = value if isinstance(value, dict) else {"": value}
        values |= {f"{name}.{key}".rstrip("."): item for key, item in group.items()}
    return values


def from_dict(values: Mapping[str, Any], kind: type = RunConfig, path: str = "") -> Any:
    """Builds a `kind` from plain values; the reverse of `to_dict`.

    Raises:
        InputError: an unknown name, or a value its class refuses.
    """
    checks.mapping(path.rstrip(".") or "The configuration", values)
    types = typing.get_type_hints(kind)
    arguments = {}
    for name, value in values.items():
        if name not in types:
            raise checks.InputError(
                f"Unknown configuration name {path}{name}; there are {', '.join(types)}."
                f"{checks.nearest(name, types)}"
            )
        if dataclasses.is_dataclass(types[name]):
            value = from_dict(value, types[name], f"{path}{name}.")
        arguments[name] = frozen(value)
    return kind(**arguments)


def frozen(value: Any) -> Any:
    """Returns plain values with tuples for lists, as the fields of a configuration hold them."""
    if isinstance(value, Mapping):
        return {key: frozen(item) for key, item in value.items()}
    return tuple(map(frozen, value)) if isinstance(value, list | tuple) else value


def write(config: RunConfig, path: Path) -> None:
    """Writes `config` as YAML."""
    atomic.write_text(path, yaml.safe_dump(to_dict(config), sort_keys=False))


def preset(name: str) -> Path:
    """Returns the file of the network called small, base or large (see docs/training.md).

    Example:
        config.read(config.preset("large"))

    Raises:
        InputError: there is no preset of that name.
    """
    checks.one_of("preset", name, PRESETS)
    return Path(__file__).parent / "presets" / f"{name}.yaml"


def read(path: Path) -> RunConfig:
    """Reads what `write` wrote, or a hand-written file with any part of it.

    Raises:
        InputError: no such file, not YAML, or an unknown name.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = str(error).replace("\n", " ")
        raise checks.InputError(f"{path} cannot be read as a configuration: {reason}") from error
    return from_dict(values)
