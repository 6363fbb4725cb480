"""Measures how many images per second each stage handles, and names the bottleneck.

Every stage is timed alone, with its input in memory, and together with all stages before it ("so
far"), on the split train with the configuration of a run. Prints the median and the quartiles of
the repeats. Nothing is written.

Example: tfseg bench nuclei --train.batch_size 16 --data.crop_size 256
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from tfseg.commands.options import Parser, add_json, add_run_config
from tfseg.commands.output import note_training, print_json, print_table
from tfseg.config import RunConfig, to_dict

if TYPE_CHECKING:
    from tfseg.evaluation.bench import Speed


def add_options(parser: Parser) -> None:
    """Declares the options of the command."""
    add = parser.add_argument
    add("dataset", metavar="DATA", type=Path, help="data set made by convert")
    add("--batches", type=int, default=5, help="batches per repeat, after a warm-up")
    add("--repeats", type=int, default=5, help="repeats of every measurement")
    add("--input_only", action="store_true", help="measure only the input, not the network")
    add_json(parser)
    add_run_config(parser)


def run(
    *, dataset: Path, batches: int, repeats: int, input_only: bool, json: bool, config: RunConfig
) -> int:
    """Times the stages and prints one row per stage."""
    from tfseg.data.dataset.dataset import Dataset
    from tfseg.data.dataset.integrity import verify_small
    from tfseg.evaluation.bench import bench

    opened = Dataset.open(dataset)
    if config.data.on_corrupt == "fail":
        verify_small(opened, ["train"])
    report = bench(opened, config, batches=batches, repeats=repeats, input_only=input_only)
    if json:
        print_json({"dataset": dataset, **dataclasses.asdict(report), "config": to_dict(config)})
        return 0
    rows = [(row.stage, *_cells(row.alone), *_cells(row.cumulative)) for row in report.stages]
    print_table([("stage", "images/s alone", "quartiles", "so far", "quartiles"), *rows])
    print(f"bottleneck: {report.bottleneck}; to make it faster, {report.remedy}")
    note_training(dataset)
    return 0


def _cells(speed: Speed | None) -> tuple[object, object]:
    return (speed.median, f"{speed.low:.1f} to {speed.high:.1f}") if speed else ("", "")
