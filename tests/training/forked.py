"""Processes that are forked where TensorFlow is already imported: its 7 seconds are spent once."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tfseg.training.trainer"])
STREAMS = {1: "out", 2: "err"}


class Ended(NamedTuple):
    """What a process left."""

    code: int
    out: str
    err: str


def _run(
    function: Callable[..., int | None],
    arguments: tuple[object, ...],
    environment: Mapping[str, str],
    folder: str,
) -> None:
    os.environ.update(environment)
    for number, name in STREAMS.items():
        os.dup2(os.open(f"{folder}/{name}", os.O_WRONLY), number)
    sys.exit(function(*arguments))


class Forked:
    """A process that ends with what `function(*arguments)` returns, or with 1."""

    def __init__(
        self,
        function: Callable[..., int | None],
        *arguments: object,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        for name in STREAMS.values():
            Path(self._folder.name, name).touch()
        self._process = _CONTEXT.Process(
            target=_run,
            args=(function, arguments, environment or {}, self._folder.name),
            daemon=True,
        )
        self._process.start()

    def written(self, stream: str) -> str:
        """Returns what it wrote so far to "out" or "err"."""
        return Path(self._folder.name, stream).read_text(encoding="utf-8")

    def wait_for_rows(self, count: int) -> bool:
        """Waits until it has printed so many lines `row`, or ended; returns whether it has."""
        while self.written("out").count("row\n") < count:
            if self._process.exitcode is not None:
                return self.written("out").count("row\n") >= count
            time.sleep(0.01)
        return True

    def send(self, number: int) -> None:
        """Sends it a signal, if it has not ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, number)

    def ended(self, seconds: float = 300) -> Ended:
        """Waits for it to end by itself in that time."""
        self._process.join(seconds)
        late = self._process.exitcode is None
        self._process.kill()
        self._process.join()
        end = Ended(self._process.exitcode, self.written("out"), self.written("err"))
        self._folder.cleanup()
        assert not late, f"still there after {seconds} seconds: {end}"
        return end
