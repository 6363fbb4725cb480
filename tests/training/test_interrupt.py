"""Ctrl-C and SIGTERM that wait for the step at work."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from tfseg.training.interrupt import Terminated, deferred_interrupt


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(
    ("first", "kind"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)]
)
def test_the_first_is_noted_and_the_second_acts(first, kind):
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with pytest.raises(KeyboardInterrupt), deferred_interrupt() as interrupted:
        assert interrupted() is None
        os.kill(os.getpid(), first)
        assert interrupted() is kind
        assert {number: signal.getsignal(number) for number in before} == before
        press_ctrl_c()
        pytest.fail("the second one did not raise")
    assert {number: signal.getsignal(number) for number in before} == before


def test_sigterm_alone_does_nothing_but_be_noted():
    with deferred_interrupt() as interrupted:
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupted() is Terminated


def test_afterwards_ctrl_c_raises_as_before():
    with deferred_interrupt():
        pass
    with pytest.raises(KeyboardInterrupt):
        press_ctrl_c()


def test_in_another_thread_it_does_nothing():
    before, interrupts = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with deferred_interrupt() as interrupted:
            interrupts.append((interrupted(), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert interrupts == [(None, before)]


KERNEL = """
import sys
sys.path.append({tests!r})
import runs
import tfseg
config = runs.changed(runs.CONFIG, train={{"steps": 100_000}})
trainer = tfseg.Trainer(config, {run!r}, network=runs.build)
trainer.fit(tfseg.Dataset.open({data!r}), on_log=lambda _: print("row", flush=True))
"""


@pytest.mark.slow
def test_the_interrupt_of_a_jupyter_kernel_leaves_the_checkpoint_of_its_step(dataset, tmp_path):
    manager = pytest.importorskip("jupyter_client").KernelManager()
    manager.start_kernel()
    client = manager.blocking_client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=60)
        run = tmp_path / "run"
        tests = str(Path(__file__).parent)
        client.execute(KERNEL.format(tests=tests, run=str(run), data=str(dataset.path)))
        written = ""
        while written.count("row") < 2:
            content = client.get_iopub_msg(timeout=120)["content"]
            assert "ename" not in content, content
            written += content.get("text", "")
        manager.interrupt_kernel()
        assert client.get_shell_msg(timeout=60)["content"]["ename"] == "KeyboardInterrupt"
        with np.load(run / "checkpoints" / "last.npz") as archive:
            assert int(archive["step"]) >= 4
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
