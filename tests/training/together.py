"""Trains a tiny network, alone or as one of several processes."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import runs

import tfseg
from tfseg.networks.keras_network import Network
from tfseg.training.interrupt import Terminated, WorkerLost

CONFIG = tfseg.RunConfig(
    seed=5,
    data=tfseg.DataConfig(crop_size=32),
    train=tfseg.TrainConfig(steps=20, batch_size=4),
    optimizer=tfseg.OptimizerConfig(
        name="SGD",
        options={"momentum": 0.9},
        learning_rate=0.05,
        schedule="constant",
        warmup_steps=3,
        weight_decay=0.01,
        clip_norm=0.5,
        ema=0.9,
    ),
    log=tfseg.LogConfig(log_every=2, checkpoint_every=10),
)
HUGE = runs.builder(runs.huge)


def train(
    data: Path,
    run_dir: Path,
    steps: int,
    *,
    resume: bool,
    network: Network = runs.build,
) -> None:
    config = runs.changed(CONFIG, train={"steps": steps})
    trainer = tfseg.Trainer(config, run_dir, network=network)
    trainer.fit(tfseg.Dataset.open(data), resume=resume, on_log=lambda _: print("row", flush=True))


def main(data: Path, run_dir: Path, steps: int, flag: str = "") -> int:
    """Trains, resumes with the flag "resume", needs too much memory with the flag "huge"."""
    network = HUGE if flag == "huge" else runs.build
    try:
        train(data, run_dir, steps, resume=flag == "resume", network=network)
    except tfseg.InputError as error:
        print(error, file=sys.stderr)
        return 2
    except Terminated:
        return 128 + signal.SIGTERM
    except WorkerLost as error:
        print(error, file=sys.stderr)
        return 1
    return 0
