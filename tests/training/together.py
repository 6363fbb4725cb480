"""Trains a tiny network, alone or as one of several processes: a script for tests.

    python together.py DATA RUN_DIR STEPS [--resume | --huge]

Goes on with the run in RUN_DIR, or takes a network that no memory holds.
"""

from __future__ import annotations

import dataclasses
import signal
import sys
from pathlib import Path

import tiny

import tfseg
from tfseg.training import session
from tfseg.training.interrupt import Terminated, WorkerLost

CONFIG = tfseg.RunConfig(
    seed=5,
    data=tfseg.DataConfig(crop_size=32),
    train=tfseg.TrainConfig(
        steps=20,
        batch_size=4,
        optimizer="SGD",
        optimizer_options={"momentum": 0.9},
        learning_rate=0.05,
        schedule="constant",
        warmup_steps=3,
        weight_decay=0.01,
        clip_norm=0.5,
        ema=0.9,
        log_every=2,
        checkpoint_every=10,
    ),
)


def configured(steps: int) -> tfseg.RunConfig:
    return dataclasses.replace(CONFIG, train=dataclasses.replace(CONFIG.train, steps=steps))


def train(data: str | Path, run_dir: str | Path, steps: int, *, resume: bool) -> None:
    trainer = tfseg.Trainer(configured(steps), run_dir)
    trainer.fit(tfseg.Dataset.open(data), resume=resume, on_log=lambda _: print("row", flush=True))


def network(*_: object, **__: object) -> object:
    return tiny.network(size=CONFIG.data.crop_size)


def huge(*_: object, **__: object) -> object:
    return tiny.huge(size=CONFIG.data.crop_size)


def main(data: str, run_dir: str, steps: str, flag: str = "") -> int:
    session.build_model = huge if flag == "--huge" else network
    try:
        train(data, run_dir, int(steps), resume=flag == "--resume")
    except tfseg.InputError as error:
        print(error, file=sys.stderr)
        return 2
    except Terminated:
        return 128 + signal.SIGTERM
    except WorkerLost as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
