"""Speed of the input pipeline: compared with other libraries, of its parts, and of its start.

    python benchmarks/environments/make.py albumentations albumentationsx    # once
    python benchmarks/pipeline.py         # writes benchmarks/results/pipeline.json

`end to end`: batches of 512 x 512 crops with nine transforms, p = 0.5, and the targets of the
default head, by tfseg and by `keras.utils.PyDataset` with albumentations and AlbumentationsX
(`peers/py_dataset.py`), on two cores, from the same records in the same order. A PyDataset has two
threads or two processes; the faster one counts. Every turn begins with batches that are not timed,
so that no timed batch comes from a queue that was filled during the turns of the others. The other
questions compare tfseg with TensorFlow alone, or measure only tfseg.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pipeline_parts as parts
import tensorflow as tf
from common import check_trial, claim, machine, write
from environments import make
from peers import policies
from peers.bench import summary
from peers.client import Worker

import tfseg
from tfseg.data.dataset.index import Index
from tfseg.data.files import images
from tfseg.data.pipeline.order import training_order

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "pipeline.json"
PEERS = ("albumentations", "albumentationsx")
CLAIMS = (
    ("end to end", "albumentations", ">=", 2.0),
    ("end to end", "albumentationsx", ">=", 1.3),
    ("read and decode", "share of a bare loop", ">=", 0.9),
    ("conversion", "share of decoding and encoding alone", ">=", 0.9),
    ("conversion", "two workers over one", ">=", 1.7),
    ("memory", "growth over 20 epochs after the first", "<", 0.01),
    ("start", "seconds to the first batch of 100,000 records", "<", 3.0),
    ("accelerator", "share of waiting at a step of 10 ms", "<", 0.03),
    ("accelerator", "share of waiting at a step of 30 ms", "<", 0.03),
    ("accelerator", "share of waiting at a step of 100 ms", "<", 0.03),
)


def write_files(folder: Path, settings: parts.Settings) -> Path:
    """Writes different pictures as PNG files with 100 ids each."""
    inputs = folder / "picture.npz"
    policies.write_inputs(inputs, size=settings.size, ids=min(100, settings.size // 4))
    picture = np.load(inputs)
    for kind in ("images", "labels"):
        (folder / "files" / kind).mkdir(parents=True)
    for number in range(settings.images):
        image, label = (np.roll(picture[name], number * 7, axis=1) for name in ("image", "label"))
        stem = f"{number:04d}"
        png = tf.io.encode_png(image).numpy()
        (folder / "files" / "images" / f"{stem}.png").write_bytes(png)
        images.write_label(folder / "files" / "labels" / stem, label)
    return folder / "files"


def end_to_end(
    dataset: tfseg.Dataset, folder: Path, settings: parts.Settings, peers: Path, without: list[str]
) -> dict[str, Any]:
    """Times batches of tfseg and of the other libraries in turns, and compares their batches."""
    inputs = _same_records(dataset, folder)
    contenders = {"tfseg": ("tfseg", False)} | {
        f"{peer}, {kind}": (peer, kind == "processes")
        for peer in PEERS
        if peer not in without
        for kind in ("threads", "processes")
    }
    nine, seconds = policies.policy(p=0.5), {name: [] for name in contenders}
    with contextlib.ExitStack() as closing:
        workers, made = {}, {}
        for name, (peer, _) in contenders.items():
            script = "loader.py" if peer == "tfseg" else "py_dataset.py"
            python = sys.executable if peer == "tfseg" else str(peers / peer / "bin" / "python")
            cores = sorted(os.sched_getaffinity(0))[:2]
            workers[name] = closing.enter_context(Worker(script, python=python, cores=cores))

        def ask(name: str, policy: list, crop: int, **request: object) -> dict[str, Any]:
            how = {"dataset": str(dataset.path), "crop": crop, "batch": parts.BATCH}
            how["processes"] = contenders[name][1]
            return workers[name].ask(policy=policy, inputs=inputs, how=how, **request)

        for name in contenders:
            path = folder / "made.npz"
            # Crops as large as the images, which have only one position.
            ask(name, [], crop=dataset.split("train").min_side, do="apply", to=str(path))
            made[name] = dict(np.load(path))
        for number in range(settings.rounds + 1):
            for name in contenders:
                ask(name, nine, settings.crop, do="time", count=12)  # longer than any queue
                taken = ask(name, nine, settings.crop, do="time", count=settings.batches)["seconds"]
                if number:  # the first round compiles
                    seconds[name].append(taken / (settings.batches * parts.BATCH))
    first = seconds["tfseg"]
    return {
        name: {
            "images_per_second": summary([1.0 / value for value in values]),
            "ratio": summary([a / b for a, b in zip(values, first, strict=True)]),
            "largest_difference_without_transforms": _largest_difference(made["tfseg"], made[name]),
        }
        for name, values in seconds.items()
    }


def _same_records(dataset: tfseg.Dataset, folder: Path) -> str:
    """Writes the positions of the records and their order in training."""
    index, config = Index.read(dataset, "train"), tfseg.RunConfig()
    order = [int(entry["index"]) for entry in training_order(dataset, config, first=0).take(4096)]
    path = folder / "inputs.npz"
    parts = {"shards": index.shards, "offsets": index.offsets, "paths": np.array(index.paths)}
    np.savez(path, order=order, **parts)
    return str(path)


def _largest_difference(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> Any:
    """Compares first batches: images in [0, 1], and targets."""
    names = {"image": "image", "targets": "label"}
    return {name: float(np.abs(one[key] - other[key]).max()) for name, key in names.items()}


def claims(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Compares the results with the targets; the value is null if it was not measured."""
    compared = []
    for question, name, sign, target in CLAIMS:
        value = results.get(question, {}).get(name)
        if question == "end to end":  # the faster of the two variants
            ways = [
                row for way, row in results.get(question, {}).items() if way.split(",")[0] == name
            ]
            value = min((row["ratio"]["median"] for row in ways), default=None)
        compared.append(claim(f"{question}: {name}", value, f"{sign} {target:g}"))
    return compared


