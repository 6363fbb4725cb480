"""Two processes train as one does; a lost one ends them all, and the run goes on exactly."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import together
from forked import Forked

Arguments = Sequence[object]


def start(runs: Sequence[Arguments]) -> list[Forked]:
    """Starts a process for each of `runs`, all of them together."""
    sockets = [socket.create_server(("localhost", 0)) for _ in runs]
    cluster = {"worker": [f"localhost:{server.getsockname()[1]}" for server in sockets]}
    for server in sockets:
        server.close()
    tasks = [
        {"cluster": cluster, "task": {"type": "worker", "index": at}} for at in range(len(runs))
    ]
    return [
        Forked(together.main, *arguments, environment={"TF_CONFIG": json.dumps(task)})
        for arguments, task in zip(runs, tasks, strict=True)
    ]


def state(run: Path) -> list[np.ndarray]:
    with np.load(run / "checkpoints" / "last.npz") as archive:
        return [archive[name] for name in sorted(archive.files)]


def assert_same(run: Path, other: Path, *, bound: float) -> None:
    """Compares each array by its largest difference over its largest value, and the histories."""
    for a, b in zip(state(run), state(other), strict=True):
        assert np.abs(a - b).max() <= bound * max(np.abs(b).max(), 1e-6)
    table, expected = (pd.read_csv(path / "history.csv") for path in (run, other))
    columns = [name for name in expected.columns if name != "images_per_second"]
    pd.testing.assert_frame_equal(table[columns], expected[columns], rtol=max(bound, 1e-12))


@pytest.fixture
def alone(dataset, tmp_path) -> Callable[..., Path]:
    """Trains in this process."""

    def run(steps: int, name: str = "alone", *, resume: bool = False) -> Path:
        together.train(dataset.path, tmp_path / name, steps, resume=resume)
        return tmp_path / name

    return run


@pytest.fixture
def pair(dataset, tmp_path) -> Callable[..., Path]:
    """Trains in two processes, of which the second is given a folder that it must not touch."""

    def run(steps: int, name: str = "pair", *flags: str) -> Path:
        folders = (tmp_path / name, tmp_path / "of another host")
        processes = start([(dataset.path, folder, steps, *flags) for folder in folders])
        ends = [process.ended(240) for process in processes]
        assert [end.code for end in ends] == [0, 0], ends
        assert not folders[1].exists()
        # Callbacks hear of the run in the first process alone.
        assert "row\n" in ends[0].out and ends[1].out == ""
        return folders[0]

    return run


@pytest.mark.slow
def test_two_processes_take_the_same_20_steps_as_one_before_and_after_a_change_of_their_number(
    alone, pair
):
    expected = alone(20)
    alone(10, "grown")
    assert_same(pair(20, "grown", "resume"), expected, bound=1e-5)
    pair(10, "shrunk")
    assert_same(alone(20, "shrunk", resume=True), expected, bound=1e-5)
    rows = pd.read_csv(expected / "history.csv")
    assert (rows["gradient_norm"] > together.CONFIG.optimizer.clip_norm).all()


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1], ids=["chief", "worker"])
def test_when_one_is_killed_the_other_says_so_and_the_restart_is_exact(
    dataset, tmp_path, pair, victim
):
    run = tmp_path / "run"
    processes = start([(dataset.path, run, 100_000)] * 2)
    assert processes[0].wait_for_rows(12)
    processes[victim].send(signal.SIGKILL)
    killed = time.monotonic()
    code, _, err = processes[1 - victim].ended(60)
    assert code == 1, err
    assert "Another of the 2 workers ended or cannot be reached" in err
    assert time.monotonic() - killed < 60
    processes[victim].ended(10)
    reached = int(pd.read_csv(run / "history.csv")["step"].iloc[-1])
    assert reached >= 20
    pair(reached + 10, "run", "resume")
    assert_same(run, pair(reached + 10, "whole"), bound=0)


@pytest.mark.slow
def test_sigterm_to_one_ends_both_at_the_same_step(dataset, tmp_path, pair):
    run = tmp_path / "run"
    processes = start([(dataset.path, run, 100_000)] * 2)
    assert processes[0].wait_for_rows(3)
    processes[1].send(signal.SIGTERM)
    ends = [process.ended(60) for process in processes]
    assert [end.code for end in ends] == [143, 143], ends
    with np.load(run / "checkpoints" / "last.npz") as archive:
        reached = int(archive["step"])
    pair(reached + 10, "run", "resume")
    assert_same(run, pair(reached + 10, "whole"), bound=0)


@pytest.mark.slow
def test_what_the_chief_refuses_all_refuse(dataset, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    processes = start([(dataset.path, tmp_path / name, 4) for name in ("taken", "free")])
    for process in processes:
        code, _, err = process.ended(120)
        assert code == 2
        assert "taken is not empty" in err.splitlines()[-1]
    assert not (tmp_path / "free").exists()


@pytest.mark.slow
def test_processes_with_different_options_are_refused_in_each(dataset, tmp_path):
    processes = start([(dataset.path, tmp_path / "run", steps) for steps in (4, 5)])
    ends = [process.ended(120) for process in processes]
    assert [end.code for end in ends] == [2, 2], ends
    chief, other = (end.err.splitlines()[-1] for end in ends)
    rule = "All processes of a training must have the same options and data; "
    assert chief.startswith(f"{rule}another process has others")
    assert other.startswith(f"{rule}train.steps is 5 here and 4 in the first process.")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_memory_that_is_not_there_is_told_in_each_process(dataset, tmp_path):
    processes = start([(dataset.path, tmp_path / name, 4, "huge") for name in ("one", "other")])
    for process in processes:
        code, _, err = process.ended(120)
        assert code == 2, err
        message = "Out of memory: 2 crops of 32 x 32 on a device need about"
        assert err.splitlines()[-1].startswith(message), err
        assert "(train.batch_size is 4, on 2 devices). Use train.batch_size 2 and" in err
