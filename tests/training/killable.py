"""Trains a tiny network, and kills itself at a file operation if told to: a script for a test.

    python killable.py DATA RUN_DIR [OPERATION]

OPERATION is the number of the fsync or rename, counted over the process, in place of which the
process gets SIGKILL. A file that would have been synced is cut to half of its length before.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
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


def main(data: str, run_dir: str, operation: str = "") -> None:
    """Starts the run, or resumes it."""
    if operation:
        die_at(int(operation))
    resume = (Path(run_dir) / "config.yaml").exists()
    trainer = tfseg.Trainer(CONFIG, run_dir, build=runs.build)
    print("training", flush=True)
    trainer.fit(tfseg.Dataset.open(data), resume=resume, on_log=lambda _: print("row", flush=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
