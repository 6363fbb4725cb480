"""The benchmark of the trainer runs at its smallest, and the committed figures are of this form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "training.json"
CLAIMS = [
    "trainer's step / bare tf.function loop",
    "trainer's step / keras.Model.fit",
    "share of checkpoints",
    "metrics / forward pass in validation",
    "growth of memory after 100 steps",
]


def assert_complete(report: dict) -> None:
    assert [claim["name"] for claim in report["claims"]] == CLAIMS
    for claim in report["claims"]:
        assert claim["met"] is (claim["value"] <= claim["target"])
    results = report["results"]
    assert results["choices"]["tfseg"]["ratio"] == 1.0
    assert results["loops"]["bare loop"]["ratio"] == 1.0
    assert {"one replica", "two replicas"} <= set(results["replicas"])
    for network in results["scale_out"]["networks"].values():
        assert all(0 < each < 1 for each in network["efficiency"].values())
    assert report["machine"]["processor"] and "commit" in report["machine"]


@pytest.mark.slow
def test_every_question_is_answered(run, tmp_path):
    path = tmp_path / "new" / "training.json"
    options = ("--quick", "--crop_size=64", "--batch_size=2", f"--to={path}")
    done = run("training.py", *options)
    assert done.returncode == 0, done.stderr
    report = json.loads(path.read_text(encoding="utf-8"))
    assert_complete(report)
    assert len(report["results"]["memory"]["megabytes"]) == 20


def test_the_committed_figures_are_complete():
    assert_complete(json.loads(RESULTS.read_text(encoding="utf-8")))
