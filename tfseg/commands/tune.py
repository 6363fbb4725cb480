"""Chooses the decoding thresholds of a trained network on the split val, never on test.

RUN_DIR gets thresholds.yaml, which predict, evaluate and export then use instead of the thresholds
in config.yaml; those of an earlier tune are replaced only with --overwrite. Every image is
predicted once; then the options of the head are chosen one by one, as long as the metric improves.

Example: tfseg tune runs/first nuclei --metric pq
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tfseg.commands import results
from tfseg.commands.options import Parser, add_json
from tfseg.commands.output import note_next, print_json, print_table


def add_options(parser: Parser) -> None:
    """Declares the options of the command."""
    add = parser.add_argument
    add("run_dir", metavar="RUN_DIR", type=Path, help="folder of a run, made by train")
    add("dataset", metavar="DATA", type=Path, help="data set made by convert, with a split val")
    add("--metric", choices=("ap50", "pq"), default="ap50", help="metric to maximise")
    add("--checkpoint", choices=("best", "last"), default="best", help="weights to use")
    results.add_overwrite(parser, "the thresholds of an earlier tune")
    add_json(parser)


def run(
    *, run_dir: Path, dataset: Path, metric: str, checkpoint: str, overwrite: bool, json: bool
) -> int:
    """Chooses the thresholds and prints them."""
    from tfseg.data.dataset.dataset import Dataset
    from tfseg.evaluation.tune import tune
    from tfseg.run_files import THRESHOLDS

    results.check_new(run_dir, [THRESHOLDS], overwrite=overwrite)
    opened = Dataset.open(dataset)
    tuning = tune(run_dir, opened, metric=metric, checkpoint=checkpoint)
    path = run_dir / THRESHOLDS
    if json:
        print_json({"run_dir": run_dir, "thresholds": path, **dataclasses.asdict(tuning)})
        return 0
    print_table(
        [("option", "before", "chosen")]
        + [(name, tuning.start[name], value) for name, value in tuning.chosen.items()]
        + [(f"{metric} on val", tuning.before, tuning.after)]
    )
    print(f"thresholds: {path}")
    note_next("evaluate", run_dir, dataset)
    return 0
