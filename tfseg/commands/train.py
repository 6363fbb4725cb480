"""Trains a network on one or several data sets, on all visible GPUs or the CPU.

RUN_DIR gets config.yaml (all values used), run.json (values, versions, data and command),
history.csv with its plot curves.png, and the checkpoints best and last. Ctrl-C and SIGTERM write a
checkpoint, and --resume continues from it, with the values of config.yaml; of these, options may
change only some, such as train.steps, log.keep and devices.names. --dry_run and --overfit write
nothing.
On several hosts, run the same command on each host, with TF_CONFIG or by srun.

Several data sets must have the same classes; --data.weights sets how many samples come from each.

Example: tfseg train nuclei runs/first --model.architecture Unet --model.backbone resnet34
"""

from __future__ import annotations

import dataclasses
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfseg import checks
from tfseg import config as configs
from tfseg.checks import InputError
from tfseg.commands import plugins
from tfseg.commands.help_pages import add_all_help
from tfseg.commands.options import Parser, add_display, add_json, add_run_config, names
from tfseg.commands.output import note, note_next, print_json, print_table
from tfseg.config import RunConfig
from tfseg.run_files import CHECKPOINTS, CONFIG, CURVES, HISTORY

if TYPE_CHECKING:
    from tfseg.data.dataset.dataset import Dataset
    from tfseg.data.files.paths import DataPath
    from tfseg.training.callbacks import Callback


ESSENTIAL = (
    *("--train.minutes", "--train.steps", "--train.batch_size", "--data.crop_size", "--augment"),
    *("--model.architecture", "--model.head", "--config", "--dry_run", "--resume"),
)  # in `--help`


def add_options(parser: Parser) -> None:
    """Declares the options of the command."""
    parser.essential = ESSENTIAL
    add = parser.add_argument
    add("dataset", metavar="DATA", type=Path, nargs="+", help="data sets made by tfseg convert")
    add("run_dir", metavar="RUN_DIR", type=Path, help="folder of the run, which is created")
    add("--resume", action="store_true", help="resume from the last checkpoint in RUN_DIR")
    add(
        "--launch",
        type=int,
        default=1,
        metavar="N",
        help="number of processes on this machine that train together and share the GPUs",
    )
    add(
        "--dry_run",
        action="store_true",
        help="take a few steps; print shapes, parameters, memory and expected time",
    )
    add(
        "--overfit",
        action="store_true",
        help="train on a single batch, and fail if its loss does not fall",
    )
    add(
        "--tensorboard",
        action="store_true",
        help="write metrics and pictures of validation images for TensorBoard to RUN_DIR",
    )
    add_display(parser)
    add(
        "--profile",
        type=int,
        nargs=2,
        metavar=("FIRST", "LAST"),
        help="profile these steps for TensorBoard",
    )
    add_json(parser)
    add_run_config(parser)
    add_all_help(parser)


def base_arguments(values: dict[str, Any]) -> list[str]:
    """Returns the arguments for the configuration of the run to resume, if there is one."""
    file = values["run_dir"] / CONFIG
    if not (values["resume"] and file.is_file()):
        return []
    # A length that is given replaces that of the run, in whatever unit.
    none = {"steps": "null", "epochs": "0", "minutes": "0"}
    replaced = [f"--train.{name}={value}" for name, value in (none | {"progress": "[]"}).items()]
    is_given = any(values["train"][name] for name in none)
    return ["--config", str(file), *(replaced if is_given else [])]


def uses_tensorflow(values: dict[str, Any]) -> bool:
    """Returns whether this process trains, rather than the processes that it launches."""
    return values["launch"] == 1


def run(
    *,
    dataset: list[Path],
    run_dir: Path,
    resume: bool,
    launch: int,
    dry_run: bool,
    overfit: bool,
    json: bool,
    config: RunConfig,
    **watching: Any,
) -> int:
    """Trains, and prints the summary."""
    checks.integer("--launch", launch, low=1, high=64)
    if launch > 1:
        flags = {"--resume": resume, "--dry_run": dry_run, "--overfit": overfit, "--json": json}
        return _launch_processes(
            config, [*map(str, dataset), str(run_dir), *_flags(flags, watching)], launch
        )
    if dry_run or overfit:
        summary = _trial(config, dataset, overfit=overfit)
    else:
        callbacks = _callbacks(run_dir, **watching)
        summary = fit(config, dataset, run_dir, resume=resume, callbacks=callbacks)
    if not summary:
        return 0
    if json:
        print_json({"run_dir": run_dir, **summary})
    else:
        print_table([(name.replace("_", " "), value) for name, value in summary.items()])
        if not (dry_run or overfit):
            print(f"run: {run_dir}")
        _say_next(dataset, run_dir, is_trial=dry_run or overfit)
    return 0


