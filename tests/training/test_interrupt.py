"""Ctrl-C that waits for the step at work."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from tfseg.training.interrupt import deferred_interrupt


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_is_noted_and_the_second_raises():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), deferred_interrupt() as interrupted:
        assert not interrupted()
        press_ctrl_c()
        assert interrupted()
        press_ctrl_c()
        pytest.fail("the second one did not raise")
    assert signal.getsignal(signal.SIGINT) is before


def test_afterwards_ctrl_c_raises_as_before():
    with deferred_interrupt():
        pass
    with pytest.raises(KeyboardInterrupt):
        press_ctrl_c()


def test_in_another_thread_it_does_nothing():
    before, seen = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with deferred_interrupt() as interrupted:
            seen.append((interrupted(), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, before)]
