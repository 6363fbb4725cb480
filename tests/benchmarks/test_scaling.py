"""The expected efficiency is worked out by hand, and the committed sheet is of this program."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "scaling.json"
COUNTED = {
    "exchanges": 10,
    "bytes of gradients and losses": 24_000_000,
    "bytes of statistics": 1_600_000,
}


@pytest.fixture
def scaling(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(RESULTS.parents[1])
    import scaling

    return scaling


def test_the_seconds_of_exchanges_are_bytes_over_speed_and_latencies(scaling):
    # 8 x 25.6 MB at 0.8 x 32 GB/s, and 10 x 4 copies of 20 us; 1.75 x 25.6 MB at 0.8 x 12.5 GB/s
    assert scaling.exchange_seconds(COUNTED, "PCIe 4") == pytest.approx(0.008 + 0.0008)
    assert scaling.exchange_seconds(COUNTED, "100 Gbit/s") == pytest.approx(0.00448 + 0.0015)


def test_cores_make_as_many_crops_as_the_gpus_take(scaling):
    row = scaling.cores(100.0, 500_000)["8 crops a GPU, a step of 20 ms"]
    assert list(row.values()) == pytest.approx([400.0, 4.0, 32.0, 12.8])


def test_the_committed_sheet_is_that_of_its_counts(scaling):
    report = json.loads(RESULTS.read_text(encoding="utf-8"))
    results = report["results"]
    measured = {
        name: results["measured"][f"seconds of a step of {name} on a CPU"]
        for name in scaling.NETWORKS
    }
    assert scaling.efficiency(results["exchanges"], measured) == results["efficiency"]
    assert scaling.claims(results["exchanges"]) == report["claims"]
    assert results["assumptions"] == scaling.ASSUMPTIONS
    assert all(claim["met"] for claim in report["claims"])


@pytest.mark.exhaustive
def test_the_counts_are_made(run, tmp_path):
    done = run("scaling.py", f"--to={tmp_path / 'scaling.json'}")
    assert done.returncode == 0, done.stderr
    made, committed = (
        json.loads(path.read_text(encoding="utf-8"))["results"]["exchanges"]
        for path in (tmp_path / "scaling.json", RESULTS)
    )
    assert made == committed
