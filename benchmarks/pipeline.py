"""How fast data comes: the whole pipeline beside its peers, its parts, and what it costs to begin.

    python benchmarks/environments/make.py albumentations albumentationsx    # once
    python benchmarks/pipeline.py         # writes benchmarks/results/pipeline.json

`end to end`: batches of 512 x 512 crops with nine transforms, p = 0.5, and the targets of the
default head, by tfseg and by `keras.utils.PyDataset` with albumentations and AlbumentationsX
(`peers/py_dataset.py`), on two cores, from the same records in the same order. A PyDataset has two
threads or two processes; the faster one counts. Every turn begins with batches that are not timed,
so that none is taken from a queue that the turns of the others filled. The other questions are
asked of tfseg alone or of TensorFlow beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from common import claim, interleaved, machine, write
from environments import make
from peers import policies
from peers.bench import summary
from peers.client import Worker

import tfseg
from tfseg.data import images, records
from tfseg.data.index import Index
from tfseg.data.order import places
from tfseg.data.parallel import ordered
from tfseg.data.stages import training_stages
from tfseg.data.store import file_sha256

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "pipeline.json"
PEERS = ("albumentations", "albumentationsx")
BATCH = 4
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


@dataclasses.dataclass(frozen=True)
class Settings:
    """How much is measured.

    Attributes:
        images: of the data set that is read, `size` x `size` pixels each.
        size: pixels.
        crop: pixels.
        rounds: timed turns.
        batches: of a turn, end to end.
        records: of the data set for the start.
        epochs: over which memory is watched.
        passes: epochs that are read and decoded at once.
    """

    images: int = 64
    size: int = 640
    crop: int = 512
    rounds: int = 7
    batches: int = 12
    records: int = 100_000
    epochs: int = 20
    passes: int = 8


QUICK = Settings(images=8, size=96, crop=64, rounds=1, batches=1, records=200, epochs=3, passes=1)


def write_files(folder: Path, settings: Settings) -> Path:
    """Writes pictures as PNG files with 100 ids each, every one of them different."""
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
    dataset: tfseg.Dataset, folder: Path, settings: Settings, peers: Path, without: list[str]
) -> dict[str, Any]:
    """Times batches of tfseg and of the peers in turns, and compares what they make."""
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
            how = {"dataset": str(dataset.path), "crop": crop, "batch": BATCH}
            how["processes"] = contenders[name][1]
            return workers[name].ask(policy=policy, inputs=inputs, how=how, **request)

        for name in contenders:
            path = folder / "made.npz"
            # Crops as large as the images, which can lie in one place only.
            ask(name, [], crop=dataset.split("train").min_side, do="apply", to=str(path))
            made[name] = dict(np.load(path))
        for number in range(settings.rounds + 1):
            for name in contenders:
                ask(name, nine, settings.crop, do="time", count=12)  # longer than any queue
                taken = ask(name, nine, settings.crop, do="time", count=settings.batches)["seconds"]
                if number:  # the first round compiles
                    seconds[name].append(taken / (settings.batches * BATCH))
    own = seconds["tfseg"]
    return {
        name: {
            "images_per_second": summary([1.0 / value for value in values]),
            "ratio": summary([a / b for a, b in zip(values, own, strict=True)]),
            "largest_difference_without_transforms": _largest_difference(made["tfseg"], made[name]),
        }
        for name, values in seconds.items()
    }


def _same_records(dataset: tfseg.Dataset, folder: Path) -> str:
    """Writes where the records lie, and in which order training takes them."""
    index, config = Index.of(dataset, "train"), tfseg.RunConfig()
    order = [int(each["index"]) for each in places(dataset, config, first=0).take(4096)]
    path = folder / "inputs.npz"
    parts = {"shards": index.shards, "offsets": index.offsets, "paths": np.array(index.paths)}
    np.savez(path, order=order, **parts)
    return str(path)


def _largest_difference(own: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> Any:
    """Compares first batches: images in [0, 1], and targets."""
    names = {"image": "image", "targets": "label"}
    return {name: float(np.abs(own[key] - other[key]).max()) for name, key in names.items()}


def read_and_decode(dataset: tfseg.Dataset, settings: Settings) -> dict[str, Any]:
    """Times passes over all records in training's order, and by TensorFlow's own reader.

    A pass is of several epochs: to begin one takes 0.1 s, as long as 15 images.
    """
    config, count = tfseg.RunConfig(), settings.passes * dataset.split("train").num_images
    stages = training_stages(dataset, config, None)
    own = stages["decode"](stages["read"](places(dataset, config, first=0))).take(count)
    features = {name: tf.io.FixedLenFeature([], tf.string) for name in ("image", "label")}

    def bare(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        found = tf.io.parse_single_example(record, features)
        image = tf.io.decode_png(found["image"], channels=dataset.info.channels)
        return image, tf.io.decode_png(found["label"], dtype=tf.uint16)

    stored = dataset.records("train").repeat(settings.passes)
    stored = stored.map(bare, num_parallel_calls=tf.data.AUTOTUNE)
    calls = {"tfseg": _passes(own), "bare": _passes(stored)}
    times = interleaved(calls, rounds=settings.rounds, warm_up=1)
    return {
        "share of a bare loop": times["bare"]["ratio"],
        "images_per_second": {name: count / each["seconds"] for name, each in times.items()},
        "interquartile_range": {name: each["interquartile_range"] for name, each in times.items()},
    }


def _passes(dataset: tf.data.Dataset) -> Callable[[], object]:
    return lambda: dataset.reduce(np.int64(0), lambda number, *_: number + 1).numpy()


def conversion(files: Path, folder: Path, settings: Settings) -> dict[str, Any]:
    """Times whole conversions, and decoding and encoding without all that makes a data set."""
    pairs = list(
        zip(*(sorted((files / kind).iterdir()) for kind in ("images", "labels")), strict=True)
    )

    def convert(threads: int) -> None:
        shutil.rmtree(folder / "converted", ignore_errors=True)
        before = os.cpu_count
        os.cpu_count = lambda: threads
        try:
            tfseg.convert(files, folder / "converted")
        finally:
            os.cpu_count = before

    def encode(pair: tuple[Path, Path]) -> bytes:
        image, label = images.read_image(pair[0]), images.read_label(pair[1])
        return records.encode(pair[0].stem, image, label)

    def alone() -> None:
        for _ in ordered(encode, pairs, threads=2):
            pass

    calls = {"two": lambda: convert(2), "one": lambda: convert(1), "alone": alone}
    times = interleaved(calls, rounds=settings.rounds, warm_up=1)
    return {
        "share of decoding and encoding alone": times["alone"]["ratio"],
        "two workers over one": times["one"]["ratio"],
        "images_per_second": {name: len(pairs) / each["seconds"] for name, each in times.items()},
        "interquartile_range": {name: each["interquartile_range"] for name, each in times.items()},
    }


def memory(dataset: tfseg.Dataset, settings: Settings) -> dict[str, Any]:
    """Watches what is resident after every epoch of training batches."""
    config = tfseg.RunConfig(train=tfseg.TrainConfig(batch_size=BATCH))
    head = tfseg.make_head(config.model.head)
    batches = iter(tfseg.training_batches(dataset, config, head))
    steps, resident = dataset.split("train").num_images // BATCH, []
    for _ in range(settings.epochs):
        for _ in range(steps):
            next(batches)
        resident.append(_resident())
    return {
        "growth over 20 epochs after the first": max(resident[1:]) / resident[0] - 1.0,
        "bytes_after_each_epoch": resident,
    }


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def start(folder: Path, settings: Settings) -> dict[str, Any]:
    """Times the first batch of many small records, each time in a process of its own."""
    dataset, found = _many_records(folder, settings.records), []
    for _ in range(max(2, settings.rounds)):
        command = [sys.executable, str(HERE / "first_batch.py"), str(dataset.path)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    phases = {name: summary([each[name] for each in found]) for name in found[0]}
    own = [each["open"] + each["build"] + each["batch"] for each in found]
    return {
        "seconds to the first batch of 100,000 records": summary(own)["median"],
        "with the import": summary([a + b["import"] for a, b in zip(own, found, strict=True)]),
        "records": settings.records,
        "phases": phases,
    }


def _many_records(folder: Path, count: int) -> tfseg.Dataset:
    """Writes a data set of `count` records: one shard of 200 under many names."""
    label = np.zeros((64, 64), np.int32)
    label[8:24, 8:24], label[30:60, 30:50] = 1, 2
    draw = np.random.default_rng(0)
    samples = [(draw.integers(0, 256, (64, 64), np.uint8), label) for _ in range(200)]
    one = tfseg.convert_samples(samples, folder / "one")
    (path,), (shard,) = one.shard_paths("train"), one.split("train").shards
    (folder / "many").mkdir()
    shards = []
    for number in range(count // 200):
        name = f"train-{number:05d}-of-{count // 200:05d}.tfrecord"
        shutil.copy(path, folder / "many" / name)
        shards.append(dataclasses.replace(shard, name=name, sha256=file_sha256(path)))
    split = dataclasses.replace(one.split("train"), shards=tuple(shards), num_images=count)
    info = dataclasses.replace(one.info, splits={"train": split})
    (folder / "many" / "dataset.json").write_text(info.to_json(), encoding="utf-8")
    return tfseg.Dataset.open(folder / "many")


def accelerator(dataset: tfseg.Dataset) -> dict[str, Any]:
    """Lets steps of a fixed time take batches, and measures how long they wait for them.

    A batch is as large as four fifths of the pipeline's own rate fill in the time of a step, of
    crops of 128 pixels with the default transforms. One batch lies ready while a step runs, as the
    iterators of a strategy keep one on the device.
    """
    rate, found = _rate(dataset), {}
    for milliseconds in (10, 30, 100):
        name = f"share of waiting at a step of {milliseconds} ms"
        size = int(0.8 * rate * milliseconds / 1000)
        found[name] = _waiting(dataset, size, milliseconds / 1000) if size else None
        found[f"batch at {milliseconds} ms"] = size
    return found | {"images_per_second": rate}


def _batches(dataset: tfseg.Dataset, size: int) -> Any:
    config = tfseg.RunConfig(train=tfseg.TrainConfig(batch_size=size))
    return iter(tfseg.training_batches(dataset, config, tfseg.make_head(config.model.head)))


def _rate(dataset: tfseg.Dataset) -> float:
    batches, count = _batches(dataset, 8), 40
    for _ in range(10):
        next(batches)
    begin = time.perf_counter()
    for _ in range(count):
        next(batches)
    return count * 8 / (time.perf_counter() - begin)


def _waiting(dataset: tfseg.Dataset, size: int, step: float) -> float:
    batches, waited = _batches(dataset, size), []
    for _ in range(10):
        next(batches)
    ready: queue.Queue[object] = queue.Queue(maxsize=1)
    steps = int(5.0 / step)

    def work() -> None:
        for _ in range(steps):
            asked = time.perf_counter()
            ready.get()
            waited.append(time.perf_counter() - asked)
            time.sleep(step)

    accelerator = threading.Thread(target=work)
    begin = time.perf_counter()
    accelerator.start()
    for _ in range(steps):
        ready.put(next(batches))
    accelerator.join()
    return sum(waited) / (time.perf_counter() - begin)


def claims(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Holds the results against the targets; what was not measured has the value null."""
    found = []
    for question, name, sign, target in CLAIMS:
        value = results.get(question, {}).get(name)
        if question == "end to end":  # the faster of the peer's two ways
            ways = [
                row for way, row in results.get(question, {}).items() if way.split(",")[0] == name
            ]
            value = min((row["ratio"]["median"] for row in ways), default=None)
        found.append(claim(f"{question}: {name}", value, f"{sign} {target:g}"))
    return found


