"""A change of the public names or of their arguments changes docs/api.txt."""

from __future__ import annotations

import runpy
from pathlib import Path

import tfseg

DOCS = Path(__file__).parents[2] / "docs"
MAKER = runpy.run_path(str(DOCS / "make_api.py"))


def test_the_listing_is_up_to_date():
    committed = (DOCS / "api.txt").read_text(encoding="utf-8")
    assert MAKER["listing"]() == committed, "run python docs/make_api.py and look at the difference"


def test_every_public_name_is_listed_with_its_arguments():
    lines = (DOCS / "api.txt").read_text(encoding="utf-8").splitlines()
    names = {line.partition("(")[0].partition(":")[0] for line in lines}
    assert {f"tfseg.{name}" for name in tfseg.__all__} <= names | {"tfseg.__version__"}
    assert "tfseg.Segmenter.predict(self, image: np.ndarray | TiffWindows) -> Instances" in lines
    assert "tfseg.augment.HorizontalFlip(*, p: float = 0.5) -> None" in lines
