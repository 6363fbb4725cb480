"""The benchmark of the store runs at its smallest, and the page has the figures that it wrote."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_benchmark_measures_every_way_on_both_sets(run, tmp_path):
    path = tmp_path / "store.json"
    done = run("store.py", "--rounds=2", f"--to={path}")
    assert done.returncode == 0, done.stderr
    report = json.loads(path.read_text(encoding="utf-8"))
    assert [figures["raw"]["bytes_per_pixel"] for figures in report["results"].values()] == [1, 3]
    for figures in report["results"].values():
        assert list(figures) == ["png", "raw", "jpeg:95", "original", "png 9", "label"]
        assert all(each["milliseconds_per_megapixel"] > 0 for each in figures.values())
        assert figures["png 9"]["bytes_per_pixel"] < figures["png"]["bytes_per_pixel"]


def test_the_page_has_the_figures_of_the_committed_results():
    page = (ROOT / "docs" / "store.md").read_text(encoding="utf-8")
    report = json.loads((ROOT / "benchmarks" / "results" / "store.json").read_text("utf-8"))
    for figures in report["results"].values():
        for each in figures.values():
            row = "{bytes_per_pixel:.2f} | {milliseconds_per_megapixel:.1f} ".format(**each)
            assert f"| {row}" in page
