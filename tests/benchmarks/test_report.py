"""docs/benchmarks.md is what the committed results say, with a plot for every curve."""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
RESULTS = ROOT / "benchmarks" / "results"
REPORT = runpy.run_path(str(ROOT / "benchmarks" / "report.py"))


def test_the_page_is_that_of_the_committed_results_and_shows_plots_that_are_there(tmp_path):
    REPORT["main"](results=RESULTS, to=tmp_path)
    remedy = "run python -m benchmarks.report"
    made = (tmp_path / "benchmarks.md").read_text("utf-8")
    assert made == (DOCS / "benchmarks.md").read_text("utf-8"), remedy
    made, there = (
        {file.name for file in (folder / "benchmarks").iterdir()} for folder in (tmp_path, DOCS)
    )
    assert made == there, remedy
    assert made


def test_a_benchmark_that_comes_anew_gets_its_part_of_the_page(tmp_path):
    report = {
        "claims": [{"name": "speed", "value": 1.5, "target": ">= 2", "met": False}],
        "results": {
            "loops": {"tfseg": {"ms": {"median": 2.0, "quartiles": [1.0, 3.0]}, "all": [1]}},
            "memory": {"megabytes": 7.25, "steps": [1, 2]},
        },
        "curves": {"Time, and ids": {"x": "ids", "y": "ms", "lines": {"tfseg": [[1, 2], [10, 3]]}}},
        "agreement": {"Flip": {"peer": {"share_of_equal_ids": 0.5}, "difference": "the border"}},
        "machine": json.loads((RESULTS / "heads.json").read_text("utf-8"))["machine"],
    }
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "heads.json").write_text(json.dumps(report), "utf-8")
    REPORT["main"](results=tmp_path / "results", to=tmp_path / "docs")
    page = (tmp_path / "docs" / "benchmarks.md").read_text("utf-8")
    assert "| heads | speed | >= 2 | 1.5 | **no** |" in page
    assert "### Loops\n\n|  | ms |\n| --- | --- |\n| tfseg | 2 (1 to 3) |\n" in page
    assert "### Memory\n\n| megabytes |\n| --- |\n| 7.25 |\n" in page
    assert "| Flip: peer | 0.5 | the border |" in page
    assert "![Time, and ids](benchmarks/time-and-ids.svg)" in page
    plots = [tmp_path / name / "benchmarks" / "time-and-ids.svg" for name in ("docs", "again")]
    shutil.copytree(tmp_path / "docs", tmp_path / "again")
    REPORT["main"](results=tmp_path / "results", to=tmp_path / "docs")
    assert plots[0].read_bytes() == plots[1].read_bytes()


def test_what_a_script_wrote_with_another_setting_follows_its_own_part(tmp_path):
    for name in ("heads", "heads-9-rounds"):
        shutil.copy(RESULTS / "heads.json", tmp_path / f"{name}.json")
    REPORT["main"](results=tmp_path, to=tmp_path)
    page = (tmp_path / "benchmarks.md").read_text("utf-8")
    titles = [line for line in page.splitlines() if line.startswith("## ")]
    assert titles == ["## Targets", "## Heads", "## Heads, 9 rounds"]
    assert page.partition(titles[-1])[2].startswith("\n\n`benchmarks/heads.py` again.\n\n")
    assert f"| {titles[-1][3:].lower()} | " in page
