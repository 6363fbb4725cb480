"""What the choices in the training step cost or save, on a batch in memory.

    python benchmarks/training.py --rounds 20

Contenders, each a whole step (forward, backward, optimizer) on the same batch: `tfseg`, as the
trainer runs it on one device; `without XLA`; `AdamW` in Muon's place; `Unet, resnet18` in Compact's
place, with AdamW too, since Muon's share grows with the size of the kernels. First it is checked
that XLA changes nothing but the time: the losses of the first step agree.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from common import interleaved, report

import tfseg
from tfseg.training.step import Trained, make_train_step


def main(*, rounds: int, crop_size: int, batch_size: int) -> None:
    """Prints seconds a step, and ratios to tfseg's."""
    config = tfseg.RunConfig(
        data=tfseg.DataConfig(crop_size=crop_size),
        model=tfseg.ModelConfig(channels=1),
        train=tfseg.TrainConfig(batch_size=batch_size),
    )
    batch = _batch(config)
    unet = dataclasses.replace(config.model, architecture="Unet")
    steps = {
        "tfseg": _step(config, tfseg.make_optimizer(config.train)),
        "without XLA": _step(config, tfseg.make_optimizer(config.train), jit_compile=False),
        "AdamW": _step(config, keras.optimizers.AdamW()),
        "Unet, resnet18": _step(dataclasses.replace(config, model=unet), keras.optimizers.AdamW()),
    }
    losses = [steps[name](batch)["loss"] for name in ("tfseg", "without XLA")]
    np.testing.assert_allclose(*losses, rtol=1e-4)
    calls = {name: lambda step=step: float(step(batch)["loss"]) for name, step in steps.items()}
    results = interleaved(calls, rounds=rounds)
    report(results, rounds=rounds, crop_size=crop_size, batch_size=batch_size)


def _batch(config: tfseg.RunConfig) -> tuple[Any, ...]:
    head = tfseg.make_head(config.model.head)
    with tempfile.TemporaryDirectory() as folder:
        dataset = tfseg.convert(tfseg.sample.path(), f"{folder}/data")
        return next(iter(tfseg.training_batches(dataset, config, head)))


def _step(
    config: tfseg.RunConfig, optimizer: keras.optimizers.Optimizer, *, jit_compile: bool = True
) -> Callable[[tuple], dict[str, tf.Tensor]]:
    model = tfseg.build_model(config.model, seed=0)
    optimizer.build(model.trainable_variables)
    trained = Trained(
        strategy=tf.distribute.get_strategy(),
        model=model,
        head=tfseg.make_head(config.model.head),
        optimizer=optimizer,
    )
    return make_train_step(trained, samples=config.train.batch_size, jit_compile=jit_compile)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--crop_size", type=int, default=128)
    parser.add_argument("--batch_size", type=int, default=8)
    main(**vars(parser.parse_args()))
