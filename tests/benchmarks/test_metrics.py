"""The benchmark of the metrics runs at its smallest, checks its contenders, and writes its JSON."""

from __future__ import annotations

import json

import pytest


def test_all_contenders_count_the_same_matches_and_the_json_has_the_claims(run_here, tmp_path):
    pytest.importorskip("pycocotools")
    path = tmp_path / "new" / "metrics.json"
    options = ("--side=128", "--pitch=16", "--rounds=2", "--slow_rounds=1", f"--to={path}")
    done = run_here("metrics.py", *options)
    assert done.returncode == 0, done.stderr
    report = json.loads(path.read_text(encoding="utf-8"))
    assert report["instances"]["truth"] == 64
    assert len(report["claims"]) == 3
    assert all(claim.keys() == {"name", "value", "target", "met"} for claim in report["claims"])
    assert {"tfseg", "StarDist's way", "pycocotools"} <= set(report["results"])
    assert report["results"]["tfseg"]["ratio"] == 1.0
    assert report["machine"]["processor"] and "commit" in report["machine"]
