"""Time and speed of one call of `fit`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator


class Clock:
    """Measures time since its creation, at step `first`; a step has `samples`."""

    def __init__(self, first: int, samples: int) -> None:
        self._first, self._samples, self._start = first, samples, time.monotonic()
        self._waited = 0.0

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Counts the time inside the context as waiting for data."""
        start = time.monotonic()
        yield
        self._waited += time.monotonic() - start

    def seconds(self) -> float:
        """Returns the time since the clock was made."""
        return time.monotonic() - self._start

    def data_wait(self) -> float:
        """Returns the share of the time that was spent waiting for data, in [0, 1]."""
        return self._waited / self.seconds()

    def images_per_second(self, at: int) -> float:
        """Returns the speed after step `at`."""
        return (at - self._first) * self._samples / self.seconds()

    def seconds_left(self, at: int, last: int) -> float:
        """Returns the expected time from the end of step `at` to the end of step `last`."""
        return self.seconds() / (at - self._first) * (last - at)
