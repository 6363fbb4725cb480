"""Trains on all GPUs of this machine, or without a GPU on two halves of the CPU.

    python examples/multi_gpu.py nuclei-gpus

DIR gets data/, one/ and all/: a run on one device and one on all of them, with the same batches.
Expect the first digits of both losses to be equal, with any number of devices: losses, batch
normalisation and clipping are computed over the global batch. Expect `all` to be faster on GPUs.
Two halves of a CPU are slower than one CPU, because XLA compiles the step only on a single device.
20 steps take a minute or two on two CPU cores.
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
        train=tfseg.TrainConfig(steps=steps, batch_size=4 * len(devices)),
        # SGD keeps the two trainings together; Muon and AdamW amplify differences in the last bits.
        optimizer=tfseg.OptimizerConfig(
            name="SGD", options={"momentum": 0.9}, warmup_steps=0, clip_norm=1.0
        ),
    )
    for name, taken in {"one": devices[:1], "all": devices}.items():
        on_devices = tfseg.DeviceConfig(names=tuple(taken))
        trainer = tfseg.Trainer(dataclasses.replace(config, devices=on_devices), out / name)
        summary = trainer.fit(dataset)
        print(
            f"{', '.join(taken)}: loss {summary.loss:.6f}, {summary.images_per_second:.1f} images/s"
        )


def all_devices() -> list[str]:
    """Returns the names of all GPUs, or of two halves of the CPU if there is none."""
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
