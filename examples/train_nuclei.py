"""Trains an instance segmenter on the embedded nuclei with tfseg's trainer, and scores it.

    python examples/train_nuclei.py nuclei

DIR gets data/, run/, evaluation/, predicted/ and exported/. Time and metrics are those of
`tfseg demo` in the README, since all other values are defaults; run/config.yaml has all of them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import tfseg


def main(out: Path, steps: int) -> tfseg.Evaluation:
    """Goes from the image files to metrics, pictures and a SavedModel in `out`."""
    dataset = tfseg.convert(tfseg.sample.path(), out / "data", class_name="nucleus")

    config = tfseg.RunConfig(
        seed=0,
        model=tfseg.ModelConfig(architecture="Compact", filters=(32, 64, 96, 128)),
        train=tfseg.TrainConfig(steps=steps, batch_size=8),
        optimizer=tfseg.OptimizerConfig(warmup_steps=min(20, steps)),
    )
    tfseg.Trainer(config, out / "run").fit(
        dataset, on_log=lambda row: print(f"step {row['step']}  loss {row['loss']:.3f}")
    )

    segmenter = tfseg.load(out / "run")
    evaluation = tfseg.evaluate(segmenter, dataset, "test")
    evaluation.write(out / "evaluation")
    tfseg.predict_files(segmenter, [tfseg.sample.path() / "test" / "images"], out / "predicted")
    tfseg.export(segmenter, out / "exported")
    return evaluation


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, metavar="DIR", help="output folder")
    parser.add_argument("--steps", type=int, default=tfseg.TrainConfig().steps)
    arguments = parser.parse_args()
    print(main(arguments.out, arguments.steps).as_table())
