"""Overhead of the trainer, on this machine's GPUs or its CPU.

    python benchmarks/training.py           # writes benchmarks/results/training.json
    python benchmarks/training.py --quick   # two rounds of a small network, to see that it runs
    python benchmarks/training.py --gpu     # what only a GPU can show (see training_gpu.py)

- `choices`: XLA, the optimizer and the network in the trainer's step.
- `loops`: the trainer's step against a bare `tf.function` of the same network and optimizer, and
  against `keras.Model.fit`.
- `checkpoints`: writing all that a run needs to resume, against the steps between two checkpoints.
- `validation`: the instance metrics of images with 100 instances against forward pass and decoding.
- `replicas`: two halves of a CPU against the whole CPU, with the same batch. Two are slower than
  one: they share the cores, and each of them computes half a batch.
- `memory`: resident memory during a long training.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import tensorflow as tf
import training_gpu
import training_parts as parts
from common import check_trial, claim, write

import tfseg

RESULTS = Path(__file__).parent / "results" / "training.json"


def on_gpu(*, rounds: int, crop_size: int, batch_size: int, quick: bool, to: Path) -> None:
    """Measures what only a GPU can show; exits with 2 if there is none."""
    if not tf.config.list_physical_devices("GPU"):
        print("No GPU is visible to TensorFlow; nothing was measured.", file=sys.stderr)
        sys.exit(2)
    config = _config(crop_size, batch_size)
    results = training_gpu.measure(config, rounds=2 if quick else rounds, steps=10 if quick else 50)
    settings = {"rounds": rounds, "crop_size": crop_size, "batch_size": batch_size}
    write(to, results, claims=[] if quick else training_gpu.claims(results), settings=settings)


def main(*, rounds: int, crop_size: int, batch_size: int, quick: bool, to: Path) -> None:
    """Measures everything, and writes the results."""
    rounds = 2 if quick else rounds
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration() for _ in range(2)]
    )
    small = {"filters": (8, 16)} if quick else {}
    config = _config(crop_size, batch_size, **small)
    load = [os.getloadavg()[0]]
    batch = parts.batch_of(config)
    results = {
        "loops": parts.loops(config, batch, rounds, steps=2 if quick else 10),
        "choices": parts.choices(config, batch, rounds),
        "replicas": parts.replicas(config, batch, rounds),
        "checkpoints": parts.checkpoints(config, rounds),
        "validation": parts.validation_metrics(config, rounds, side=2 * crop_size),
        "memory": parts.memory(40 if quick else 2000),
    }
    load.append(os.getloadavg()[0])
    settings = {
        "rounds": rounds,
        "crop_size": crop_size,
        "batch_size": batch_size,
        "load_before_and_after": load,
    }
    write(to, results, claims=[] if quick else claims(results, config), settings=settings)


def _config(crop_size: int, batch_size: int, **model: Any) -> tfseg.RunConfig:
    return tfseg.RunConfig(
        data=tfseg.DataConfig(crop_size=crop_size),
        model=tfseg.ModelConfig(channels=1, **model),
        train=tfseg.TrainConfig(batch_size=batch_size),
    )


def claims(results: dict[str, Any], config: tfseg.RunConfig) -> list[dict[str, Any]]:
    """Compares the results with the targets."""
    loops, validation = results["loops"], results["validation"]
    fastest = min(loops[name]["seconds"] for name in ("Keras fit, XLA", "Keras fit"))
    between = config.log.checkpoint_every * results["choices"]["tfseg"]["seconds"]
    forward, metrics = (validation[name]["seconds"] for name in ("forward and decoding", "metrics"))
    early, *_, last = results["memory"]["megabytes"]
    return [
        claim("trainer's step / bare tf.function loop", loops["tfseg"]["ratio"], "<= 1.02"),
        claim("trainer's step / keras.Model.fit", loops["tfseg"]["seconds"] / fastest, "<= 1"),
        claim("share of checkpoints", results["checkpoints"]["seconds"] / between, "< 0.02"),
        claim("metrics / forward pass in validation", metrics / forward, "< 0.05"),
        claim("growth of memory after 100 steps", last / early - 1, "< 0.01"),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--crop_size", type=int, default=128)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--quick", action="store_true", help="two rounds, few steps")
    parser.add_argument("--gpu", action="store_true", help="only the measurements on a GPU")
    parser.add_argument("--to", type=Path, help="the JSON; needed with --quick")
    options = vars(parser.parse_args())
    check_trial(parser, options)
    gpu = options.pop("gpu")
    options["to"] = options["to"] or (RESULTS.with_name("training_gpu.json") if gpu else RESULTS)
    (on_gpu if gpu else main)(**options)
