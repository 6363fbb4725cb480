"""Checks that the values of a dataclass, read from a JSON file, have the types of its fields."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from typing import Any

_INT64 = 2**63


def check_types(value: Any, kind: Any, name: str) -> None:
    """Checks a value and all that it holds.

    Args:
        value: the value.
        kind: its type: int, float, str, a dataclass, or tuple[kind, ...], dict[str, kind] or
            kind | None of such. Any other type is not checked.
        name: what the value is, for errors.

    Raises:
        ValueError: another type, a number that is not finite, or a whole number beyond 64 bits.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        for field, part in typing.get_type_hints(kind).items():
            check_types(getattr(value, field), part, field)
    elif arguments[1:] == (types.NoneType,):
        if value is not None:
            check_types(value, arguments[0], name)
    elif origin is tuple:
        for item in value:
            check_types(item, arguments[0], name)
    elif origin is dict:
        if not isinstance(value, dict):
            raise ValueError(f"{name} {value!r}")
        for item in value.values():
            check_types(item, arguments[1], name)
    elif kind in (int, float, str) and not _is_of(value, kind):
        raise ValueError(f"{name} {value!r}")


def _is_of(value: Any, kind: type) -> bool:
    if kind is str or isinstance(value, bool):
        return isinstance(value, kind) and not isinstance(value, bool)
    if isinstance(value, int):
        return -_INT64 <= value < _INT64
    return kind is float and isinstance(value, float) and math.isfinite(value)
