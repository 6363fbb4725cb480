"""docs/benchmarks.md and the tables of other pages are those of the committed results."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
RESULTS = ROOT / "benchmarks" / "results"


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module("benchmarks.report")


def test_all_generated_text_and_plots_are_up_to_date(report, tmp_path):
    remedy = "run python -m benchmarks.report"
    reports = report.read(RESULTS)
    report.write_page(reports, tmp_path)
    page = (tmp_path / "benchmarks.md").read_text("utf-8")
    assert page == (DOCS / "benchmarks.md").read_text("utf-8"), remedy
    written, committed = (
        {file.name for file in (folder / "benchmarks").iterdir()} for folder in (tmp_path, DOCS)
    )
    assert written and written == committed, remedy
    for path, text in report.tables.pages(reports, ROOT).items():
        assert text == path.read_text("utf-8"), f"{path.name}: {remedy}"


def test_every_generated_table_is_on_one_page(report):
    tables = report.tables
    texts = [path.read_text("utf-8") for path in (ROOT / "README.md", *sorted(DOCS.glob("*.md")))]
    names = [match[2] for text in texts for match in tables.BLOCK.finditer(text)]
    assert sorted(names) == sorted(tables.TABLES)
    # A marker without an end, or on a page that is not written, would never be updated.
    assert sum(text.count("<!-- generated: ") for text in texts) == len(names)
    pages = [(ROOT / name).read_text("utf-8") for name in tables.PAGES]
    assert sum(text.count("<!-- generated: ") for text in pages) == len(names)


def test_a_changed_number_and_a_removed_table_are_written_again(report):
    reports = report.read(RESULTS)
    tables = report.tables
    text = "before\n<!-- generated: presets -->\n<!-- end -->\nafter\n"
    written = tables.updated(text, reports)
    assert written == tables.updated(written.replace("`small` | 0.25", "`small` | 0.99"), reports)
    assert "| `small` | 0.25 | 0.07 s | 0.04 s | 0.57 |" in written
    assert written.startswith("before\n") and written.endswith("-->\nafter\n")
    with pytest.raises(KeyError, match="unknown"):
        tables.updated(text.replace("presets", "unknown"), reports)


def test_a_new_benchmark_gets_a_section_of_the_page(report, tmp_path):
    content = {
        "claims": [{"name": "speed", "value": 1.5, "target": ">= 2", "met": False}],
        "results": {
            "loops": {"tfseg": {"ms": {"median": 2.0, "quartiles": [1.0, 3.0]}, "all": [1]}},
            "memory": {"megabytes": 7.25, "steps": [1, 2]},
        },
        "curves": {"Time, and ids": {"x": "ids", "y": "ms", "lines": {"tfseg": [[1, 2], [10, 3]]}}},
        "agreement": {"Flip": {"peer": {"share_of_equal_ids": 0.5}, "difference": "the border"}},
        "machine": json.loads((RESULTS / "heads.json").read_text("utf-8"))["machine"],
    }
    report.write_page({"heads": content}, tmp_path / "docs")
    page = (tmp_path / "docs" / "benchmarks.md").read_text("utf-8")
    assert "| heads | speed | >= 2 | 1.5 | **no** |" in page
    assert "### Loops\n\n|  | ms |\n| --- | --- |\n| tfseg | 2 (1 to 3) |\n" in page
    assert "### Memory\n\n| megabytes |\n| --- |\n| 7.25 |\n" in page
    assert "| Flip: peer | 0.5 | the border |" in page
    assert "![Time, and ids](benchmarks/time-and-ids.svg)" in page
    plots = [tmp_path / name / "benchmarks" / "time-and-ids.svg" for name in ("docs", "again")]
    shutil.copytree(tmp_path / "docs", tmp_path / "again")
    report.write_page({"heads": content}, tmp_path / "docs")
    assert plots[0].read_bytes() == plots[1].read_bytes()


def test_the_result_of_another_setting_follows_that_of_its_script(report, tmp_path):
    for name in ("heads", "heads-9-rounds"):
        shutil.copy(RESULTS / "heads.json", tmp_path / f"{name}.json")
    report.write_page(report.read(tmp_path), tmp_path)
    page = (tmp_path / "benchmarks.md").read_text("utf-8")
    titles = [line for line in page.splitlines() if line.startswith("## ")]
    assert titles == ["## Targets", "## Heads", "## Heads, 9 rounds"]
    again = "\n\n`benchmarks/heads.py` with another setting.\n\n"
    assert page.partition(titles[-1])[2].startswith(again)
    assert f"| {titles[-1][3:].lower()} | " in page
