"""What people are told when something they gave is wrong: name, rule, value received, remedy.

The only place that phrases such errors. The command line prints an `InputError` as one line and
exits with 2; any other exception is a defect of tfseg and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """A value, file or option from outside that cannot be used as it is."""


def nearest(value: str, options: Iterable[str]) -> str:
    """Returns the hint " Did you mean 'x'?" for the closest option, or "" where none is close."""
    close = difflib.get_close_matches(str(value), list(options), n=1, cutoff=0.5)
    return f" Did you mean {close[0]!r}?" if close else ""


def one_of(name: str, value: str, options: Iterable[str]) -> None:
    """Refuses a `value` that is not among `options`, naming the closest one.

    Raises:
        InputError: the value is unknown.
    """
    options = sorted(options)
    if value not in options:
        raise InputError(
            f"{name} must be one of {', '.join(options)}; got {value!r}.{nearest(value, options)}"
        )


def in_range(
    name: str, value: float, *, low: float = float("-inf"), high: float = float("inf")
) -> None:
    """Refuses a number outside the closed interval [low, high].

    Raises:
        InputError: the number is outside, or not a number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InputError(f"{name} must be a number in [{low:g}, {high:g}]; got {value!r}.")


def interval(
    name: str,
    value: tuple[float, float],
    *,
    low: float = float("-inf"),
    high: float = float("inf"),
) -> None:
    """Refuses anything but `(a, b)` with low <= a <= b <= high.

    Raises:
        InputError: not two numbers, in the wrong order, or outside.
    """
    numbers = isinstance(value, tuple | list) and len(value) == 2
    if not numbers or not low <= value[0] <= value[1] <= high:
        raise InputError(
            f"{name} must be (a, b) with {low:g} <= a <= b <= {high:g}; got {value!r}."
        )
