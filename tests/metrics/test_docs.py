"""docs/metrics.md names every metric."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tfseg.metrics import FORMULAS, FURTHER_FORMULAS, Conventions, evaluate_pairs

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")


def test_the_page_names_every_metric():
    names = [*FORMULAS, *FURTHER_FORMULAS]
    assert [name for name in names if f"`{name}`" not in PAGE] == []


def test_every_computed_metric_has_a_formula():
    ids = np.eye(4, dtype=np.int32)
    pairs = [("a", ids, ids), ("b", ids, ids)]
    summary = evaluate_pairs(pairs, conventions=Conventions(boundary=True)).summary()
    counted = {"num_images", "num_instances", "num_predicted", "conventions", "formulas"}
    assert set(summary) - counted == set(summary["formulas"])
    assert set(summary["image_mean"]) <= set(FORMULAS | FURTHER_FORMULAS)


def test_the_page_has_the_speeds_of_the_benchmark():
    path = ROOT / "benchmarks" / "results" / "metrics.json"
    report = json.loads(path.read_text(encoding="utf-8"))
    for name, row in report["results"].items():
        assert f"| {name} | {1000 * row['seconds']:.1f} | {row['ratio']:.1f} |" in PAGE
    assert all(claim["met"] for claim in report["claims"])
