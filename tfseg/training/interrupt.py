"""What ends a training from outside: Ctrl-C and SIGTERM, which let the step at work finish."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM came: the machine is taken away, or a scheduler's time is over."""


class WorkerLost(ConnectionError):
    """Another process of the training ended, or cannot be reached any more."""


_RAISED = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated}


@contextlib.contextmanager
def deferred_interrupt() -> Iterator[Callable[[], type[KeyboardInterrupt] | None]]:
    """Notes the first Ctrl-C or SIGTERM; a second one acts at once.

    An interrupt in the middle of a step would leave weights and step count that do not belong
    together. Signals reach only the main thread; elsewhere nothing is changed.

    Yields:
        A function that returns what is to be raised for the signal that came, or None.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    noted: list[type[KeyboardInterrupt]] = []
    before = {number: signal.getsignal(number) for number in _RAISED}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        noted.append(_RAISED[signal.Signals(number)])
        restore()

    for number in _RAISED:
        signal.signal(number, note)
    try:
        yield lambda: noted[0] if noted else None
    finally:
        restore()
