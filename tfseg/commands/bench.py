"""Measures how many images a second each stage handles: reading, augmenting, training, predicting.

Each stage is timed by itself after a warm-up, on the split train, with the values of a run; "train"
is input and step together. Nothing is written.

Example: tfseg bench nuclei --train.batch_size 16 --data.crop_size 256
"""

from __future__ import annotations

from pathlib import Path

from tfseg.commands.options import Parser, add_json, add_run_config
from tfseg.commands.output import print_json, print_table
from tfseg.config import RunConfig, to_dict


def add_options(parser: Parser) -> None:
    """Declares what `run` takes."""
    add = parser.add_argument
    add("dataset", metavar="DATA", type=Path, help="data set made by convert")
    add("--batches", type=int, default=20, help="batches timed in each stage, after a warm-up")
    add_json(parser)
    add_run_config(parser)


def run(*, dataset: Path, batches: int, json: bool, config: RunConfig) -> int:
    """Times the stages and prints a row for each."""
    from tfseg.data.store import Dataset
    from tfseg.evaluation.bench import bench

    header = ("stage", "images_per_second", "milliseconds_per_image")
    speeds = bench(Dataset.open(dataset), config, batches=batches)
    rows = [tuple(getattr(speed, name) for name in header) for speed in speeds]
    if json:
        stages = [dict(zip(header, row, strict=True)) for row in rows]
        print_json({"dataset": dataset, "stages": stages, "config": to_dict(config)})
    else:
        print_table([("stage", "images/s", "ms/image"), *rows])
    return 0
