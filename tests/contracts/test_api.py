"""A change of the public names or of their arguments changes docs/api.txt."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from types import ModuleType

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
    maps = "maps(self, image: np.ndarray, *, pixel_size: float | str | None = None) -> np.ndarray"
    assert f"tfseg.Segmenter.{maps}" in lines
    assert "tfseg.augment.HorizontalFlip(p: float = 0.5) -> None" in lines


def test_defaults_are_values_and_annotations_are_no_strings():
    lines = (DOCS / "api.txt").read_text(encoding="utf-8")
    assert not re.findall(r"<factory>|0x[0-9a-f]{6}|ForwardRef|= _\w+", lines)
    assert "tfseg.Instances(labels: np.ndarray, scores: np.ndarray, classes: np.ndarray)\n" in lines
    assert "data: DataConfig = DataConfig(), augment: tuple" in lines
    assert "= ({'name': 'HorizontalFlip'}, {'name': 'RandomRotate90', 'p': 0.5}, " in lines
    assert "tfseg.Finding(level: Literal['error', 'warning'], place: str" in lines


def test_the_reference_has_every_public_name_and_calls_it_by_that_name():
    shown = re.findall(r"^::: (\S+)$", (DOCS / "reference.md").read_text("utf-8"), re.MULTILINE)
    assert len(shown) == len(set(shown))
    public = {
        f"tfseg.{name}"
        for name in tfseg.__all__
        if not name.startswith("_") and not isinstance(getattr(tfseg, name), ModuleType)
    }
    assert public <= set(shown)
    listed = re.findall(r"^[\w.]+", (DOCS / "api.txt").read_text("utf-8"), re.MULTILINE)
    modules = {"tfseg.kernels.drop_in", "tfseg.metrics.graph"}  # imported by name, not listed
    assert set(shown) <= {*listed, *modules}