def main(*, quick: bool, rounds: int, only: str, without: list[str], peers: Path, to: Path) -> None:
    """Asks the questions, prints the claims and writes the JSON."""
    settings = QUICK if quick else Settings(rounds=rounds)
    for peer in PEERS:
        if peer not in without and not (peers / peer / "bin" / "python").exists():
            sys.exit(
                f"{peer} has no environment in {peers}: make it, or leave it out: --without {peer}"
            )
    load = {"load_before": os.getloadavg()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_files(folder, settings)
        dataset = tfseg.convert(files, folder / "data", shard_size=16)
        asked: dict[str, Callable[[], dict[str, Any]]] = {
            "end to end": lambda: end_to_end(dataset, folder, settings, peers, without),
            "read and decode": lambda: read_and_decode(dataset, settings),
            "conversion": lambda: conversion(files, folder, settings),
            "memory": lambda: memory(dataset, settings),
            "start": lambda: start(folder, settings),
            "accelerator": lambda: accelerator(dataset),
        }
        results = {}
        for question, answer in asked.items():
            if only in question:
                results[question] = answer()
                print(question, json.dumps(results[question]), file=sys.stderr, flush=True)
    write(
        to,
        results,
        claims=claims(results),
        settings=dataclasses.asdict(settings),
        left_out=without,
        machine=machine() | load | {"load_after": os.getloadavg()},
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--quick", action="store_true", help="as little as shows that it runs")
    add("--rounds", type=int, default=7, help="timed turns of each contender")
    add("--only", default="", help="questions whose name has this in it")
    add("--without", nargs="*", default=[], choices=PEERS, help="peers left out")
    add("--peers", type=Path, default=make.FOLDER, help="folder of their environments")
    add("--to", type=Path, default=RESULTS, help="the JSON")
    main(**vars(parser.parse_args()))
