"""Fields of dataclasses: whether they are required, and whether a value may change on resume."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from typing import Any

_FREE_ON_RESUME = "free_on_resume"


def is_required(field: dataclasses.Field) -> bool:
    """Returns whether a field of a dataclass has no default."""
    return field.default is field.default_factory is dataclasses.MISSING


def free_on_resume(default: Any) -> Any:
    """Returns a field with this default that may have another value with `--resume`.

    All other fields decide on the batches and on the training, so they must stay the same.
    """
    return dataclasses.field(default=default, metadata={_FREE_ON_RESUME: True})


def names_free_on_resume(kind: type, prefix: str = "") -> Iterator[str]:
    """Yields the dotted names of the fields of a dataclass made by `free_on_resume`."""
    types = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        group = types[field.name]
        if isinstance(group, type) and dataclasses.is_dataclass(group):
            yield from names_free_on_resume(group, f"{prefix}{field.name}.")
        elif _FREE_ON_RESUME in field.metadata:
            yield prefix + field.name
