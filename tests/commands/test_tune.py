"""tfseg tune."""

from __future__ import annotations

import hashlib
import json
import shutil

import pytest
import yaml


def test_tune_prints_and_stores_its_thresholds_and_the_report_lists_them(
    tfseg, run_dir, dataset, tmp_path
):
    run = tmp_path / "run"
    shutil.copytree(run_dir, run)
    result = tfseg("tune", run, dataset, "--metric=pq")
    assert (result.code, result.next) == (0, f"evaluate {run} {dataset}")
    rows = [line.split() for line in result.out.splitlines()]
    assert rows[0] == ["option", "before", "chosen"]
    assert rows[-1] == ["thresholds:", str(run / "thresholds.yaml")]
    stored = yaml.safe_load((run / "thresholds.yaml").read_text(encoding="utf-8"))
    assert [row[0] for row in rows[1:-2]] == list(stored["head_options"])
    assert stored["after"] >= stored["before"]
    digest = hashlib.sha256((dataset / "dataset.json").read_bytes()).hexdigest()
    assert stored["data"] == {"path": str(dataset), "sha256": digest}
    assert (stored["checkpoint"], stored["step"]) == ("best", 4)

    result = tfseg("evaluate", run, dataset, "--split=val", "--json")
    assert abs(result.json["pq"] - stored["after"]) < 1e-6
    assert "was tuned for" not in result.err
    chosen, facts = (result.json["model"][name] for name in ("thresholds", "tuned"))
    assert chosen == stored["head_options"]
    assert facts == {name: value for name, value in stored.items() if name != "head_options"}
    report = (run / "evaluation-val" / "report.html").read_text(encoding="utf-8")
    assert "Thresholds" in report
    assert not (run_dir / "thresholds.yaml").exists()

    refused = tfseg("tune", run, dataset)
    assert (refused.code, refused.out) == (2, "")
    assert "run already has thresholds.yaml" in refused.err
    assert stored == yaml.safe_load((run / "thresholds.yaml").read_text(encoding="utf-8"))


@pytest.mark.filterwarnings("always")
def test_thresholds_of_earlier_weights_are_told_when_they_are_used(tfseg, run_dir, files, tmp_path):
    run, out = shutil.copytree(run_dir, tmp_path / "run"), tmp_path / "out"
    chosen = {"foreground_threshold": 0.3}
    content = {"checkpoint": "best", "step": 2, "head_options": chosen}
    (run / "thresholds.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    result = tfseg("predict", run, files / "images" / "00.png", "--out", out)
    assert result.code == 0
    message = "thresholds.yaml was tuned for the weights of step 2; these are of step 4."
    assert message in result.err
    model = json.loads((out / "options.json").read_text(encoding="utf-8"))["model"]
    assert (model["step"], model["tuned"]) == (4, {"checkpoint": "best", "step": 2})
    assert model["thresholds"]["foreground_threshold"] == 0.3


def test_tune_refuses_an_unknown_metric(tfseg, run_dir, dataset):
    result = tfseg("tune", run_dir, dataset, "--metric=dice")
    assert (result.code, result.out) == (2, "")
    assert "pq" in result.err
