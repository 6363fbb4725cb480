"""The benchmark of the augmentations runs at its smallest, for tfseg alone, and writes its JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PEERS = (
    *("keras", "albumentations", "albumentationsx", "tensorflow-addons"),
    *("torchvision", "kornia", "warps"),
)
CLAIMS = 13  # rows of the table of targets: ratios, workers, ids and memory


SMALLEST = ("augmentation.py", "--size=32", "--rounds=2", "--seconds=0")


@pytest.fixture
def peers_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)


def test_tfseg_alone_is_measured_and_the_json_lists_the_libraries_left_out(run, tmp_path):
    path = tmp_path / "results.json"
    done = run(*SMALLEST, "--without", *PEERS, "--only=ShiftScaleRotate alone", f"--to={path}")
    assert done.returncode == 0, done.stderr
    report = json.loads(path.read_text(encoding="utf-8"))
    (row,) = report["results"].values()
    assert list(row) == ["tfseg"]
    assert len(row["tfseg"]["seconds_of_rounds"]) == 2
    low, high = row["tfseg"]["milliseconds_per_image"]["quartiles"]
    assert 0 < low <= row["tfseg"]["milliseconds_per_image"]["median"] <= high
    assert row["tfseg"]["ratio"] == {"median": 1.0, "quartiles": [1.0, 1.0]}
    assert len(report["claims"]) == CLAIMS
    assert all(claim.keys() == {"name", "value", "target", "met"} for claim in report["claims"])
    assert report["left_out"] == list(PEERS)
    assert all(f"left out: {peer}" in done.stdout for peer in PEERS)
    assert report["machine"]["processor"] and report["machine"]["date"]
    assert "commit" in report["machine"] and report["versions"]["tfseg"]["tensorflow"]


def test_a_library_without_an_environment_is_an_error(run_here, tmp_path):
    done = run_here(*SMALLEST, f"--peers={tmp_path}", f"--to={tmp_path / 'results.json'}")
    assert done.returncode == 1
    assert "--without albumentations" in done.stderr
    assert not (tmp_path / "results.json").exists()


def test_the_mode_for_gpus_refuses_in_one_line_if_there_is_none(run, tmp_path):
    done = run(*SMALLEST, "--gpu", f"--to={tmp_path / 'results.json'}")
    assert done.returncode == 1
    assert "No GPU" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "results.json").exists()


@pytest.mark.usefixtures("peers_modules")
@pytest.mark.parametrize(("size", "ids"), [(512, 10), (512, 1000), (300, 100), (64, 3)])
def test_a_picture_has_as_many_ids_as_asked_for(size, ids, tmp_path):
    from peers import policies

    policies.write_inputs(tmp_path / "inputs.npz", size=size, ids=ids)
    inputs = np.load(tmp_path / "inputs.npz")
    assert inputs["image"].shape == (size, size, 3) and inputs["image"].dtype == np.uint8
    assert inputs["label"].shape == (size, size) and inputs["label"].dtype == np.int32
    np.testing.assert_array_equal(np.unique(inputs["label"]), np.arange(ids + 1))
