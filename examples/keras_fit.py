"""Trains the same network with plain Keras: tfseg's batches, losses and optimizer in `model.fit`.

    python examples/keras_fit.py nuclei-keras

MirroredStrategy takes every visible GPU, or the CPU if there is none. tfseg's trainer can do what
`fit` cannot: resume exactly, with the same batches wherever the training stopped.

`import tfseg.keras_objects` before `keras.models.load_model` in the process that reads model.keras.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import tensorflow as tf

import tfseg


def main(out: Path, steps: int, strategy: tf.distribute.Strategy) -> tfseg.Evaluation:
    """Trains under `strategy`, writes `out`/model.keras and scores the network."""
    dataset = tfseg.convert(tfseg.sample.path(), out / "data", class_name="nucleus")
    config = tfseg.RunConfig(
        model=tfseg.ModelConfig(channels=dataset.info.channels),
        train=tfseg.TrainConfig(steps=steps),
        optimizer=tfseg.OptimizerConfig(warmup_steps=min(20, steps)),
    )
    head = tfseg.make_head(config.model.head)

    with strategy.scope():
        model = tfseg.build_model(config.model, seed=config.seed)
        model.compile(
            optimizer=tfseg.make_optimizer(config),
            loss=head.losses(),
            loss_weights=head.loss_weights,
        )
    epochs = max(1, steps // 50)
    model.fit(
        tfseg.training_batches(dataset, config, head),
        epochs=epochs,
        steps_per_epoch=steps // epochs,
        shuffle=False,  # the batches come shuffled
        verbose=2,
    )
    model.save(out / "model.keras")

    segmenter = tfseg.Segmenter(model, config.model)
    return tfseg.evaluate(segmenter, dataset, "test")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, metavar="DIR", help="output folder")
    parser.add_argument("--steps", type=int, default=tfseg.TrainConfig().steps)
    arguments = parser.parse_args()
    print(main(arguments.out, arguments.steps, tf.distribute.MirroredStrategy()).as_table())
