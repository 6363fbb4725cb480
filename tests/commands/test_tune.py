"""tfseg tune."""

from __future__ import annotations

import shutil

import yaml


def test_tune_prints_and_stores_its_thresholds_and_the_report_lists_them(
    tfseg, run_dir, dataset, tmp_path
):
    run = tmp_path / "run"
    shutil.copytree(run_dir, run)
    result = tfseg("tune", run, dataset, "--metric=pq")
    assert result.code == 0
    rows = [line.split() for line in result.out.splitlines()]
    assert rows[0] == ["option", "before", "chosen"]
    assert rows[-1] == ["thresholds:", str(run / "thresholds.yaml")]
    stored = yaml.safe_load((run / "thresholds.yaml").read_text(encoding="utf-8"))
    assert [row[0] for row in rows[1:-2]] == list(stored["head_options"])
    assert stored["after"] >= stored["before"]

    result = tfseg("evaluate", run, dataset, "--split=val", "--json")
    assert abs(result.json["pq"] - stored["after"]) < 1e-6
    report = (run / "evaluation-val" / "report.html").read_text(encoding="utf-8")
    assert "Thresholds" in report
    assert not (run_dir / "thresholds.yaml").exists()


def test_tune_refuses_an_unknown_metric(tfseg, run_dir, dataset):
    result = tfseg("tune", run_dir, dataset, "--metric=dice")
    assert (result.code, result.out) == (2, "")
    assert "pq" in result.err
