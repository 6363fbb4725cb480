"""The benchmark of the metrics runs at its smallest, checks its contenders, and writes its JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "metrics.py"


def test_all_contenders_find_the_same_and_the_json_holds_the_claims(tmp_path):
    pytest.importorskip("pycocotools")
    path = tmp_path / "new" / "metrics.json"
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "--side=128", "--pitch=16", "--rounds=2"]
        + ["--slow_rounds=1", f"--to={path}"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(path.read_text(encoding="utf-8"))
    assert report["instances"]["truth"] == 64
    assert len(report["claims"]) == 3
    assert all(claim.keys() == {"name", "value", "target", "met"} for claim in report["claims"])
    assert {"tfseg", "StarDist's way", "pycocotools"} <= set(report["results"])
    assert report["results"]["tfseg"]["ratio"] == 1.0
    assert report["machine"]["processor"] and "commit" in report["machine"]
