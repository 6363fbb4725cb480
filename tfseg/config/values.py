"""Converts configurations to plain values and back, and reads and writes them as YAML."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tfseg import atomic, calls, checks
from tfseg.config import registry, yaml_file
from tfseg.config.run import RunConfig

PRESETS = ("small", "base", "large", "gpu")
PLUGINS = "plugins"  # a record in plain values, not a value


@calls.check
def to_dict(config: RunConfig) -> dict[str, Any]:
    """Returns plain dicts, lists and scalars, ready for YAML or JSON.

    If registered names are used, an entry "plugins" says which plugin registered each of them.
    """
    plugins = registry.plugins_of(config.names())
    return _plain(dataclasses.asdict(config)) | ({PLUGINS: plugins} if plugins else {})


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


@calls.check
def flat(config: RunConfig) -> dict[str, Any]:
    """Returns every value by its dotted name, such as "train.steps"."""
    return dict(_items(config, ""))


def _items(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(group):
        value = getattr(group, field.name)
        if dataclasses.is_dataclass(value):
            yield from _items(value, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", _plain(value)


def from_dict(values: Mapping[str, Any]) -> RunConfig:
    """Builds a configuration from plain values; the reverse of `to_dict`.

    Raises:
        InputError: an unknown name, an invalid value, or far too many values; or a plugin that
            registered a name is not loaded.
    """
    yaml_file.check_size(values)
    values = without_plugins(values)
    check_names(values)
    return _build(values, RunConfig)


def without_plugins(values: Any) -> Any:
    """Returns plain values without the record of plugins.

    Raises:
        InputError: a name in the record is not registered.
    """
    if not isinstance(values, Mapping) or PLUGINS not in values:
        return values
    registry.check_registered(values[PLUGINS])
    return {name: value for name, value in values.items() if name != PLUGINS}


def check_names(values: Mapping[str, Any], kind: type = RunConfig, prefix: str = "") -> None:
    """Checks the names of plain values, but not the values.

    Args:
        values: any part of a configuration.
        kind: the class with these fields.
        prefix: of the dotted names, such as "train.".

    Raises:
        InputError: an unknown name, or a value where names belong.
    """
    checks.mapping(prefix.rstrip(".") or "The configuration", values)
    types = typing.get_type_hints(kind)
    for name, value in values.items():
        path = f"{prefix}{name}"
        if name not in types:
            known = [f"{prefix}{field}" for field in types]
            hint = checks.nearest(path, [*known, *flat(RunConfig())])
            hint = hint or f" Known: {', '.join(known)}."
            raise checks.InputError(f"Unknown configuration name {path}.{hint}")
        if dataclasses.is_dataclass(types[name]):
            check_names(value, types[name], f"{path}.")


def _build(values: Mapping[str, Any], kind: Any) -> Any:
    types = typing.get_type_hints(kind)
    arguments = {
        name: _build(value, types[name]) if dataclasses.is_dataclass(types[name]) else frozen(value)
        for name, value in values.items()
    }
    return kind(**arguments)


def frozen(value: Any) -> Any:
    """Replaces lists by tuples in plain values, as in the fields of a configuration."""
    if isinstance(value, Mapping):
        return {key: frozen(item) for key, item in value.items()}
    return tuple(map(frozen, value)) if isinstance(value, list | tuple) else value


@calls.check
def write(config: RunConfig, path: str | Path) -> None:
    """Writes `config` as YAML, and the JSON of a Keras network beside it, as NAME.network.json."""
    path, values = Path(path), to_dict(config)
    if config.model.network:
        file = path.with_suffix(".network.json")
        atomic.write_text(file, config.model.network)
        values["model"]["network"] = file.name
    atomic.write_text(path, yaml.safe_dump(values, sort_keys=False))


def with_network_path(values: Any, folder: Path) -> Any:
    """Returns values of a file in `folder`, with the path of model.network from there."""
    match values:
        case {"model": {"network": str(name)} as model} if name:
            return {**values, "model": {**model, "network": str(folder / name)}}
    return values


@calls.check
def preset(name: str) -> Path:
    """Returns the file of the configuration small, base, large or gpu (see docs/training.md).

    Example:
        config.read(config.preset("large"))

    Raises:
        InputError: there is no preset of that name.
    """
    checks.one_of("preset", name, PRESETS)
    return Path(__file__).parent / "presets" / f"{name}.yaml"


@calls.check
def read(path: str | Path) -> RunConfig:
    """Reads a file that `write` wrote, or a hand-written file with any part of it.

    Raises:
        InputError: no such file, not YAML, an unknown name, or an invalid value; with its line.
    """
    lines: dict[str, int] = {}
    try:
        values, lines = yaml_file.load(Path(path))
        folder = Path(path).parent
        return from_dict(with_network_path({} if values is None else values, folder))
    except checks.InputError as error:
        reason = yaml_file.with_line(str(error), lines)
        raise checks.InputError(f"{path} cannot be read as a configuration: {reason}") from error
