"""The benchmark of the trainer runs at its smallest; the committed results are complete."""

from __future__ import annotations

import json
import operator
from pathlib import Path

import pytest

import tfseg

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "training.json"
HOLDS = {"<=": operator.le, "<": operator.lt}
CLAIMS = [
    "trainer's step / bare tf.function loop",
    "trainer's step / keras.Model.fit",
    "share of checkpoints",
    "metrics / forward pass in validation",
    "growth of memory after 100 steps",
]


def assert_complete(report: dict) -> None:
    results = report["results"]
    assert results["choices"]["tfseg"]["ratio"] == 1.0
    assert results["loops"]["bare loop"]["ratio"] == 1.0
    assert {"one replica", "two replicas"} <= set(results["replicas"])
    assert report["machine"]["processor"] and "commit" in report["machine"]


def test_the_mode_for_gpus_reports_that_there_is_none(run, tmp_path):
    path = tmp_path / "gpu.json"
    done = run("training.py", "--gpu", f"--to={path}")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == (
        "No GPU is visible to TensorFlow; nothing was measured."
    )
    assert not path.exists()


@pytest.mark.exhaustive
def test_the_questions_for_a_gpu_can_be_answered_on_a_cpu(monkeypatch):
    monkeypatch.syspath_prepend(RESULTS.parents[1])
    import training_gpu

    config = tfseg.RunConfig(
        data=tfseg.DataConfig(crop_size=64),
        model=tfseg.ModelConfig(filters=(8, 16), channels=1),
        train=tfseg.TrainConfig(batch_size=2),
        optimizer=tfseg.OptimizerConfig(warmup_steps=1),
    )
    results = training_gpu.measure(config, rounds=2, steps=2)
    assert len(results["choices"]) == 3 * 2
    for row in results["choices"].values():
        assert row["images_per_second"] == pytest.approx(2 / row["seconds"])
    assert 0 <= results["training"]["idle share"] < 1
    assert training_gpu.idle_share(3.0, 4.0) == 0.25
    (claim,) = training_gpu.claims(results)
    assert claim["met"] is (results["training"]["idle share"] < 0.03)


@pytest.mark.exhaustive
def test_every_question_is_answered(run, tmp_path):
    path = tmp_path / "new" / "training.json"
    options = ("--quick", "--crop_size=64", "--batch_size=2", f"--to={path}")
    done = run("training.py", *options)
    assert done.returncode == 0, done.stderr
    report = json.loads(path.read_text(encoding="utf-8"))
    assert_complete(report)
    assert len(report["results"]["memory"]["megabytes"]) == 20


def test_the_committed_results_are_complete():
    report = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert_complete(report)
    assert [claim["name"] for claim in report["claims"]] == CLAIMS
    for claim in report["claims"]:
        sign, bound = claim["target"].split()
        assert claim["met"] is HOLDS[sign](claim["value"], float(bound))
