"""The benchmark of the pipeline runs at its smallest, for tfseg alone, and writes its JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tfseg.heads import CenterOffset

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CLAIMS = 10
ALONE = ("--quick", "--without", "albumentations", "albumentationsx")


def test_reading_and_decoding_are_measured_and_other_claims_have_no_value(
    run_here, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import pipeline

    path = tmp_path / "results.json"
    done = run_here("pipeline.py", *ALONE, "--only=read and decode", f"--to={path}")
    assert done.returncode == 0, done.stderr
    report = json.loads(path.read_text(encoding="utf-8"))
    assert list(report["results"]) == ["read and decode"]
    assert report["claims"] == []  # it is a trial
    claims = pipeline.claims(report["results"])
    assert len(claims) == CLAIMS
    assert all(claim.keys() == {"name", "value", "target", "met"} for claim in claims)
    (measured,) = (claim for claim in claims if claim["value"] is not None)
    assert measured["name"] == "read and decode: share of a bare loop"
    assert measured["met"] == (measured["value"] >= 0.9)
    assert report["left_out"] == ["albumentations", "albumentationsx"]
    assert report["machine"]["load_before"]


@pytest.mark.slow
@pytest.mark.parametrize("question", ["end to end", "conversion", "memory", "start", "accelerator"])
def test_every_question_is_answered_for_tfseg_alone(run, tmp_path, question):
    path = tmp_path / "results.json"
    done = run("pipeline.py", *ALONE, f"--only={question}", f"--to={path}")
    assert done.returncode == 0, done.stderr
    assert list(json.loads(path.read_text(encoding="utf-8"))["results"]) == [question]


def test_a_library_without_an_environment_is_an_error(run_here, tmp_path):
    done = run_here("pipeline.py", "--quick", f"--peers={tmp_path}", f"--to={tmp_path / 'r.json'}")
    assert done.returncode == 1
    assert "--without albumentations" in done.stderr
    assert not (tmp_path / "r.json").exists()


def test_the_targets_of_the_other_libraries_are_those_of_the_head():
    source = (BENCHMARKS / "peers" / "py_dataset.py").read_text(encoding="utf-8")
    start, end = source.index("def targets("), source.index("def build(")
    names = {"np": np, "SIGMA": 0.2, "OFFSET_UNIT": 8.0, "IGNORE": -1}
    exec(source[start:end], names)  # the module itself needs the peer's libraries
    draw = np.random.default_rng(0)
    label = np.kron(draw.integers(-1, 6, (8, 8)), np.ones((5, 5))).astype(np.int32)
    label[0, :3] = 9
    made = CenterOffset().targets(label[None])
    expected = np.concatenate([made[name][0] for name in sorted(made)], axis=-1)
    np.testing.assert_allclose(names["targets"](label), expected, atol=1e-6)
    assert not names["targets"](np.zeros((4, 4), np.int32)).any()
