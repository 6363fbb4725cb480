"""Measures how many images a second each stage handles: reading, augmenting, training, predicting.

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
    add("--split", metavar="NAME", default="train", help="split to read")
    add("--batches", type=int, default=20, help="batches timed in each stage, after a warm-up")
    add_json(parser)
    add_run_config(parser)


def run(*, dataset: Path, split: str, batches: int, json: bool, config: RunConfig) -> int:
    """Times the stages and prints a row for each."""
    from tfseg.data.store import Dataset
    from tfseg.evaluation.bench import bench

    rows = bench(Dataset.open(dataset), config, split=split, batches=batches)
    if json:
        print_json({"dataset": dataset, "split": split, "stages": rows, "config": to_dict(config)})
    else:
        columns = ("stage", "images_per_second", "milliseconds_per_image")
        header = ("stage", "images/s", "ms/image")
        print_table([header] + [tuple(row[column] for column in columns) for row in rows])
    return 0
