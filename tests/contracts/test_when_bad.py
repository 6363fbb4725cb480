"""What the page on bad results shows is what tfseg says of these cases."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from tfseg.data.files.images import read_image

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "when_bad.md").read_text(encoding="utf-8")
MAKER = runpy.run_path(str(DOCS / "make_when_bad.py"))


@pytest.mark.parametrize("name", MAKER["CASES"])
def test_the_page_has_the_message_and_the_picture_of_every_case(name):
    case = MAKER["provoked"](name)
    (section,) = (part for part in PAGE.split("\n### ") if f"(when_bad/{name}.png)" in part)
    (text,) = re.findall(r"^> (.*)$", section, re.MULTILINE)
    assert text == case.text
    assert "**Cause:**" in section and "**Remedy:**" in section
    np.testing.assert_array_equal(read_image(DOCS / "when_bad" / f"{name}.png"), case.picture)


def test_every_picture_is_one_of_a_case():
    assert {path.stem for path in (DOCS / "when_bad").iterdir()} == set(MAKER["CASES"])
