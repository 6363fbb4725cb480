"""Lengths, such as the side of a pixel: as people and files write them, in micrometres."""

from __future__ import annotations

import math
import re

from tfseg.checks import InputError, shown

# Micrometres in a unit. The micro sign has two code points, and ImageJ writes it as an escape.
UNITS = {
    **dict.fromkeys(("um", "\u00b5m", "\u03bcm", r"\u00b5m", "micron", "microns"), 1.0),
    **dict.fromkeys(("micrometer", "micrometers", "micrometre", "micrometres"), 1.0),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1e6),
    **dict.fromkeys(("in", "inch", "inches"), 25400.0),
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "nanometres"), 1e-3),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), 1e3),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), 1e4),
}
_LENGTH = re.compile(r"\s*([0-9.]+(?:e[-+]?[0-9]+)?)\s*([^\W\d]*)\s*", re.IGNORECASE)
_RULE = "0.5um, 0.3m or 2.5mm; a number without a unit is in micrometres"


def micrometres(option: str, length: float | str) -> float:
    """Returns a length that a person gave, in micrometres.

    Args:
        option: its name, for errors.
        length: a number in micrometres, or a text of a number and a unit.

    Raises:
        InputError: no such text, or not above 0 and finite.
    """
    number, unit = length, "um"
    if isinstance(length, str):
        match = _LENGTH.fullmatch(length)
        number, unit = match.groups() if match else ("", "")
        unit = unit.lower() or "um"
    try:
        value = float(number) * UNITS[unit]
    except (KeyError, TypeError, ValueError):
        value = math.nan
    if isinstance(length, bool) or not 0 < value < math.inf:
        raise InputError(
            f"{option} must be a length above 0, such as {_RULE}; got {shown(length)}."
        )
    return rounded(value)


def rounded(length: float) -> float:
    """Returns a length with six digits, so that those of files do not differ by their rounding."""
    return float(f"{length:.6g}")


def text(length: float) -> str:
    """Returns a length in micrometres with a unit that suits it, such as 0.5 µm or 0.3 m."""
    for unit, factor in (("m", 1e6), ("mm", 1e3)):
        if length >= 0.1 * factor:
            return f"{length / factor:g} {unit}"
    return f"{length:g} \u00b5m"
