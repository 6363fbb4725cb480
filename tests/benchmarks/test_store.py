"""The benchmark of the store runs at its smallest."""

from __future__ import annotations

import json


def test_the_benchmark_measures_every_way_on_both_sets(run_here, tmp_path):
    path = tmp_path / "store.json"
    done = run_here("store.py", "--rounds=2", f"--to={path}")
    assert done.returncode == 0, done.stderr
    report = json.loads(path.read_text(encoding="utf-8"))
    assert [rows["raw"]["bytes_per_pixel"] for rows in report["results"].values()] == [1, 3]
    for rows in report["results"].values():
        assert list(rows) == ["png", "raw", "jpeg:95", "original", "png 9", "label"]
        assert all(row["milliseconds_per_megapixel"] > 0 for row in rows.values())
        assert rows["png 9"]["bytes_per_pixel"] < rows["png"]["bytes_per_pixel"]
