"""Times the libraries in turns."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from peers import policies
from peers.client import Worker
from peers.questions import Contender, Question

SCRIPTS = {
    "tfseg": "chain.py",
    "keras": "layers.py",
    "albumentationsx": "compose.py",
    "albumentations": "compose.py",
    "tensorflow-addons": "addons.py",
    "torchvision": "vision.py",
    "kornia": "geometry.py",
    "warps": "warps.py",
}
INSTALLED = ("tfseg", "keras", "warps")  # run in the environment of tfseg
IGNORE = -1  # tfseg's id beyond the border, where albumentations mirrors ids


class Bench:
    """The processes of the libraries, and the pictures they augment.

    Args:
        size: side of the usual image, pixels.
        rounds: timed turns of each contender.
        seconds: shortest time of a turn.
        without: libraries to leave out.
        peers: the folder of their environments.
        gpu: only tfseg, unpinned, with the GPUs.
    """

    def __init__(
        self,
        *,
        size: int,
        rounds: int,
        seconds: float,
        without: list[str],
        peers: Path,
        gpu: bool = False,
    ) -> None:
        self._size, self._rounds, self._seconds = size, rounds, seconds
        self._without, self._peers, self._gpu = without, peers, gpu
        self._closing = contextlib.ExitStack()
        self._workers: dict[str, Worker] = {}

    def __enter__(self) -> Bench:
        self._folder = Path(self._closing.enter_context(tempfile.TemporaryDirectory()))
        return self

    def __exit__(self, *exception: object) -> None:
        self._closing.close()

    def worker(self, peer: str) -> Worker:
        """Returns the process of a library, which is started at the first call."""
        if peer not in self._workers:
            name, _, special = peer.partition(", ")
            python = (
                sys.executable if name in INSTALLED else str(self._peers / name / "bin" / "python")
            )
            count = 0 if self._gpu else 2 if special == "two cores" else 1
            # Otherwise a freed block stays resident, and the next step does not raise the peak.
            malloc = {"MALLOC_MMAP_THRESHOLD_": "65536"} if special == "memory" else {}
            self._workers[peer] = self._closing.enter_context(
                Worker(
                    SCRIPTS[name],
                    python=python,
                    cores=sorted(os.sched_getaffinity(0))[:count],
                    gpu=self._gpu,
                    environment=malloc,
                )
            )
        return self._workers[peer]

    def versions(self) -> dict[str, dict[str, Any]]:
        """Returns the versions of every library."""
        return {peer: worker.versions for peer, worker in self._workers.items()}

    def ask(self, contender: Contender, do: str, **request: object) -> dict[str, Any]:
        """Sends a request to the process of a contender."""
        inputs = self._inputs(int(self._size * contender.size), contender.ids)
        return self.worker(contender.peer).ask(
            do=do, policy=contender.policy, inputs=inputs, how=contender.how, **request
        )

    def answer(self, question: Question) -> dict[str, dict[str, Any]]:
        """Times the contenders of a question, without those left out, in turns."""
        present = {
            name: contender
            for name, contender in question.items()
            if contender.peer.partition(",")[0] not in self._without
        }
        counts = {name: self._count(contender) for name, contender in present.items()}
        seconds: dict[str, list[float]] = {name: [] for name in present}
        for _ in range(self._rounds):
            for name, contender in present.items():
                taken = self.ask(contender, "time", count=counts[name])["seconds"]
                seconds[name].append(taken / (counts[name] * contender.images))
        first = next(iter(seconds.values()))
        return {
            name: {
                "milliseconds_per_image": summary([1000.0 * value for value in values]),
                "ratio": summary([a / b for a, b in zip(values, first, strict=True)]),
                "images_a_round": counts[name] * present[name].images,
                "seconds_of_rounds": [round(value, 7) for value in values],
            }
            for name, values in seconds.items()
        }

    def memory(self) -> dict[str, Any]:
        """Measures the peak of memory beyond the input, including the result."""
        contender = Contender("tfseg, memory", policies.policy(), size=2.0)
        risen = self.ask(contender, "memory", count=5)["bytes"]
        values = int(self._size * 2.0) ** 2 * 3
        return {
            "bytes": risen,
            "copies_of_the_image_of_8_bits": risen / values,
            "copies_of_the_image_of_float32": risen / (4 * values),
        }

    def agreement(self) -> dict[str, dict[str, Any]]:
        """Compares results with tfseg's, for fixed parameters and the same definition."""
        compared: dict[str, dict[str, Any]] = {}
        for name, parameters in policies.FIXED.items():
            policy = [{"name": name, "p": 1.0, **parameters}]
            expected = self._applied("tfseg", policy)
            compared[name] = {
                peer: _agreement(expected, self._applied(peer, policy))
                for peer in ("albumentationsx", "albumentations", *policies.GEOMETRIC_PEERS)
                if peer not in self._without
                and (peer not in policies.GEOMETRIC_PEERS or name in policies.GEOMETRIC)
            }
            if name in policies.DIFFERENCES:
                compared[name]["difference"] = policies.DIFFERENCES[name]
        return compared

    def _applied(self, peer: str, policy: list[dict[str, Any]]) -> dict[str, np.ndarray]:
        path = self._folder / "applied.npz"
        self.ask(Contender(peer, policy), "apply", to=str(path))
        return dict(np.load(path))

    def _count(self, contender: Contender) -> int:
        """Warms up, and returns how many steps fill the seconds of a turn."""
        self.ask(contender, "time", count=3)
        steps = 1
        while True:
            taken = self.ask(contender, "time", count=steps)["seconds"]
            # With a small p a few steps may all be empty by chance.
            if taken >= self._seconds / 2:
                return max(1, round(steps * self._seconds / taken))
            steps *= 2

    def _inputs(self, size: int, ids: int) -> str:
        path = self._folder / f"{size}-{ids}.npz"
        if not path.exists():
            policies.write_inputs(path, size=size, ids=ids)
        return str(path)


def summary(values: list[float]) -> dict[str, Any]:
    """Returns the median and the lower and upper quartile."""
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
    return {"median": float(median), "quartiles": [float(low), float(high)]}


def _agreement(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> dict[str, float]:
    inside = one["label"] != IGNORE
    return {
        "mean_absolute_difference_of_8_bit_levels": 255.0
        * float(np.abs(one["image"] - other["image"]).mean()),
        "share_of_equal_ids": float((one["label"] == other["label"])[inside].mean()),
    }
