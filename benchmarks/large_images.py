"""Crops of images of 1, 25 and 400 megapixels, and the memory of training on one of 1,600.

    python benchmarks/large_images.py             # writes benchmarks/results/large_images.json
    python benchmarks/large_images.py --memory    # with the last: minutes, and 3 GB of disk

Images are discs, one in 7,921 pixels, on repeated noise, grey and of 8 bits.
They are written by windows, as `tfseg convert` does it: that of 1 megapixel is one record, the
others are in tiles. Times are the processor times of the pipeline of a training for crops of 256 x
256 with ids and the targets of the default head, half of them aimed at a foreground pixel and a
quarter at an instance, without transforms. Memory is the peak of a process that trains the default
network, all libraries included.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from common import RESULTS, claim, interleaved, write

import tfseg
from tfseg.config import DataConfig, TrainConfig
from tfseg.data.conversion import encoding, writer
from tfseg.data.conversion.formats.base import Sample
from tfseg.data.dataset.tiles import SIDE as SIDE_OF_TILES
from tfseg.data.dataset.tiles import Grid, TiledArray
from tfseg.data.pipeline.order import training_order
from tfseg.data.pipeline.stages import training_stages
from tfseg.heads import head_of

SIDES = {"1 megapixel": 1024, "25 megapixels": 5000, "400 megapixels": 20_000}
SIDE, CELL, RADIUS = 40_000, 89, 30  # of the largest image, and of the discs in it, in pixels
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
    image, label = discs(side)
    sample = Sample(image, label)
    contents = writer.Contents(
        source_name=folder,
        splits={"train": range(count)},
        encode=lambda number: encoding.encode(f"{number}", sample, name=folder).serialized(),
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


def train(folder: Path) -> None:
    """Trains for a few steps."""
    with tempfile.TemporaryDirectory() as run:
        trainer = tfseg.Trainer(config_of(steps=6), Path(run) / "run")
        trainer.fit(tfseg.Dataset.open(folder), verbose=False)


def memory(folder: Path) -> dict[str, float]:
    """Returns the memory of converting and of training on the largest image, each in a process."""
    values = {}
    for what in ("convert", "train"):
        command = [sys.executable, __file__, "--only", what, str(folder)]
        start = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        values[f"{what}_gigabytes"] = json.loads(done.stdout.splitlines()[-1]) / 1e9
        values[f"{what}_seconds"] = time.perf_counter() - start
    size = sum(file.stat().st_size for file in folder.iterdir())
    return values | {"data_set_gigabytes": size / 1e9}


def peak_memory() -> int:
    """Returns the peak of the memory of this process, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak) * 1024


def main(*, rounds: int, batches: int, with_memory: bool, to: Path) -> None:
    """Measures, and writes the results."""
    with tempfile.TemporaryDirectory() as work:
        folders = {name: Path(work) / name for name in SIDES}
        for name, side in SIDES.items():
            make(folders[name], side, count=BATCH if side == min(SIDES.values()) else 1)
        calls = {name: crops(folder, batches) for name, folder in folders.items()}
        times = interleaved(calls, rounds=rounds, clock=time.process_time)
        results = {
            "crops": {
                name: {
                    "milliseconds": 1000 * row["seconds"] / batches / BATCH,
                    "interquartile_range": 1000 * row["interquartile_range"] / batches / BATCH,
                    "ratio": row["ratio"],
                }
                for name, row in times.items()
            }
        }
        used = memory(Path(work) / "largest") if with_memory else {}
    first, *others = SIDES
    claims = [
        claim(f"a crop of {name} over one of {first}", results["crops"][name]["ratio"], "<= 1.3")
        for name in others
    ]
    name = f"memory of training on {SIDE:,} x {SIDE:,} pixels, GB"
    claims.append(claim(name, used.get("train_gigabytes"), "<= 3"))
    if used:
        results["the largest image"] = {f"{SIDE:,} x {SIDE:,}": used}
    write(to, results, claims=claims, settings={"rounds": rounds, "batches": batches})


def only(what: str, folder: Path) -> None:
    """Converts or trains on the largest image, and prints the peak of memory."""
    if what == "convert":
        make(folder, SIDE, 1)
    else:
        train(folder)
    print(json.dumps(peak_memory()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batches", type=int, default=4, help="in a round")
    parser.add_argument("--memory", dest="with_memory", action="store_true")
    parser.add_argument("--only", nargs=2, help="for a process of --memory")
    parser.add_argument("--to", type=Path, default=RESULTS / "large_images.json")
    values = vars(parser.parse_args())
    if given := values.pop("only"):
        only(given[0], Path(given[1]))
    else:
        main(**values)
