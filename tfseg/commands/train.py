"""Trains a network on a data set, on every visible GPU or the CPU, of one host or of several.

RUN_DIR gets config.yaml (all values used), history.csv with its picture history.png, and the
checkpoints best and last. Ctrl-C and SIGTERM leave a checkpoint, from which --resume goes on.
Several hosts: the same command on each of them, with TF_CONFIG or by srun.

Example: tfseg train nuclei runs/first --train.steps 2000 --model.backbone resnet34
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from pathlib import Path
from typing import Any

from tfseg import checks
from tfseg import config as configs
from tfseg.commands.options import Parser, add_json, add_run_config
from tfseg.commands.output import print_json, print_table
from tfseg.commands.progress import Report, progress
from tfseg.config import RunConfig


def add_options(parser: Parser) -> None:
    """Declares what `run` takes."""
    add = parser.add_argument
    add("dataset", metavar="DATA", type=Path, help="data set made by convert")
    add("run_dir", metavar="RUN_DIR", type=Path, help="folder of the run, made here")
    add("--resume", action="store_true", help="go on from the last checkpoint in RUN_DIR")
    add(
        "--launch",
        type=int,
        default=1,
        metavar="N",
        help="processes on this machine that train together, each with its share of the GPUs",
    )
    add_json(parser)
    add_run_config(parser)


def uses_tensorflow(values: dict[str, Any]) -> bool:
    """Whether this process trains; what it launches has a TensorFlow of its own."""
    return values["launch"] == 1


def run(
    *, dataset: Path, run_dir: Path, resume: bool, launch: int, json: bool, config: RunConfig
) -> int:
    """Trains, and prints the summary."""
    checks.whole("--launch", launch, low=1, high=64)
    if launch > 1:
        flags = [name for name, on in (("--resume", resume), ("--json", json)) if on]
        return _launched(config, [str(dataset), str(run_dir), *flags], launch)
    summary = fit(config, dataset, run_dir, resume=resume)
    if not summary:
        return 0
    if json:
        print_json({"run_dir": run_dir, **summary})
    else:
        print_table([(name.replace("_", " "), value) for name, value in summary.items()])
        print(f"run: {run_dir}")
    return 0


def _launched(config: RunConfig, arguments: list[str], count: int) -> int:
    """Runs the command in `count` processes; returns its exit code."""
    from tfseg.training.launch import launch

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        configs.write(config, file)
        command = [sys.executable, "-m", "tfseg", "train", *arguments, "--config", str(file)]
        return launch(command, count)


def fit(config: RunConfig, dataset: Path, run_dir: Path, *, resume: bool) -> dict[str, Any]:
    """Trains with a progress bar; returns the summary as a dict, empty but on the chief.

    Raises:
        KeyboardInterrupt: with the command that goes on.
    """
    from tfseg.data.store import Dataset
    from tfseg.evaluation.curves import draw_history
    from tfseg.training.trainer import CHECKPOINTS, CONFIG, HISTORY, Trainer

    opened = Dataset.open(dataset)
    trainer = Trainer(config, run_dir)
    try:
        with progress("train") as report:
            summary = trainer.fit(opened, resume=resume, on_log=lambda row: _show(report, row))
    except KeyboardInterrupt as interrupt:
        kind = type(interrupt)
        if not (run_dir / CHECKPOINTS).is_dir():
            raise kind("interrupted before the first checkpoint") from None
        command = f"tfseg train {dataset} {run_dir} --resume --config {run_dir / CONFIG}"
        raise kind(f"interrupted; go on with: {command}") from None
    if not trainer.is_chief:
        return {}
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
