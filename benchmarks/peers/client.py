"""The parent's end of `protocol`: a library in a process with an interpreter and cores."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

_SCRIPTS = Path(__file__).parent
_ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)
_QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "ALBUMENTATIONS_OFFLINE": "1",
    "ALBUMENTATIONS_NO_TELEMETRY": "1",
}


class Worker:
    """A process that waits for requests.

    It and its child processes are stopped between its turns: a queue that is filled after a turn
    would take the cores from the turn of the next library.

    Args:
        script: file name in this folder, such as "compose.py".
        python: the interpreter with the packages of the library.
        cores: the only cores it may use, one thread per core; all if empty.
        gpu: whether the GPUs are visible to it.
        environment: further environment variables.

    Attributes:
        versions: of the library and its dependencies.
    """

    def __init__(
        self,
        script: str,
        *,
        python: str,
        cores: list[int],
        gpu: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        variables = os.environ | dict.fromkeys(_ONE_THREAD, "1") | _QUIET | dict(environment or {})
        variables |= {"PEER_THREADS": str(len(cores))} | (
            {} if gpu else {"CUDA_VISIBLE_DEVICES": "-1"}
        )
        before = os.sched_getaffinity(0)
        # A process starts on the cores of the thread that starts it, before it imports anything.
        os.sched_setaffinity(0, cores or before)
        try:
            self._process = subprocess.Popen(
                [python, str(_SCRIPTS / script)],
                env=variables,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        finally:
            os.sched_setaffinity(0, before)
        self._name = script
        self.versions: dict[str, Any] = self._answer()["versions"]

    def ask(self, **request: object) -> dict[str, Any]:
        """Sends one request and waits for its answer.

        Raises:
            RuntimeError: the process could not answer.
        """
        os.killpg(self._process.pid, signal.SIGCONT)
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        os.killpg(self._process.pid, signal.SIGSTOP)
        return answer

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has ended already
            os.killpg(self._process.pid, signal.SIGCONT)
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:  # observed: TensorFlow hangs when it deletes iterators
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended with code {self._process.wait()}.")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self._name}: {answer['error']}")
        return answer