def _say_next(dataset: Sequence[Path], run_dir: Path, *, is_trial: bool) -> None:
    from tfseg.data.dataset.dataset import Dataset

    if is_trial:
        note_next("train", *dataset, run_dir)
    else:
        with_val = [path for path in dataset if "val" in Dataset.open(path).info.splits]
        note_next("tune" if with_val else "evaluate", run_dir, (with_val or dataset)[0])


def _flags(flags: dict[str, bool], watching: dict[str, Any]) -> list[str]:
    profile = watching["profile"]
    return [
        *(name for name, on in (flags | {"--tensorboard": watching["tensorboard"]}).items() if on),
        *(["--display", watching["display"]] if watching["display"] else []),
        *(["--profile", *map(str, profile)] if profile else []),
    ]


def _launch_processes(config: RunConfig, arguments: list[str], count: int) -> int:
    """Runs the command in `count` processes; returns its exit code."""
    from tfseg.training.launch import launch

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / CONFIG
        configs.write(config, file)
        command = [sys.executable, "-m", "tfseg", "train", *arguments, *plugins.options()]
        return launch([*command, "--config", str(file)], count)


def fit(
    config: RunConfig,
    dataset: Sequence[DataPath],
    run_dir: Path,
    *,
    resume: bool,
    callbacks: Sequence[Callback] = (),
) -> dict[str, Any]:
    """Trains with a progress bar, and draws the curves.

    Returns:
        The summary as a dict, which is empty on all processes but the chief.

    Raises:
        KeyboardInterrupt: with the command that resumes the run.
    """
    from tfseg.data.pipeline import cache
    from tfseg.training.callbacks import Curves
    from tfseg.training.trainer import Trainer

    opened = open_datasets(dataset, config)
    if config.data.cache != "none":
        note(cache.described(opened, config.data.cache))
    trainer = Trainer(config, run_dir)
    curves = Curves(run_dir / HISTORY, run_dir / CURVES)
    try:
        summary = trainer.fit(opened, resume=resume, callbacks=[curves, *callbacks])
    except KeyboardInterrupt as interrupt:
        kind = type(interrupt)
        if not (run_dir / CHECKPOINTS).is_dir():
            raise kind("interrupted before the first checkpoint") from None
        command = ["tfseg", "train", *map(str, dataset), str(run_dir), "--resume"]
        resume_command = shlex.join([*command, *plugins.options()])
        raise kind(f"interrupted; resume with: {resume_command}") from None
    if not trainer.is_chief:
        return {}
    return dataclasses.asdict(summary)


def _callbacks(
    run_dir: Path, *, tensorboard: bool, display: str, profile: Sequence[int] | None
) -> list[Callback]:
    if display and not tensorboard:
        raise InputError(
            f"--display is for the pictures of --tensorboard; got {display} without it. Give both."
        )
    if not tensorboard and not profile:
        return []
    from tfseg.training.tensorboard import Profile, TensorBoard

    callbacks: list[Callback] = (
        [TensorBoard(run_dir, display=names(display))] if tensorboard else []
    )
    if profile:
        first, last = profile
        checks.interval("--profile", (first, last), low=1)
        callbacks.append(Profile(run_dir, first=first, last=last))
    return callbacks


def open_datasets(paths: Sequence[DataPath], config: RunConfig) -> Dataset:
    """Opens the data sets as one, and compares small ones with their checksums.

    Raises:
        InputError: a data set that cannot be read, or does not fit the others.
    """
    from tfseg.data.dataset.dataset import Dataset
    from tfseg.data.dataset.integrity import verify_small
    from tfseg.data.dataset.mixture import Mixture

    opened = Mixture.join([Dataset.open(path) for path in paths])
    if config.data.on_corrupt == "fail":
        verify_small(opened, [split for split in ("train", "val") if split in opened.info.splits])
    return opened


def _trial(config: RunConfig, dataset: list[Path], *, overfit: bool) -> dict[str, Any]:
    from tfseg.training.dry_run import dry_run
    from tfseg.training.overfit import overfit_batch
    from tfseg.training.session import Session

    opened = open_datasets(dataset, config)
    if not overfit:
        return dataclasses.asdict(dry_run(config, opened))
    first, last = overfit_batch(Session(config, opened))
    return {"first_loss": first, "last_loss": last}
