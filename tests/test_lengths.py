"""Lengths with units, as people and files write them."""

from __future__ import annotations

import pytest

from tfseg import lengths
from tfseg.checks import InputError


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (0.25, 0.25),
        ("300", 300.0),
        ("0.5um", 0.5),
        ("0.5 \u00b5m", 0.5),
        ("0.5\u03bcm", 0.5),
        ("250 nm", 0.25),
        ("2.5mm", 2500.0),
        ("0.3m", 300_000.0),
        ("1e-3 M", 1000.0),
        ("1 inch", 25_400.0),
        (0.1 + 0.2, 0.3),  # six digits
    ],
)
def test_a_length_is_in_micrometres_unless_it_has_a_unit(given, expected):
    assert lengths.micrometres("--pixel_size", given) == expected


@pytest.mark.parametrize(
    "given", ["", "x", "-1um", "0", 0, "3 px", True, float("nan"), None, "1.2.3"]
)
def test_no_length_is_refused(given):
    with pytest.raises(InputError, match="^--pixel_size must be a length above 0, such as 0.5um"):
        lengths.micrometres("--pixel_size", given)


def test_a_length_is_shown_in_a_unit_that_suits_it():
    texts = [lengths.text(length) for length in (0.25, 99.0, 2500.0, 300_000.0)]
    assert texts == ["0.25 \u00b5m", "99 \u00b5m", "2.5 mm", "0.3 m"]
