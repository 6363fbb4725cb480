"""Trains on all GPUs of this machine; without a GPU, on two halves of the CPU, to show the same.

    python examples/multi_gpu.py nuclei-gpus

DIR gets data/, one/ and all/: a run on one device and one on all of them, with the same batches.
Expect the losses of both to be equal in their first digits, at any number of devices: batches,
losses, batch normalisation and clipping are those of the global batch. On GPUs expect `all` to be
faster; the two halves of a CPU are slower than the whole, for XLA compiles the step of one device
only. 20 steps take a minute or two on two CPU cores.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import tensorflow as tf

import tfseg


def main(out: Path, steps: int, devices: list[str]) -> None:
    """Trains on the first of `devices` and on all of them, and prints both losses."""
    dataset = tfseg.convert(tfseg.sample.path(), out / "data", class_name="nucleus")
    config = tfseg.RunConfig(
        # SGD, of which two trainings stay together; Muon and AdamW make much of the last bits.
        train=tfseg.TrainConfig(
            steps=steps,
            batch_size=4 * len(devices),
            optimizer="SGD",
            optimizer_options={"momentum": 0.9},
            warmup_steps=0,
            clip_norm=1.0,
        ),
    )
    for name, taken in {"one": devices[:1], "all": devices}.items():
        train = dataclasses.replace(config.train, devices=tuple(taken))
        trainer = tfseg.Trainer(dataclasses.replace(config, train=train), out / name)
        summary = trainer.fit(dataset)
        print(
            f"{', '.join(taken)}: loss {summary.loss:.6f}, {summary.images_per_second:.1f} images/s"
        )


def all_devices() -> list[str]:
    """Returns the names of all GPUs; of two halves of the CPU where there is none."""
    if not tf.config.list_physical_devices("GPU"):
        (cpu,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration() for _ in range(2)]
        )
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    return [f"{kind}:{number}" for number in range(len(tf.config.list_logical_devices(kind)))]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, metavar="DIR", help="output folder")
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()
    main(arguments.out, arguments.steps, all_devices())
