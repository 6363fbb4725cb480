"""A run that is killed again and again ends like one that was not."""

from __future__ import annotations

import random
import shutil
import signal
import time
from pathlib import Path

import killable
import numpy as np
import pandas as pd
import pytest
from forked import Forked

import tfseg


def start(dataset: tfseg.Dataset, run: Path, *operation: int) -> Forked:
    return Forked(killable.main, dataset.path, run, *operation)


def finish(process: Forked) -> str:
    """Waits, and returns what it wrote to standard error."""
    code, _, err = process.ended()
    assert code == 0, err
    return err


def kill_after_rows(process: Forked, *, rows: int, delay: float) -> None:
    """Kills the process some time after it wrote some rows, or lets it finish before that."""
    if process.wait_for_rows(rows):
        time.sleep(delay)
        process.send(signal.SIGKILL)
    process.ended()


def assert_same_run(run: Path, straight: Path) -> None:
    for name in ("last.npz", "last-1.npz", "last-2.npz", "best.npz"):
        with (
            np.load(run / "checkpoints" / name) as one,
            np.load(straight / "checkpoints" / name) as two,
        ):
            assert one.files == two.files
            for entry in one.files:
                np.testing.assert_array_equal(one[entry], two[entry])
    table, other = (pd.read_csv(path / "history.csv") for path in (run, straight))
    columns = [name for name in other.columns if name != "images_per_second"]
    pd.testing.assert_frame_equal(table[columns], other[columns], check_exact=True)
    assert (table["step"].diff()[1:] > 0).all()
    assert (run / "config.yaml").read_bytes() == (straight / "config.yaml").read_bytes()


@pytest.mark.parametrize(
    "kills",
    [pytest.param(10, marks=pytest.mark.slow), pytest.param(20, marks=pytest.mark.exhaustive)],
)
def test_many_kills_later_everything_is_bit_equal(dataset, tmp_path, kills):
    straight, run = tmp_path / "straight", tmp_path / "run"
    finish(start(dataset, straight))
    draw = random.Random(0)
    reached = []
    for kill in range(kills):
        if kill % 2:
            kill_after_rows(start(dataset, run), rows=draw.randint(1, 3), delay=draw.random() / 5)
        else:  # in the middle of a file, or between two renames
            start(dataset, run, draw.randrange(24)).ended()
        rows = run / "history.csv"
        reached.append(pd.read_csv(rows)["step"].iloc[-1] if rows.exists() else 0)
        if kill == 9:  # and a bad disk
            before = tmp_path / "before"
            shutil.copytree(run, before)
            last = run / "checkpoints" / "last.npz"
            last.write_bytes(last.read_bytes()[:5000])
            err = finish(start(dataset, run))
            assert "Damaged checkpoints are set aside" in err
            assert "last.npz.damaged; resuming from" in err
            assert_same_run(run, straight)
            shutil.rmtree(run)
            before.rename(run)
    finish(start(dataset, run))
    assert_same_run(run, straight)
    assert len(set(reached)) >= kills // 4  # the kills were spread over the run
