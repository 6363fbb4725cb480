"""Checks of values from users, and their error messages: name, rule, value received, remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

from tfseg.calls import InputError as InputError
from tfseg.calls import shown as shown

_SHOWN = 3  # names in one message


def listed(names: Sequence[object]) -> str:
    """Returns the first few names, and the number of the others."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(str(name) for name in names[:_SHOWN]) + more


def nearest(value: str, options: Iterable[str]) -> str:
    """Returns the hint " Did you mean 'x'?" for the closest option, or "" if none is close.

    The same name in another group is the closest, such as optimizer.ema for train.ema.
    """
    return _hint(closest(value, options))


def _hint(close: list[str]) -> str:
    return f" Did you mean {close[0]!r}?" if close else ""


def closest(value: str, options: Iterable[str]) -> list[str]:
    """Returns the option most like `value` in any case, or nothing if none is close."""
    if not isinstance(value, str):
        return []
    by_name = {option.lower(): option for option in options}
    value = value.lower()
    name = value.lstrip("-").rpartition(".")[2]
    close = [option for option in by_name if option.endswith(f".{name}")]
    close = close or difflib.get_close_matches(value, by_name, n=1, cutoff=0.5)
    return [by_name[option] for option in close[:1]]


def one_of(name: str, value: str, options: Iterable[str]) -> None:
    """Checks that `value` is among `options`.

    Raises:
        InputError: the value is unknown. The message lists the closest option first.
    """
    options = sorted(options)
    if value not in options:
        close = closest(value, options)
        listing = ", ".join([*close, *(option for option in options if option not in close)])
        raise InputError(f"{name} must be one of {listing}; got {shown(value)}.{_hint(close)}")


def matching(name: str, value: str, options: Iterable[str]) -> str:
    """Returns the option that is `value` in any case, such as AdamW for adamw.

    Raises:
        InputError: as in `one_of`.
    """
    options = list(options)
    option = {option.lower(): option for option in options}.get(str(value).lower(), value)
    one_of(name, option, options)
    return option


def in_range(
    name: str, value: float, *, low: float = float("-inf"), high: float = float("inf")
) -> None:
    """Checks that a number is in the closed interval [low, high].

    Raises:
        InputError: the number is outside, or not a number.
    """
    if not _is_number(value) or not low <= value <= high:
        raise InputError(f"{name} must be a number in [{low:g}, {high:g}]; got {shown(value)}.")


def integer(name: str, value: int, *, low: int, high: int = 2**31 - 1) -> None:
    """Checks that a value is an integer in the closed interval [low, high].

    Raises:
        InputError: the number is outside, or not an integer.
    """
    if not _is_number(value) or not isinstance(value, int) or not low <= value <= high:
        raise InputError(f"{name} must be a whole number in [{low}, {high}]; got {shown(value)}.")


def interval(
    name: str,
    value: tuple[float, float],
    *,
    low: float = float("-inf"),
    high: float = float("inf"),
) -> None:
    """Checks that a value is `(a, b)` with low <= a <= b <= high.

    Raises:
        InputError: not two numbers, in the wrong order, or outside.
    """
    numbers = isinstance(value, tuple | list) and all(map(_is_number, value))
    if not numbers or len(value) != 2 or not low <= value[0] <= value[1] <= high:
        raise InputError(
            f"{name} must be (a, b) with {low:g} <= a <= b <= {high:g}; got {shown(value)}."
        )


def flag(name: str, value: bool) -> None:
    """Checks that a value is true or false.

    Raises:
        InputError: it is not.
    """
    if not isinstance(value, bool):
        raise InputError(f"{name} must be true or false; got {shown(value)}. Give True or False.")


def sequence(name: str, value: object, example: str) -> None:
    """Checks that a value is a list or tuple.

    Raises:
        InputError: it is not.
    """
    if not isinstance(value, tuple | list):
        raise InputError(f"{name} must be a list, such as {example}; got {shown(value)}.")


def mapping(name: str, value: object) -> None:
    """Checks that a value maps names to values.

    Raises:
        InputError: it does not.
    """
    if not isinstance(value, Mapping):
        raise InputError(f"{name} must map names to values; got {shown(value)}.")


def file_name(path: object, name: str) -> None:
    """Refuses a file whose name tables and results cannot hold: no UTF-8, or with a line break.

    Args:
        path: of the file, for the message.
        name: what results would call it.

    Raises:
        InputError: such a name.
    """
    if name != name.encode("utf-8", "ignore").decode() or {"\n", "\r"} & set(name):
        raise InputError(
            f"{str(path)!r} must have a name in UTF-8 and without line breaks. Rename it."
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
