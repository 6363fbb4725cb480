"""The benchmark of large images runs at its smallest."""

from __future__ import annotations

import json

import pytest


@pytest.mark.exhaustive
def test_crops_of_large_images_take_as_long_and_training_on_one_takes_little_memory(run, tmp_path):
    path = tmp_path / "large_images.json"
    options = ("--rounds=2", "--batches=1", "--largest=5000")
    done = run("large_images.py", *options, f"--to={path}")
    assert done.returncode == 0, done.stderr
    report = json.loads(path.read_text(encoding="utf-8"))
    assert list(report["results"]["crops"]) == ["1 megapixel", "25 megapixels"]
    *_, memory = report["claims"]
    assert memory["met"], memory
