"""Ctrl-C and SIGTERM, which end a training after the current step."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM: the machine shuts down, or the time of a scheduled job is over."""


class WorkerLost(ConnectionError):
    """Another process of the training ended, or cannot be reached any more."""


_RAISED = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated}


@contextlib.contextmanager
def deferred_interrupt() -> Iterator[Callable[[], type[KeyboardInterrupt] | None]]:
    """Remembers the first Ctrl-C or SIGTERM; a second one interrupts immediately.

    An interrupt in the middle of a step would leave weights that do not match the step count.
    Signals reach only the main thread; in other threads this does nothing.

    Yields:
        A function that returns the exception to raise for the signal, or None without a signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    received: list[type[KeyboardInterrupt]] = []
    before = {number: signal.getsignal(number) for number in _RAISED}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def remember(number: int, frame: FrameType | None) -> None:
        del frame
        received.append(_RAISED[signal.Signals(number)])
        restore()

    for number in _RAISED:
        signal.signal(number, remember)
    try:
        yield lambda: received[0] if received else None
    finally:
        restore()
