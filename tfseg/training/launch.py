"""Starts several processes of one training on this machine; does not import TensorFlow."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import IO

from tfseg.checks import InputError

# Time for the others to notice and report that a process ended; they took up to 12 seconds.
_SECONDS_TO_END = 40.0


def launch(command: Sequence[str], count: int) -> int:
    """Runs `command` in `count` processes that train together, until all have ended.

    Lines on standard error start with the number of the process in brackets; the standard output is
    shared. SIGINT and SIGTERM are passed on to all processes. If one fails, the others have some
    time to end by themselves and are then killed.

    Returns:
        0, or the exit code of the first process that failed: 128 + number if a signal ended it.

    Raises:
        InputError: the GPUs cannot be divided evenly.
    """
    processes: list[subprocess.Popen[str]] = []
    readers: list[threading.Thread] = []
    with _collect_signals() as signals:
        try:
            for number, environment in enumerate(environments(count)):
                process = subprocess.Popen(
                    list(command),
                    env=os.environ | environment,
                    stderr=subprocess.PIPE,
                    text=True,
                    errors="replace",
                    start_new_session=True,  # else the terminal would send Ctrl-C a second time
                )
                readers.append(threading.Thread(target=_prefix, args=(number, process.stderr)))
                readers[-1].start()
                processes.append(process)
            return _first_failure(processes, signals)
        finally:
            for process in processes:
                process.kill()
                process.wait()
            for reader in readers:
                reader.join()


def environments(count: int) -> list[dict[str, str]]:
    """Returns the environment variables of each process: its task, and its share of the GPUs.

    Raises:
        InputError: the GPUs cannot be divided evenly.
    """
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for server in sockets:
            server.bind(("localhost", 0))
        cluster = {"worker": [f"localhost:{server.getsockname()[1]}" for server in sockets]}
    gpus = _gpus()
    if len(gpus) % count:
        raise InputError(
            f"--launch must divide the {len(gpus)} GPUs evenly; got {count}. "
            "Choose GPUs by CUDA_VISIBLE_DEVICES; -1 means none."
        )
    share = len(gpus) // count
    shares = [",".join(gpus[at * share : (at + 1) * share]) or "-1" for at in range(count)]
    return [
        {
            "TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": at}}),
            "CUDA_VISIBLE_DEVICES": visible,
        }
        for at, visible in enumerate(shares)
    ]


def _gpus() -> list[str]:
    if (chosen := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        names = [name.strip() for name in chosen.split(",")]
        return [name for name in names if name not in ("", "-1")]
    query = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        listed = subprocess.run(query, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return listed.stdout.split()


def _prefix(number: int, stream: IO[str]) -> None:
    with stream:
        for line in stream:
            print(f"[{number}] {line}", end="", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _collect_signals() -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM in a list, so that none is lost while processes are started."""
    kept: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: kept.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield kept
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _first_failure(processes: Sequence[subprocess.Popen[str]], signals: list[int]) -> int:
    """Waits until all have ended; returns the first exit code that is not 0, or 0.

    Signals that are added to `signals` are passed on to all processes.
    """
    failed, end = 0, float("inf")
    running = list(processes)
    while running and time.monotonic() < end:
        time.sleep(0.1)
        while signals:
            number = signals.pop(0)
            for process in running:
                process.send_signal(number)
        for process in [process for process in running if process.poll() is not None]:
            running.remove(process)
            if process.returncode and not failed:
                failed, end = process.returncode, time.monotonic() + _SECONDS_TO_END
    return failed if failed >= 0 else 128 - failed
