"""The benchmarks of accuracy run at their smallest, and separate the kinds of images."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
WAYS = ("", ", tuned", ", tuned and tta")


@pytest.fixture
def folder(sample: Path, tmp_path: Path) -> Path:
    """Images of both kinds to train on, and in the folder val one dark and two coloured ones."""
    coloured = sorted((sample / "other" / "images").iterdir())[2:]  # the first two are grey
    dark = sorted((sample / "test" / "images").iterdir())
    parts = {"train": [*dark[:8], *coloured[:1]], "val": [dark[8], *coloured[1:3]]}
    for split, images in parts.items():
        for kind in ("images", "labels"):
            (tmp_path / split / kind).mkdir(parents=True)
            for image in images:
                shutil.copy(image.parents[1] / kind / image.name, tmp_path / split / kind)
        kinds = {image.stem: "dark" if image in dark else "coloured" for image in images}
        rows = [f"{name},{kind}" for name, kind in kinds.items()]
        (tmp_path / split / "kinds.csv").write_text("\n".join(["name,kind", *rows]) + "\n", "utf-8")
    return tmp_path


@pytest.mark.exhaustive
def test_the_benchmark_counts_every_kind_by_itself(run, folder):
    path = folder / "accuracy.json"
    budget = ("--steps=1", "--heads", "semantic", "boundary")
    done = run("accuracy.py", str(folder), f"--work={folder}/work", f"--to={path}", *budget)
    assert done.returncode == 0, done.stderr
    results = json.loads(path.read_text(encoding="utf-8"))["results"]
    assert results.pop("training")["boundary"]["steps"] == 1
    limits = results.pop("limit")
    assert limits["semantic"]["num_instances"] == results["all"]["semantic"]["num_instances"]
    assert 0.0 < limits["semantic"]["share"] < limits["boundary"]["share"] <= 1.0
    lost = [line.partition(": ")[2].split() for line in limits["semantic"]["lost"]]
    assert sum(map(len, lost)) == limits["semantic"]["num_lost"] > 0
    rows = {f"{head}{way}" for head in ("semantic", "boundary") for way in WAYS}
    for part, images in {"all": 3, "coloured": 2, "dark": 1}.items():
        assert {name: row["num_images"] for name, row in results[part].items()} == dict.fromkeys(
            rows, images
        )
    parts = [results[name]["semantic"]["num_instances"] for name in ("coloured", "dark")]
    assert results["all"]["semantic"]["num_instances"] == sum(parts)


def test_a_target_is_compared_with_the_first_head_tuned_and_with_tta(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import accuracy

    rows = {"semantic, tuned and tta": {"ap50": 0.7, "pq": 0.6}}
    claims = accuracy.claims_of({"all": rows, "dark": rows}, "semantic", 20.0)
    assert [(claim["value"], claim["target"], claim["met"]) for claim in claims] == [
        (0.7, ">= 0.65", True),
        (0.6, ">= 0.63", False),
        (0.7, ">= 0.78", False),
        (0.6, ">= 0.73", False),
    ]
    longer = accuracy.claims_of({"all": rows, "dark": rows}, "semantic", 105.0)
    assert [claim["target"] for claim in longer] == [">= 0.78", ">= 0.72", ">= 0.86", ">= 0.79"]
    assert accuracy.claims_of({"all": rows}, "semantic", 121.0) == []
    assert accuracy.claims_of({"all": rows}, "semantic", None) == []


@pytest.mark.exhaustive
def test_the_presets_are_trained_and_timed_beside_each_other(run, folder):
    path = folder / "presets.json"
    options = (f"--work={folder}/work", "--steps=1", "--rounds=1", f"--to={path}")
    done = run("presets.py", str(folder), *options)
    assert done.returncode == 0, done.stderr
    results = json.loads(path.read_text(encoding="utf-8"))["results"]
    weights = [results[name]["million_weights"] for name in ("small", "base", "large")]
    assert weights == sorted(weights)
    assert all(0 <= row["ap50"] <= 1 for row in results.values())
    assert all(min(row["step_seconds"], row["predict_seconds"]) > 0 for row in results.values())
