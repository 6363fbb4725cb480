"""What a field of a configuration may carry beside its default."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from typing import Any

_FREE_ON_RESUME = "free_on_resume"


def free_on_resume(default: Any) -> Any:
    """Returns a field with this default, and another value of it does not prevent `--resume`.

    All other fields decide which batches come and what they teach, so they must stay the same.
    """
    return dataclasses.field(default=default, metadata={_FREE_ON_RESUME: True})


def names_free_on_resume(kind: type, prefix: str = "") -> Iterator[str]:
    """Yields the dotted names of the fields of a dataclass that `free_on_resume` made."""
    types = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        group = types[field.name]
        if isinstance(group, type) and dataclasses.is_dataclass(group):
            yield from names_free_on_resume(group, f"{prefix}{field.name}.")
        elif _FREE_ON_RESUME in field.metadata:
            yield prefix + field.name
