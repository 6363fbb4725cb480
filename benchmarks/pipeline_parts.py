"""The measurements of the pipeline: its parts, its start, its memory, and waiting for it."""

from __future__ import annotations

import dataclasses
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from common import interleaved
from peers.bench import summary

import tfseg
from tfseg.data.dataset import records
from tfseg.data.dataset.integrity import file_sha256
from tfseg.data.files import images
from tfseg.data.pipeline.order import training_order
from tfseg.data.pipeline.stages import training_stages
from tfseg.ordered_map import ordered

HERE = Path(__file__).parent
BATCH = 4


@dataclasses.dataclass(frozen=True)
class Settings:
    """Sizes of the measurements.

    Attributes:
        images: number of images in the data set that is read.
        size: side of the images, pixels.
        crop: side of the crops, pixels.
        rounds: timed turns.
        batches: batches of a turn, end to end.
        records: number of records in the data set for the start.
        epochs: epochs during which memory is observed.
        passes: epochs that are read and decoded in one pass.
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


def read_and_decode(dataset: tfseg.Dataset, settings: Settings) -> dict[str, Any]:
    """Times passes over all records in the order of training, and by TensorFlow's reader.

    A pass has several epochs: its start takes 0.1 s, as long as 15 images.
    """
    config, count = tfseg.RunConfig(), settings.passes * dataset.split("train").num_images
    stages = training_stages(dataset, config, None)
    decoded = stages["decode"](stages["read"](training_order(dataset, config, first=0))).take(count)
    features = {name: tf.io.FixedLenFeature([], tf.string) for name in ("image", "label")}

    def bare(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        parsed = tf.io.parse_single_example(record, features)
        image = tf.io.decode_png(parsed["image"], channels=dataset.info.channels)
        return image, tf.io.decode_png(parsed["label"], dtype=tf.uint16)

    stored = dataset.records("train").repeat(settings.passes)
    stored = stored.map(bare, num_parallel_calls=tf.data.AUTOTUNE)
    calls = {"tfseg": _passes(decoded), "bare": _passes(stored)}
    times = interleaved(calls, rounds=settings.rounds, warm_up=1)
    return {
        "share of a bare loop": times["bare"]["ratio"],
        "images_per_second": {name: count / row["seconds"] for name, row in times.items()},
        "interquartile_range": {name: row["interquartile_range"] for name, row in times.items()},
    }


def _passes(dataset: tf.data.Dataset) -> Callable[[], object]:
    return lambda: dataset.reduce(np.int64(0), lambda number, *_: number + 1).numpy()


def conversion(files: Path, folder: Path, settings: Settings) -> dict[str, Any]:
    """Times complete conversions, and decoding and encoding without writing a data set."""
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
        "images_per_second": {name: len(pairs) / row["seconds"] for name, row in times.items()},
        "interquartile_range": {name: row["interquartile_range"] for name, row in times.items()},
    }


def memory(dataset: tfseg.Dataset, settings: Settings) -> dict[str, Any]:
    """Measures the resident memory after every epoch of training batches."""
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
    """Times the first batch of many small records, each time in a new process."""
    dataset, runs = _many_records(folder, settings.records), []
    for _ in range(max(2, settings.rounds)):
        command = [sys.executable, str(HERE / "first_batch.py"), str(dataset.path)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    phases = {name: summary([run[name] for run in runs]) for name in runs[0]}
    seconds = [run["open"] + run["build"] + run["batch"] for run in runs]
    return {
        "seconds to the first batch of 100,000 records": summary(seconds)["median"],
        "with the import": summary([a + b["import"] for a, b in zip(seconds, runs, strict=True)]),
        "records": settings.records,
        "phases": phases,
    }


def _many_records(folder: Path, count: int) -> tfseg.Dataset:
    """Writes a data set of `count` records: one shard of 200 records with many names."""
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
    """Takes batches in steps of a fixed time, and measures how long the steps wait for them.

    A batch has as many crops (128 pixels, default transforms) as four fifths of the pipeline's rate
    make in the time of a step. One batch is ready while a step runs, as the iterators of a strategy
    keep one on the device.
    """
    rate, results = _rate(dataset), {}
    for milliseconds in (10, 30, 100):
        name = f"share of waiting at a step of {milliseconds} ms"
        size = int(0.8 * rate * milliseconds / 1000)
        results[name] = _waiting(dataset, size, milliseconds / 1000) if size else None
        results[f"batch at {milliseconds} ms"] = size
    return results | {"images_per_second": rate}


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
