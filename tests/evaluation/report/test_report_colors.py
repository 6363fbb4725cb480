"""The colours of the kinds of outcome are told apart by all kinds of colour vision."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from tfseg.evaluation.report import report
from tfseg.evaluation.report.outcomes import KINDS

CSS = (Path(report.__file__).parent / "page" / "report.css").read_text(encoding="utf-8")
# Machado, Oliveira and Fernandes 2009, A Physiologically-based Model for Simulation of Color Vision
# Deficiency, table 1, severity 1.0; they apply to linear RGB.
VISIONS = {
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = TO_XYZ.sum(axis=1)


def linear(kind: str) -> np.ndarray:
    """Returns the linear RGB of a kind's colour."""
    (digits,) = re.findall(rf"--{kind.replace(' ', '-')}: #(\w{{6}});", CSS)
    values = np.array([int(digits[start : start + 2], 16) for start in (0, 2, 4)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """Returns CIE L*a*b* of linear RGB."""
    share = TO_XYZ @ rgb / WHITE
    x, y, z = np.where(share > 0.008856, np.cbrt(share), 7.787 * share + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", VISIONS)
def test_kinds_are_told_apart(vision):
    colors = {kind: lab(np.clip(VISIONS[vision] @ linear(kind), 0, 1)) for kind in KINDS}
    for one, other in itertools.combinations(KINDS, 2):
        # 2 is about the least difference that is seen side by side
        assert np.linalg.norm(colors[one] - colors[other]) >= 37, (one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_dark_text_on_them_is_readable(kind):
    dark = (0x11 / 255 + 0.055) / 1.055
    ratio = (TO_XYZ[1] @ linear(kind) + 0.05) / (dark**2.4 + 0.05)
    assert ratio >= 4.5
