"""Speed of a GPU in training, and how long it waits.

    python benchmarks/training.py --gpu     # writes benchmarks/results/training_gpu.json

- `choices`: images a second of the trainer's step on a batch that is already on the device, in
  float32 and in half precision, with XLA and without.
- `training`: a step of a complete training, with images read, augmented and copied, against a step
  on a batch that is already on the device (float32, without XLA, as in the trainer). The difference
  is the share of the time in which the device waits; gaps between the kernels of a step are not
  counted.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable
from typing import Any

import training_parts as parts
from common import claim, interleaved

import tfseg

Results = dict[str, Any]
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


def measure(config: tfseg.RunConfig, *, rounds: int, steps: int) -> Results:
    """Returns the results of both questions.

    Args:
        config: with or without devices.
        rounds: calls of each contender.
        steps: steps of a call, and a quarter of the steps of the training.
    """
    choices = _choices(config, rounds, steps)
    alone = choices["float32, without XLA"]["seconds"]
    trained = _training(config, 4 * steps)
    training = {
        "seconds of a step": trained,
        "seconds of a step on a batch on the device": alone,
        "images a second": config.train.batch_size / trained,
        "idle share": idle_share(alone, trained),
    }
    return {"choices": choices, "training": training}


def claims(results: Results) -> list[dict[str, Any]]:
    """Compares the results with the target."""
    return [claim("idle share of the GPU", results["training"]["idle share"], "< 0.03")]


def idle_share(busy: float, elapsed: float) -> float:
    """Returns the share of the elapsed seconds in which a device is not busy."""
    return max(0.0, 1.0 - busy / elapsed)


def _choices(config: tfseg.RunConfig, rounds: int, steps: int) -> Results:
    batch = parts.batch_of(config)
    calls = {
        f"{precision}, {'XLA' if compiled else 'without XLA'}": _steps(
            _in_precision(config, precision), batch, steps, jit_compile=compiled
        )
        for precision in PRECISIONS
        for compiled in (True, False)
    }
    results = interleaved(calls, rounds=rounds, warm_up=2)
    for row in results.values():
        row["seconds"] /= steps
        row["interquartile_range"] /= steps
        row["images_per_second"] = config.train.batch_size / row["seconds"]
    return results


def _steps(
    config: tfseg.RunConfig, batch: tuple[Any, ...], steps: int, *, jit_compile: bool
) -> Callable[[], None]:
    """Returns a call of some steps; the host waits only for the last."""
    devices = config.devices.names
    taken = parts.queued_step(config, batch, devices=devices, jit_compile=jit_compile)

    def run() -> None:
        losses = [taken() for _ in range(steps)]
        float(losses[-1])

    return run


def _training(config: tfseg.RunConfig, steps: int) -> float:
    """Returns the seconds per step in the second and third quarter of a training."""
    config = dataclasses.replace(
        config,
        train=dataclasses.replace(config.train, steps=steps),
        log=dataclasses.replace(config.log, log_every=steps // 4, checkpoint_every=steps),
    )
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        dataset = tfseg.convert(tfseg.sample.path(), f"{folder}/data")
        trainer = tfseg.Trainer(config, f"{folder}/run")
        trainer.fit(dataset, on_log=lambda _: times.append(time.perf_counter()))
    return (times[2] - times[0]) / (2 * (steps // 4))


def _in_precision(config: tfseg.RunConfig, precision: str) -> tfseg.RunConfig:
    devices = dataclasses.replace(config.devices, precision=precision)
    return dataclasses.replace(config, devices=devices)
