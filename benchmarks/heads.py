"""Time of the heads with many instances: targets made from ids, and instances decoded from maps.

    python benchmarks/heads.py         # writes benchmarks/results/heads.json

The image is a square with the given number of discs, side by side. Each head makes its targets, and
decodes the maps that a perfect network would return, both as graphs on one thread with a batch of
one. Time is processor time, which depends less on other work on the machine than elapsed time.
`found` is the share of the discs that are decoded (IoU 0.9 or more): a fast decoder that loses
instances would be no gain.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from common import RESULTS, claim, interleaved, write

import tfseg
from tfseg.heads import HEADS, Head
from tfseg.heads.base import Maps
from tfseg.metrics import match, overlaps

TARGETS = {
    ("targets", 1000): "<= 5",
    ("decode", 300): "<= 25",
    ("decode", 2000): "<= 60",
}


def scene(side: int, count: int) -> np.ndarray:
    """Returns `count` discs `[side, side]` int32 in rows."""
    columns = math.ceil(math.sqrt(count))
    pitch = side / columns
    y, x = np.mgrid[:side, :side] + 0.5
    number = (y // pitch * columns + x // pitch).astype(np.int32) + 1
    inside = np.hypot(y % pitch - pitch / 2, x % pitch - pitch / 2) < 0.45 * pitch
    return np.where(inside & (number <= count), number, 0).astype(np.int32)


def perfect(head: Head, label: tf.Tensor) -> Maps:
    """Returns the outputs of a network that has learnt the targets of `label` `[1, H, W]`."""
    maps = {}
    for name, target in head.targets(label).items():
        channels = head.outputs[name]
        if name in head.vectors:
            maps[name] = target[..., :channels]
        elif channels == 1:
            share = tf.clip_by_value(target[..., :1], 1e-6, 1 - 1e-6)
            maps[name] = tf.math.log(share / (1 - share))
        else:
            maps[name] = 20.0 * tf.one_hot(tf.cast(target[..., 0], tf.int32), channels)
    return maps


def contenders(head: Head, label: np.ndarray) -> dict[str, Callable[[], Any]]:
    """Returns the two calls; both wait for the result."""
    labels = tf.constant(label[None])
    maps = tf.nest.map_structure(tf.constant, perfect(head, labels))
    targets, decode = tf.function(head.targets), tf.function(head.decode)
    return {
        "targets": lambda: [target.numpy() for target in targets(labels).values()],
        "decode": lambda: decode(maps).labels.numpy(),
    }


def main(*, side: int, counts: list[int], rounds: int, to: Path) -> None:
    """Times both calls of every head, prints a line for each and writes the JSON."""
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    results: dict[str, Any] = {}
    for count in counts:
        label = scene(side, count)
        calls = {name: contenders(tfseg.make_head(name), label) for name in HEADS}
        timed = {f"{name}, {do}": call for name, pair in calls.items() for do, call in pair.items()}
        measured = interleaved(timed, rounds=rounds, clock=time.process_time)
        results[f"{count} instances"] = rows = {
            name: {
                "milliseconds": 1000 * row["seconds"],
                "interquartile_range": 1000 * row["interquartile_range"],
            }
            for name, row in measured.items()
        }
        for name, pair in calls.items():
            matches = match(overlaps(label, pair["decode"]()[0]), 0.9)
            rows[f"{name}, decode"]["found"] = len(matches) / count
        for name, row in rows.items():
            print(f"{count:6} {name:24}{row['milliseconds']:9.2f} ms", flush=True)
    settings = {"side": side, "counts": counts, "rounds": rounds}
    write(to, results, claims=_claims(results), settings=settings, curves=_curves(results, counts))


def _claims(results: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        claim(
            f"ms of {name}'s {do}, {count} instances",
            results.get(f"{count} instances", {}).get(f"{name}, {do}", {}).get("milliseconds"),
            target,
        )
        for (do, count), target in TARGETS.items()
        for name in HEADS
    ]


def _curves(results: dict[str, Any], counts: list[int]) -> dict[str, Any]:
    return {
        f"Heads: {do}": {
            "x": "instances",
            "y": "milliseconds",
            "lines": {
                name: [
                    [count, results[f"{count} instances"][f"{name}, {do}"]["milliseconds"]]
                    for count in counts
                ]
                for name in HEADS
            },
        }
        for do in ("targets", "decode")
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--side", type=int, default=512, help="side of the square, pixels")
    parser.add_argument("--counts", type=int, nargs="+", default=[10, 100, 300, 1000, 2000])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--to", type=Path, default=RESULTS / "heads.json")
    main(**vars(parser.parse_args()))
