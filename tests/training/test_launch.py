"""Several processes are started, heard and ended; none of them needs TensorFlow."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tfseg.checks import InputError
from tfseg.training import launch as launching
from tfseg.training.launch import environments, launch

OWN = "import json, os; task = json.loads(os.environ['TF_CONFIG']); at = task['task']['index']\n"


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")


def started(code: str, count: int = 2) -> int:
    return launch([sys.executable, "-c", OWN + code], count)


def test_every_line_has_the_number_of_its_process_and_all_know_of_each_other(capfd):
    code = "import sys; print(json.dumps(task), 'x', file=sys.stderr); at or print('result')"
    assert started(code, 3) == 0
    out, err = capfd.readouterr()
    assert out == "result\n"
    lines = sorted(err.splitlines())
    assert [line[:4] for line in lines] == ["[0] ", "[1] ", "[2] "]
    tasks = [json.loads(line[4:-2]) for line in lines]
    assert [task["task"] for task in tasks] == [{"type": "worker", "index": k} for k in range(3)]
    (cluster,) = {json.dumps(task["cluster"]) for task in tasks}
    assert len(set(json.loads(cluster)["worker"])) == 3


def test_when_one_fails_the_others_are_ended_and_its_code_is_returned(monkeypatch):
    monkeypatch.setattr(launching, "_SECONDS_TO_END", 0.5)
    start = time.monotonic()
    assert started("import sys, time; sys.exit(3) if at else time.sleep(600)") == 3
    assert time.monotonic() - start < 60


def test_when_one_fails_the_others_have_time_to_say_so(capfd):
    code = "import sys, time; at or sys.exit(2); time.sleep(1); sys.exit('a worker is lost')"
    assert started(code) == 2
    assert "[1] a worker is lost\n" in capfd.readouterr().err


def test_a_process_that_is_killed_counts_as_in_a_shell():
    assert started("at and os.kill(os.getpid(), 9)") == 128 + signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_all_of_them_once_and_decides_the_exit_code(number):
    worker = OWN + (
        "import signal, sys, time\n"
        "def end(number, frame): print('ended', file=sys.stderr); sys.exit(128 + number)\n"
        "for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, end)\n"
        # In one piece: of what is not buffered, print writes the end of the line by itself.
        "sys.stdout.write('ready\\n'); sys.stdout.flush(); time.sleep(600)"
    )
    launcher = (
        "import sys; from tfseg.training.launch import launch\n"
        f"sys.exit(launch([sys.executable, '-c', {worker!r}], 2))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", launcher],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert [process.stdout.readline() for _ in range(2)] == ["ready\n"] * 2
        os.killpg(process.pid, number)  # as a terminal does
        _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert sorted(err.splitlines()) == ["[0] ended", "[1] ended"]


def test_gpus_are_shared_out_in_order(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0, 2,5,7")
    shares = [variables["CUDA_VISIBLE_DEVICES"] for variables in environments(2)]
    assert shares == ["0,2", "5,7"]
    with pytest.raises(InputError, match="the 4 GPUs evenly; got 3"):
        environments(3)
