"""Fair timing: contenders alternate in one process, and the result contains the machine."""

from __future__ import annotations

import argparse
import datetime
import json
import operator
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

RESULTS = Path(__file__).parent / "results"
HOLDS = {">=": operator.ge, "<=": operator.le, "<": operator.lt}


def interleaved(
    contenders: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    warm_up: int = 3,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, dict[str, float]]:
    """Times every contender once per round, so that a slow minute affects all of them.

    Args:
        contenders: each call does the same work and returns when it is done.
        rounds: timed calls of each.
        warm_up: untimed calls of each before that; the first compiles.
        clock: seconds; `time.process_time` ignores the work of other processes.

    Returns:
        For each: median and interquartile range of its seconds, and the median over the rounds of
        its time divided by that of the first contender in the same round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for index in range(warm_up + rounds):
        for name, call in contenders.items():
            start = clock()
            call()
            if index >= warm_up:
                seconds[name].append(clock() - start)
    first = next(iter(seconds.values()))
    return {name: _speed(times, first) for name, times in seconds.items()}


def _speed(times: list[float], first: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "seconds": statistics.median(ordered),
        "interquartile_range": ordered[len(ordered) * 3 // 4] - ordered[len(ordered) // 4],
        "ratio": statistics.median(a / b for a, b in zip(times, first, strict=True)),
    }


def claim(name: str, value: float | None, target: str) -> dict[str, Any]:
    """Compares a value with a target such as ">= 3"; None is not measured."""
    sign, _, bound = target.partition(" ")
    met = None if value is None else HOLDS[sign](value, float(bound))
    return {"name": name, "value": value, "target": target, "met": met}


def check_trial(parser: argparse.ArgumentParser, options: Mapping[str, Any]) -> None:
    """Refuses a quick run that would write among the results."""
    if options["quick"] and not options["to"]:
        parser.error("--quick needs --to FILE: its figures do not belong among the results")


def write(
    to: Path,
    results: Mapping[str, Any],
    *,
    claims: Sequence[Mapping[str, Any]] = (),
    settings: Mapping[str, Any],
    **further: Any,
) -> None:
    """Writes the results of a benchmark as JSON of the schema `schema.json`."""
    content = {"claims": list(claims), "results": results, "settings": settings, **further}
    content.setdefault("machine", machine())
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def report(results: Mapping[str, Any], **settings: object) -> None:
    """Prints the results with machine, versions and settings as one JSON object."""
    print(json.dumps({"results": results, "settings": settings, "machine": machine()}, indent=2))


def machine() -> dict[str, object]:
    """Returns processor, versions, date and commit."""
    devices = tf.config.list_physical_devices("GPU")
    return {
        "processor": _processor(),
        "threads": len(os.sched_getaffinity(0)),
        "gpus": [tf.config.experimental.get_device_details(device) for device in devices],
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "date": datetime.date.today().isoformat(),
        "commit": _commit(),
        "load": os.getloadavg(),
    }


def _processor() -> str:
    """Returns name, family and model: several generations of processors have the same name."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        first = file.read().partition("\n\n")[0]
    lines = (line.partition(":") for line in first.splitlines())
    fields = {key.strip(): value.strip() for key, _, value in lines}
    details = [
        f"{key.split()[-1]} {fields[key]}" for key in ("cpu family", "model") if key in fields
    ]
    return ", ".join([fields.get("model name", platform.machine()), *details])


def _commit() -> str:
    """Returns the commit, with "+" if files other than results differ from it."""
    git = ["git", "-C", str(Path(__file__).parents[1])]
    name = subprocess.run(
        [*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    # The results of the previous benchmark do not change the program.
    differs = [*git, "diff", "--quiet", "HEAD", "--", ".", ":!benchmarks/results"]
    return f"{name}+" if name and subprocess.run(differs, check=False).returncode else name
