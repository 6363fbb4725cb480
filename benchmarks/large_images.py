"""Crops of images of 1, 25 and 400 megapixels, and the memory of training on one of 1,600.

    python benchmarks/large_images.py    # writes benchmarks/results/large_images.json

Images are discs, one in 7,921 pixels, on repeated noise, grey and of 8 bits. They are written by
windows, as `tfseg convert` does it: that of 1 megapixel is one record, the others are in tiles. The
largest has 79 x 79 equal tiles and an index of 224,676 instances. Times are the processor times of
the pipeline of a training for crops of 256 x 256 with ids and the targets of the default head, half
of them aimed at a foreground pixel and a quarter at an instance, without transforms. A training
starts its pipeline once, which takes a second of processor time: so the time of a stream of one
batch, the start, is subtracted from that of a longer one. Memory is the peak of a process that
trains the default network, all libraries included.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from common import RESULTS, claim, interleaved, write

import tfseg
from tfseg.config import DataConfig, TrainConfig
from tfseg.data.conversion import encoding, writer
from tfseg.data.conversion.formats.base import Sample
from tfseg.data.dataset import records
from tfseg.data.dataset.instances import Instances
from tfseg.data.dataset.tiles import SIDE as SIDE_OF_TILES
from tfseg.data.dataset.tiles import Grid, TiledArray
from tfseg.data.pipeline.order import training_order
from tfseg.data.pipeline.stages import training_stages
from tfseg.heads import head_of

SIDES = {"1 megapixel": 1024, "25 megapixels": 5000, "400 megapixels": 20_000}
CELL, RADIUS = 89, 30  # pixels, of the discs
TILES = 79  # rows and columns of tiles in the largest image
BATCH = 8


def discs(side: int) -> tuple[TiledArray, TiledArray]:
    """Returns an image and its label, which are computed where they are read."""
    grid = Grid(side, side)
    noise = np.random.default_rng(0).normal(0.0, 4.0, (SIDE_OF_TILES, SIDE_OF_TILES)).round()

    def cells(tile: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the ids of the cells of the pixels, and which are in the disc of the cell."""
        rows, columns = (np.arange(side)[part] for part in grid.slices(tile))
        (down, y), (across, x) = np.divmod(rows, CELL), np.divmod(columns, CELL)
        inside = (y[:, None] - CELL // 2) ** 2 + (x - CELL // 2) ** 2 < RADIUS**2
        return down[:, None] * -(-side // CELL) + across + 1, inside

    def image(tile: int) -> np.ndarray:
        _, inside = cells(tile)
        height, width = inside.shape
        return (60 + 100 * inside + noise[:height, :width]).astype(np.uint8)[..., None]

    def label(tile: int) -> np.ndarray:
        ids, inside = cells(tile)
        return np.where(inside, ids, 0).astype(np.int32)

    return (
        TiledArray((side, side, 1), np.uint8, image),
        TiledArray((side, side), np.int32, label),
    )


def make(folder: Path, side: int, count: int) -> None:
    """Writes a data set of equal images."""
    sample = Sample(*discs(side))
    encode = functools.partial(encoding.encode, sample=sample, name=folder)
    write_images(folder, count, lambda number: encode(f"{number}").serialized())


def make_largest(folder: Path) -> None:
    """Writes a data set of one image of equal tiles."""
    image, label = discs(SIDE_OF_TILES)
    tile = encoding.encode("", Sample(image, label), name=folder)
    tile = dataclasses.replace(tile, features=tile.features | {"id": b"slide"}).serialized()
    number, side = TILES**2, TILES * SIDE_OF_TILES
    of_tile = Instances.of(label, image.grid)
    corners = np.stack(np.divmod(np.arange(number), TILES), axis=1) * SIDE_OF_TILES
    centers = (corners[:, None] + of_tile.centers).reshape(-1, 2)
    instances = Instances(
        np.arange(1, len(centers) + 1),
        np.tile(of_tile.areas, number),
        centers,
        np.repeat(of_tile.foreground, number),
    )
    equal = TiledArray((side, side, 1), np.uint8, lambda _: image[:, :])
    header = records.header_features("slide", equal, instances)
    counts = dataclasses.replace(
        tile.counts, sizes=Counter([(side, side)]), areas=Counter(instances.areas.tolist())
    )
    sample = writer.Encoded(records.serialize(header), counts, [tile.record] * number)
    write_images(folder, 1, lambda _: sample)


def write_images(folder: Path, count: int, encode: Callable[[int], writer.Encoded]) -> None:
    """Writes the data set of some images."""
    contents = writer.Contents(
        source_name=folder,
        splits={"train": range(count)},
        encode=encode,
        source_format="python",
        class_names=("disc",),
        options={},
        shard_size=256,
    )
    writer.write_dataset(contents, folder, overwrite=False)


def config_of(**train: int) -> tfseg.RunConfig:
    """Returns the configuration of the crops."""
    return tfseg.RunConfig(
        augment=(),
        data=DataConfig(crop_size=256, foreground_share=0.5, instance_share=0.25),
        train=TrainConfig(batch_size=BATCH, **train),
    )


def crops(folder: Path, batches: int) -> Callable[[], None]:
    """Returns a call that makes some batches of a data set, and no more in the background."""
    config = config_of()
    dataset = tfseg.Dataset.open(folder)
    stream = training_order(dataset, config, first=0).take(batches * BATCH)
    for stage in training_stages(dataset, config, head_of(config.model)).values():
        stream = stage(stream)

    def run() -> None:
        for _ in stream:
            pass

    return run


def speeds(folders: dict[str, Path], rounds: int, batches: int) -> dict[str, dict[str, float]]:
    """Returns milliseconds of processor time for a crop of each data set, and for the start."""
    calls = {
        (name, count): crops(folder, count)
        for name, folder in folders.items()
        for count in (1, 1 + batches)
    }
    times = interleaved(calls, rounds=rounds, warm_up=1, clock=time.process_time)
    per_crop = 1000 / batches / BATCH
    rows: dict[str, dict[str, float]] = {}
    for name in folders:
        start, longer = times[name, 1], times[name, 1 + batches]
        milliseconds = (longer["seconds"] - start["seconds"]) * per_crop
        first = next(iter(rows.values()), {"milliseconds": milliseconds})
        rows[name] = {
            "milliseconds": milliseconds,
            "interquartile_range": longer["interquartile_range"] * per_crop,
            "ratio": milliseconds / first["milliseconds"],
            "milliseconds of the start": 1000 * start["seconds"],
        }
    return rows


def train(folder: Path) -> None:
    """Trains for a few steps, and prints the peak of the memory of this process in bytes."""
    with tempfile.TemporaryDirectory() as run:
        trainer = tfseg.Trainer(config_of(steps=6), Path(run) / "run")
        trainer.fit(tfseg.Dataset.open(folder), verbose=False)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    print(json.dumps(int(peak) * 1024))


def memory(folder: Path) -> dict[str, float]:
    """Returns the memory of training on the largest image, and the size of its data set."""
    make_largest(folder)
    command = [sys.executable, __file__, "--train", str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    size = sum(file.stat().st_size for file in folder.iterdir())
    return {
        "memory, GB": json.loads(done.stdout.splitlines()[-1]) / 1e9,
        "data set, GB": size / 1e9,
    }


def main(*, rounds: int, batches: int, largest: int, to: Path) -> None:
    """Measures, and writes the results."""
    sides = {name: side for name, side in SIDES.items() if side <= largest}
    with tempfile.TemporaryDirectory() as work:
        folders = {name: Path(work) / name for name in sides}
        for name, side in sides.items():
            make(folders[name], side, count=BATCH if side == min(sides.values()) else 1)
        measured = speeds(folders, rounds, batches)
        used = memory(Path(work) / "largest")
    results = {
        "crops": measured,
        "training on the largest image": {f"{TILES} x {TILES} tiles": used},
    }
    first, *others = sides
    claims = [
        claim(f"time of a crop of {name} over one of {first}", measured[name]["ratio"], "<= 1.3")
        for name in others
    ]
    side = TILES * SIDE_OF_TILES
    name = f"memory of training on {side:,} x {side:,} pixels, GB"
    claims.append(claim(name, used["memory, GB"], "<= 3"))
    write(to, results, claims=claims, settings={"rounds": rounds, "batches": batches})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--batches", type=int, default=8, help="in a round, after the first")
    parser.add_argument("--largest", type=int, default=max(SIDES.values()), help="side, in pixels")
    parser.add_argument("--train", type=Path, help="data set to train on, in a process")
    parser.add_argument("--to", type=Path, default=RESULTS / "large_images.json")
    values = vars(parser.parse_args())
    if folder := values.pop("train"):
        train(folder)
    else:
        main(**values)