def main(*, quick: bool, rounds: int, only: str, without: list[str], peers: Path, to: Path) -> None:
    """Answers the questions and writes the JSON, of a quick run without claims."""
    settings = parts.QUICK if quick else parts.Settings(rounds=rounds)
    for peer in PEERS:
        if peer not in without and not (peers / peer / "bin" / "python").exists():
            sys.exit(f"{peer} has no environment in {peers}: make it, or use --without {peer}")
    load = {"load_before": os.getloadavg()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_files(folder, settings)
        dataset = tfseg.convert(files, folder / "data", shard_size=16)
        asked: dict[str, Callable[[], dict[str, Any]]] = {
            "end to end": lambda: end_to_end(dataset, folder, settings, peers, without),
            "read and decode": lambda: parts.read_and_decode(dataset, settings),
            "conversion": lambda: parts.conversion(files, folder, settings),
            "memory": lambda: parts.memory(dataset, settings),
            "start": lambda: parts.start(folder, settings),
            "accelerator": lambda: parts.accelerator(dataset),
        }
        results = {}
        for question, answer in asked.items():
            if only in question:
                results[question] = answer()
                print(question, json.dumps(results[question]), file=sys.stderr, flush=True)
    write(
        to,
        results,
        claims=[] if quick else claims(results),
        settings=dataclasses.asdict(settings),
        left_out=without,
        machine=machine() | load | {"load_after": os.getloadavg()},
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--quick", action="store_true", help="the smallest run that works")
    add("--rounds", type=int, default=7, help="timed turns of each contender")
    add("--only", default="", help="only questions with this in their name")
    add("--without", nargs="*", default=[], choices=PEERS, help="libraries to leave out")
    add("--peers", type=Path, default=make.FOLDER, help="folder of their environments")
    add("--to", type=Path, help="the JSON; needed with --quick, whose figures mean nothing")
    given = vars(parser.parse_args())
    check_trial(parser, given)
    main(**given | {"to": given["to"] or RESULTS})
