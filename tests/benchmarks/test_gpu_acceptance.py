"""The acceptance on GPUs runs on parts of a CPU, at its smallest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

SCHEMA = Path(__file__).parents[2] / "benchmarks" / "schema.json"
TINY = """
data: {crop_size: 32}
augment: [{name: HorizontalFlip}]
model: {filters: [4, 8], head: semantic}
train: {batch_size: 2, augment_on: device}
optimizer: {name: SGD}
"""


def test_without_a_gpu_nothing_is_measured(run_here, tmp_path):
    done = run_here("gpu_acceptance.py", "--out", str(tmp_path / "out"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("No GPU is visible to TensorFlow")
    assert not (tmp_path / "out").exists()


def measured(run: Callable, folder: Path, *options: str) -> tuple[dict, dict[str, bool]]:
    """Measures on two parts of a CPU; returns the results, and which targets were met."""
    (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
    fixed = ("--config", str(folder / "tiny.yaml"), "--steps", "2", "--minutes", "60")
    fixed += ("--precisions", "float32", "--factors", "1", "--out", str(folder))
    done = run("gpu_acceptance.py", *fixed, "--devices", "CPU:0", "CPU:1", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((folder / "gpu_acceptance.json").read_text(encoding="utf-8"))
    jsonschema.validate(report, json.loads(SCHEMA.read_text(encoding="utf-8")))
    return report["results"], {one["name"]: one["met"] for one in report["claims"]}


@pytest.mark.slow
def test_parts_are_measured_on_two_halves_of_a_cpu(run, tmp_path):
    chosen = ("augmentation", "throughput", "prediction")
    results, met = measured(run, tmp_path, "--parts", *chosen)
    assert tuple(results) == chosen
    assert list(met.values()) == [None, True, True, None, True]
    assert len(results["throughput"]["images a second"]) == 1
    page = (tmp_path / "gpu_acceptance.md").read_text(encoding="utf-8")
    assert "| augmentation: different ids | <= 0 | 0 | yes |" in page


@pytest.mark.exhaustive
def test_every_part_is_measured(run, tmp_path):
    results, met = measured(run, tmp_path)
    assert met.pop("idle share, augment_on device") is not None
    assert set(met.values()) == {True}
    assert results["replicas"]["devices"] == 2
    assert set(results["training"]) >= {"augment_on host", "augment_on device"}


def test_a_part_that_fails_or_has_no_time_left_is_reported(monkeypatch):
    monkeypatch.syspath_prepend(SCHEMA.parent)
    import gpu_acceptance

    def broken(task: object) -> dict:
        raise ValueError("no such card")

    monkeypatch.setattr(gpu_acceptance, "PARTS", {"replicas": broken, "doctor": lambda _: {}})
    results = gpu_acceptance.measured(None, 1, ["replicas", "doctor"])
    assert results["replicas"]["error"] == "ValueError: no such card"
    assert "error" not in results["doctor"]
    assert gpu_acceptance.measured(None, -1, ["replicas", "doctor"]) == {
        name: {"left out": "-1 minutes are over"} for name in ("replicas", "doctor")
    }
