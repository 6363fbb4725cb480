"""tfseg: training batches of a data set, as in its trainer."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pipeline
import protocol
import tensorflow as tf

import tfseg


def build(
    policy: list[dict[str, Any]],
    inputs: protocol.Arrays,
    *,
    dataset: str,
    crop: int,
    batch: int,
    processes: bool = False,
) -> protocol.Step:
    """Returns the work: the next batch. The arguments are those of `py_dataset`."""
    config = configuration(policy, crop=crop, batch=batch)
    head = tfseg.make_head(config.model.head)
    batches = tfseg.training_batches(tfseg.Dataset.open(dataset), config, head)
    iterator = batches.as_numpy_iterator()

    def step() -> tuple[np.ndarray, np.ndarray]:
        images, targets = next(iterator)
        return images, np.concatenate([targets[name] for name in sorted(targets)], axis=-1)

    return step


def configuration(policy: list[dict[str, Any]], *, crop: int, batch: int) -> tfseg.RunConfig:
    """Returns a run with these transforms and random crops, as in `py_dataset`."""
    return tfseg.RunConfig(
        augment=tuple(policy),
        data=tfseg.DataConfig(crop_size=crop, foreground_share=0.0),
        train=tfseg.TrainConfig(batch_size=batch),
    )


if __name__ == "__main__":
    pipeline.use_threads(int(os.environ["PEER_THREADS"]))
    protocol.serve(build, {"tensorflow": tf.__version__})
