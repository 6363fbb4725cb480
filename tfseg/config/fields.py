"""Fields of dataclasses: checks of their values, and which of them may change on resume."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tfseg import checks

_FREE_ON_RESUME = "free_on_resume"


def is_required(field: dataclasses.Field) -> bool:
    """Returns whether a field of a dataclass has no default."""
    return field.default is field.default_factory is dataclasses.MISSING


def check_numbers(
    group: Any, prefix: str, check: Callable[..., None], names: Iterable[str], **limits: float
) -> None:
    """Checks numbers of a group by `checks.integer` or `checks.in_range`; the error has the remedy.

    Args:
        group: the dataclass.
        prefix: its name, such as train.
        check: called with the dotted name and the value.
        names: of the fields.
        limits: for `check`, such as low=1.

    Raises:
        InputError: a number is out of range.
    """
    defaults = {field.name: field.default for field in dataclasses.fields(group)}
    for name in names:
        try:
            check(f"{prefix}.{name}", getattr(group, name), **limits)
        except checks.InputError as error:
            default = defaults[name]
            remedy = "Leave it out" if default is None else f"The default is {default}"
            raise checks.InputError(f"{error} {remedy}.") from None


def match_names(group: Any, prefix: str, **options: Iterable[str]) -> None:
    """Replaces names of a group in other case, such as adamw, by the options that they mean.

    Args:
        group: the dataclass.
        prefix: its name, such as optimizer.
        options: of each field, by its name.

    Raises:
        InputError: an unknown name.
    """
    for name, known in options.items():
        value = checks.matching(f"{prefix}.{name}", getattr(group, name), known)
        object.__setattr__(group, name, value)  # the dataclasses are frozen


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
