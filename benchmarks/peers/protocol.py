"""Requests to a library: one JSON object per line on standard input, one per line as answer.

The script of a library calls `serve` with a function that builds its work. The parent,
`client.Worker`, pins the processes to their cores; `bench.Bench` runs them in turns.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

import numpy as np

Arrays = Mapping[str, np.ndarray]
Step = Callable[[], tuple[Any, Any]]  # augments once, returns (image, label), batched or not


def serve(build: Callable[..., Step], versions: Mapping[str, object]) -> None:
    """Answers until standard input ends.

    Args:
        build: takes a policy (plain values as in `policies`), the arrays `image` `[H, W, 3]` uint8
            and `label` `[H, W]` int32, and the arguments "how" of the request.
        versions: of the library and its dependencies, sent first.
    """
    answers, sys.stdout = sys.stdout, sys.stderr  # a library that prints must not break the lines
    steps: dict[str, Step] = {}
    _send(answers, {"versions": dict(versions)})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            key = json.dumps([request["policy"], request["inputs"], request["how"]])
            if key not in steps:
                inputs = dict(np.load(request["inputs"]))
                steps[key] = build(request["policy"], inputs, **request["how"])
            _send(answers, _ANSWERS[request["do"]](steps[key], request))
        except Exception as error:
            _send(answers, {"error": f"{type(error).__name__}: {error}"})


def _send(answers: TextIO, answer: dict[str, object]) -> None:
    print(json.dumps(answer), file=answers, flush=True)


def _time(step: Step, request: Mapping[str, Any]) -> dict[str, object]:
    start = time.perf_counter()
    for _ in range(request["count"]):
        step()
    return {"seconds": time.perf_counter() - start}


def _apply(step: Step, request: Mapping[str, Any]) -> dict[str, object]:
    image, label = map(np.asarray, step())
    unit = 1.0 if image.dtype.kind == "f" else 1.0 / np.iinfo(image.dtype).max
    np.savez(request["to"], image=image.astype(np.float32) * unit, label=label)
    return {}


def _memory(step: Step, request: Mapping[str, Any]) -> dict[str, object]:
    """Returns how far the resident memory rises during a step."""
    for _ in range(3):
        step()
    rises = []
    for _ in range(request["count"]):
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")  # sets the peak to the resident memory
        before = _resident("VmRSS")
        step()
        rises.append(_resident("VmHWM") - before)
    return {"bytes": max(rises)}


def _resident(name: str) -> int:
    with open("/proc/self/status", encoding="ascii") as file:
        (line,) = (line for line in file if line.startswith(name))
    return int(line.split()[1]) * 1024


_ANSWERS = {"time": _time, "apply": _apply, "memory": _memory}
