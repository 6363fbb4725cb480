"""The benchmark of the heads runs at its smallest, and counts the decoded discs."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from tfseg.heads import HEADS

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_every_head_is_measured_and_decodes_all_discs(run, tmp_path):
    path = tmp_path / "heads.json"
    options = ("--side=64", "--counts=4", "--rounds=1", f"--to={path}")
    done = run("heads.py", *options)
    assert done.returncode == 0, done.stderr
    report = json.loads(path.read_text(encoding="utf-8"))
    assert list(report["results"]) == ["4 instances"]
    for rows in report["results"].values():
        assert list(rows) == [f"{name}, {do}" for name in HEADS for do in ("targets", "decode")]
        assert [rows[f"{name}, decode"]["found"] for name in HEADS] == [1.0] * len(HEADS)
        assert all(row["milliseconds"] > 0 for row in rows.values())
    assert {claim["value"] for claim in report["claims"]} == {None}  # asked of more instances
    assert set(report["curves"]["Heads: decode"]["lines"]) == set(HEADS)


@pytest.mark.parametrize("count", [1, 10, 2000])
def test_a_scene_has_as_many_discs_as_asked_for(count, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.delitem(sys.modules, "common", raising=False)
    label = runpy.run_path(str(BENCHMARKS / "heads.py"))["scene"](512, count)
    assert label.dtype == np.int32
    np.testing.assert_array_equal(np.unique(label), np.arange(count + 1))
