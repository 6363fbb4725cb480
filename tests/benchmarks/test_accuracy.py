"""The benchmarks of accuracy run at their smallest, and tell the kinds of images apart."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest


@pytest.fixture
def folder(sample: Path, tmp_path: Path) -> Path:
    """Images of both kinds to train on, and in val one dark and two coloured ones."""
    coloured = sorted((sample / "other" / "images").iterdir())[2:]  # the first two are grey
    dark = sorted((sample / "test" / "images").iterdir())
    parts = {"train": [*dark[:3], *coloured[:1]], "val": [dark[3], *coloured[1:3]]}
    for split, images in parts.items():
        for kind in ("images", "labels"):
            (tmp_path / split / kind).mkdir(parents=True)
            for image in images:
                shutil.copy(image.parents[1] / kind / image.name, tmp_path / split / kind)
    kinds = ["dark", "coloured", "coloured"]
    rows = [f"{path.stem},{kind}" for path, kind in zip(parts["val"], kinds, strict=True)]
    (tmp_path / "val" / "kinds.csv").write_text("\n".join(["name,kind", *rows]) + "\n", "utf-8")
    return tmp_path


@pytest.mark.slow
def test_the_benchmark_counts_every_kind_by_itself(run, folder):
    path = folder / "accuracy.json"
    done = run("accuracy.py", str(folder), f"--work={folder}/work", "--steps=1", f"--to={path}")
    assert done.returncode == 0, done.stderr
    report = json.loads(path.read_text(encoding="utf-8"))
    results = report["results"]
    assert {name: row["num_images"] for name, row in results.items()} == {
        "all": 3,
        "coloured": 2,
        "dark": 1,
    }
    parts = [results[name]["num_instances"] for name in ("coloured", "dark")]
    assert results["all"]["num_instances"] == sum(parts)
    assert [claim["target"] for claim in report["claims"]] == [0.65, 0.63, 0.78, 0.73]


@pytest.mark.slow
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
