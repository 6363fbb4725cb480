"""Expected efficiency on several GPUs, from what a step exchanges and how long it takes.

    python benchmarks/scaling.py   # writes benchmarks/results/scaling.json, in a minute

No GPU was measured. The exchanges of a step are counted from its graph on two replicas, and so do
not depend on the machine. The times of a step and of reading an image are those of a CPU, from
`training.json` and `pipeline.json`: measure again with `training.py` and `pipeline.py` first. All
else is assumed, and listed under assumptions.

- `exchanges`: what each replica gives to the others in a step.
- `efficiency`: the time of a step on one GPU over that on eight, each with the same batch.
- `cores`: how many cores make the batches of a GPU, and what they send if `tfseg serve-data` runs
  on other machines, each of which adds its cores.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import training_parts as parts
from common import RESULTS, claim, write

import tfseg
from tfseg import placement
from tfseg.training.strategy import make_strategy

Rows = dict[str, dict[str, Any]]
GPUS = 8
STEPS = (0.02, 0.05, 0.2)  # seconds of a step on one GPU
DATASHEET = "NVIDIA A100 data sheet: half of the sum of both directions"
ASSUMPTIONS: Rows = {
    "bytes a second, NVLink": {"value": 300e9, "source": DATASHEET},
    "bytes a second, PCIe 4": {"value": 32e9, "source": DATASHEET},
    "bytes a second, 400 Gbit/s": {"value": 50e9, "source": "line rate"},
    "bytes a second, 100 Gbit/s": {"value": 12.5e9, "source": "line rate"},
    "bytes a second, 25 Gbit/s": {"value": 3.125e9, "source": "line rate"},
    "share of a link that is reached": {"value": 0.8, "source": "assumed"},
    "seconds of a copy between GPUs of a host": {"value": 20e-6, "source": "assumed"},
    "seconds of an all-reduce between hosts": {"value": 150e-6, "source": "assumed"},
    "exchange that overlaps with computation": {"value": 0, "source": "the worst case"},
}
IN_A_HOST, BETWEEN_HOSTS = ("NVLink", "PCIe 4"), ("400 Gbit/s", "100 Gbit/s", "25 Gbit/s")
NETWORKS = {"Compact": "tfseg", "Unet": "Unet, resnet18"}  # and their names in training.json


def exchanges(architecture: str) -> dict[str, Any]:
    """Counts what a step of the default head exchanges, on two replicas."""
    config = tfseg.RunConfig(
        data=tfseg.DataConfig(crop_size=64),
        augment=(),
        model=tfseg.ModelConfig(channels=1, architecture=architecture),
        train=tfseg.TrainConfig(batch_size=2),
    )
    strategy = make_strategy(("CPU:0", "CPU:1"))
    step = parts.trained(config, strategy)
    data = tf.data.Dataset.from_tensors(parts.batch_of(config))
    batch = next(iter(strategy.experimental_distribute_dataset(data)))
    moved = placement.moved_between_devices(step.compiled.get_concrete_function(batch))
    # Each is copied to the other replica, added, and copied back; integers are the step's number.
    sizes = sorted(4 * one.shape.num_elements() for one, _ in moved if one.dtype == tf.float32)[::2]
    weights = sum(4 * int(np.prod(one.shape)) for one in step.model.trainable_variables)
    return {
        "layers of normalisation": sum(one.name == "moving_mean" for one in step.model.variables),
        "exchanges": len(sizes),
        "bytes of weights": weights,
        "bytes of gradients and losses": sizes[-1],
        "bytes of statistics": sum(sizes[:-1]),
    }


def exchange_seconds(counted: dict[str, Any], link: str) -> float:
    """Returns the seconds that a step on eight GPUs spends in its exchanges.

    In a host, TensorFlow's HierarchicalCopyAllReduce: one GPU of each half adds up the tensors of
    its half, the two are added, and all goes back. The first GPU receives 3 + 1 tensors and sends
    1 + 3, one after the other, in 4 rounds of copies. Between hosts, a ring: each link carries 2 (N
    - 1) / N of the bytes.
    """
    is_in_host = link in IN_A_HOST
    carried = GPUS if is_in_host else 2 * (GPUS - 1) / GPUS
    kind = "a copy between GPUs of a host" if is_in_host else "an all-reduce between hosts"
    latency = _assumed(f"seconds of {kind}") * (4 if is_in_host else 1)
    size = counted["bytes of gradients and losses"] + counted["bytes of statistics"]
    speed = _assumed(f"bytes a second, {link}") * _assumed("share of a link that is reached")
    return carried * size / speed + counted["exchanges"] * latency


def efficiency(counted: Rows, measured: dict[str, float]) -> Rows:
    """Returns the share of the time that is computation, for each network, link and step."""
    rows: Rows = {}
    for network, values in counted.items():
        for link in (*IN_A_HOST, *BETWEEN_HOSTS):
            waited = exchange_seconds(values, link)
            where = "8 GPUs of a host" if link in IN_A_HOST else "8 hosts with a GPU"
            rows[f"{network}, {where}, {link}"] = {
                "milliseconds of exchanges": 1000 * waited,
                **{f"at {1000 * step:.0f} ms": step / (step + waited) for step in STEPS},
                "at the step of the CPU": measured[network] / (measured[network] + waited),
            }
    return rows


def cores(images_per_core: float, bytes_per_image: int) -> Rows:
    """Returns the cores that make the batches of one GPU, and the bytes that they send."""
    rows: Rows = {}
    for batch in (8, 32):
        for step in STEPS:
            rate = batch / step
            rows[f"{batch} crops a GPU, a step of {1000 * step:.0f} ms"] = {
                "crops a second": rate,
                "cores for a GPU": rate / images_per_core,
                "cores for 8 GPUs": GPUS * rate / images_per_core,
                "Gbit/s from serve-data for 8 GPUs": GPUS * rate * bytes_per_image * 8 / 1e9,
            }
    return rows


def main(*, to: Path) -> None:
    """Counts, computes and writes everything."""
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration() for _ in range(2)]
    )
    training, pipeline = (_report(name) for name in ("training", "pipeline"))
    choices = training["results"]["choices"]
    measured = {name: choices[key]["seconds"] for name, key in NETWORKS.items()}
    rate = pipeline["results"]["accelerator"]["images_per_second"]
    per_core = rate / pipeline["machine"]["threads"]
    counted = {name: exchanges(name) for name in NETWORKS}
    one = parts.batch_of(tfseg.RunConfig(augment=(), train=tfseg.TrainConfig(batch_size=1)))
    size = sum(tensor.shape.num_elements() * tensor.dtype.size for tensor in tf.nest.flatten(one))
    results = {
        "exchanges": counted,
        "efficiency": efficiency(counted, measured),
        "cores": cores(per_core, size),
        "measured": {
            **{f"seconds of a step of {name} on a CPU": value for name, value in measured.items()},
            "crops a second on a core": per_core,
            "bytes of a crop with its targets": size,
        },
        "assumptions": ASSUMPTIONS,
    }
    write(to, results, claims=claims(counted), settings={"gpus": GPUS})


def claims(counted: Rows) -> list[dict[str, Any]]:
    """Compares the exchanges with the least that they can be."""
    entries = []
    for name, values in counted.items():
        a_layer = (values["exchanges"] - 1) / values["layers of normalisation"]
        share = values["bytes of gradients and losses"] / values["bytes of weights"]
        entries.append(claim(f"exchanges of a layer of {name}, both directions", a_layer, "<= 2"))
        entries.append(claim(f"bytes of gradients / weights of {name}", share, "<= 1.001"))
    return entries


def _assumed(name: str) -> float:
    return float(ASSUMPTIONS[name]["value"])


def _report(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--to", type=Path, default=RESULTS / "scaling.json")
    main(**vars(parser.parse_args()))
