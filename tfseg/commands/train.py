"""Trains a network on one data set or on several, on every visible GPU or the CPU.

RUN_DIR gets config.yaml (all values used), history.csv with its picture history.png, and the
checkpoints best and last. Ctrl-C and SIGTERM leave a checkpoint, from which --resume goes on.

Of several data sets, which must have the same classes, --data.weights says how many samples come
from each.

Example: tfseg train nuclei runs/first --train.steps 2000 --model.backbone resnet34
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from tfseg.commands.options import Parser, add_json, add_run_config
from tfseg.commands.output import note, print_json, print_table
from tfseg.commands.progress import Report, progress
from tfseg.config import RunConfig


def add_options(parser: Parser) -> None:
    """Declares what `run` takes."""
    add = parser.add_argument
    add("dataset", metavar="DATA", type=Path, nargs="+", help="data sets made by convert")
    add("run_dir", metavar="RUN_DIR", type=Path, help="folder of the run, made here")
    add("--resume", action="store_true", help="go on from the last checkpoint in RUN_DIR")
    add_json(parser)
    add_run_config(parser)


def run(*, dataset: list[Path], run_dir: Path, resume: bool, json: bool, config: RunConfig) -> int:
    """Trains, and prints the summary."""
    summary = fit(config, dataset, run_dir, resume=resume)
    if json:
        print_json({"run_dir": run_dir, **summary})
    else:
        print_table([(name.replace("_", " "), value) for name, value in summary.items()])
        print(f"run: {run_dir}")
    return 0


def fit(config: RunConfig, dataset: list[Path], run_dir: Path, *, resume: bool) -> dict[str, Any]:
    """Trains with a progress bar; returns the summary as a dict.

    Raises:
        KeyboardInterrupt: with the command that goes on.
    """
    from tfseg.data import cache
    from tfseg.data.mixture import Mixture
    from tfseg.data.store import Dataset
    from tfseg.evaluation.curves import draw_history
    from tfseg.training.trainer import CHECKPOINTS, CONFIG, HISTORY, Trainer

    opened = Mixture.of([Dataset.open(each) for each in dataset])
    if config.data.cache != "none":
        note(cache.described(opened, config.data.cache))
    trainer = Trainer(config, run_dir)
    try:
        with progress("train") as report:
            summary = trainer.fit(opened, resume=resume, on_log=lambda row: _show(report, row))
    except KeyboardInterrupt as interrupt:
        kind = type(interrupt)
        if not (run_dir / CHECKPOINTS).is_dir():
            raise kind("interrupted before the first checkpoint") from None
        places = " ".join(map(str, (*dataset, run_dir)))
        command = f"tfseg train {places} --resume --config {run_dir / CONFIG}"
        raise kind(f"interrupted; go on with: {command}") from None
    draw_history(run_dir / HISTORY, run_dir / "history.png")
    return dataclasses.asdict(summary)


def _show(report: Report, row: dict[str, Any]) -> None:
    minutes, seconds = divmod(round(row["seconds_left"]), 60)
    validation = f"  val_loss {row['val_loss']:.4f}" if "val_loss" in row else ""
    report(
        row["step"],
        row["steps"],
        f"loss {row['loss']:.4f}{validation}  {row['images_per_second']:.1f} images/s  "
        f"{minutes}:{seconds:02d} left",
    )
