"""What a GPU does in a training, and how long it waits.

    python benchmarks/training.py --gpu     # writes benchmarks/results/training_gpu.json

- `choices`: images a second of the trainer's step on a batch that is on the device already, in
  float32 and in half precision, with XLA and without.
- `training`: a step of a whole training, images read, augmented and copied, beside one of a batch
  that is there already, as the trainer takes it (float32, without XLA). What it takes longer is the
  share of the time in which the device waits; gaps between the kernels of a step are none of it.
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

Figures = dict[str, Any]
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


def measure(config: tfseg.RunConfig, *, rounds: int, steps: int) -> Figures:
    """Returns the figures of both questions.

    Args:
        config: with devices or without.
        rounds: calls of each contender.
        steps: of a call, and a quarter of those of the training.
    """
    choices = _choices(config, rounds, steps)
    alone = choices["float32, without XLA"]["seconds"]
    whole = _training(config, 4 * steps)
    training = {
        "seconds of a step": whole,
        "seconds of a step on a batch that is there": alone,
        "images a second": config.train.batch_size / whole,
        "idle share": idle_share(alone, whole),
    }
    return {"choices": choices, "training": training}


def claims(results: Figures) -> list[dict[str, Any]]:
    """Returns what is asked of a training on a GPU with what was measured."""
    return [claim("idle share of the GPU", results["training"]["idle share"], "< 0.03")]


def idle_share(alone: float, whole: float) -> float:
    """Returns the share of `whole` seconds in which a device waits that computes for `alone`."""
    return max(0.0, 1.0 - alone / whole)


def _choices(config: tfseg.RunConfig, rounds: int, steps: int) -> Figures:
    batch = parts.batch_of(config)
    calls = {
        f"{precision}, {'XLA' if compiled else 'without XLA'}": _steps(
            _in_precision(config, precision), batch, steps, jit_compile=compiled
        )
        for precision in PRECISIONS
        for compiled in (True, False)
    }
    figures = interleaved(calls, rounds=rounds, warm_up=2)
    for each in figures.values():
        each["seconds"] /= steps
        each["interquartile_range"] /= steps
        each["images_per_second"] = config.train.batch_size / each["seconds"]
    return figures


def _steps(
    config: tfseg.RunConfig, batch: tuple[Any, ...], steps: int, *, jit_compile: bool
) -> Callable[[], None]:
    """Returns a call of some steps, which the host does not wait for one by one."""
    devices = config.devices.names
    taken = parts.queued_step(config, batch, devices=devices, jit_compile=jit_compile)

    def run() -> None:
        losses = [taken() for _ in range(steps)]
        float(losses[-1])

    return run


def _training(config: tfseg.RunConfig, steps: int) -> float:
    """Returns the seconds of a step in the second and third quarter of a training."""
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
