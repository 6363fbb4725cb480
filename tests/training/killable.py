"""Trains a tiny network in a process that kills itself at a file operation if told to."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path
from typing import Any

import runs

import tfseg

CONFIG = tfseg.RunConfig(
    seed=5,
    data=tfseg.DataConfig(crop_size=32),
    train=tfseg.TrainConfig(steps=60, batch_size=2, accumulate=2),
    optimizer=tfseg.OptimizerConfig(options={"momentum": 0.9}, clip_norm=1.0, ema=0.9),
    log=tfseg.LogConfig(log_every=3, checkpoint_every=5, keep=3),
)


def die_at(operation: int) -> None:
    """Arms the process."""
    numbers = itertools.count()

    def instead(real: Any, *arguments: Any) -> Any:
        if next(numbers) == operation:
            if real is fsync:
                os.truncate(f"/proc/self/fd/{arguments[0]}", os.fstat(arguments[0]).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments)

    fsync, replace = os.fsync, Path.replace
    os.fsync = lambda file: instead(fsync, file)
    Path.replace = lambda path, target: instead(replace, path, target)


def main(data: Path, run_dir: Path, operation: int | None = None) -> None:
    """Starts the run, or resumes it.

    Args:
        data: The data set.
        run_dir: The folder of the run.
        operation: The number of the fsync or rename, counted over the process, in place of which
            the process gets SIGKILL. A file that would have been synced is cut to half of its
            length before.
    """
    if operation is not None:
        die_at(operation)
    resume = (run_dir / "config.yaml").exists()
    trainer = tfseg.Trainer(CONFIG, run_dir, network=runs.build)
    trainer.fit(tfseg.Dataset.open(data), resume=resume, on_log=lambda _: print("row", flush=True))
