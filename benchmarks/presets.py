"""Time and metrics of the configurations small, base and large after the same steps.

    python benchmarks/presets.py FOLDER --work DIR --to FILE

FOLDER, the training and the metrics are those of `accuracy.py`, with fewer steps. The networks
alternate in the timing of steps and of `Segmenter.predict` for an image of 512 x 512 pixels.
"""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import Any

import accuracy
import numpy as np
from common import interleaved, write
from training_parts import trainer_step

import tfseg
from tfseg.config import preset, read
from tfseg.run_files import CONFIG

PRESETS = ("small", "base", "large")  # networks; gpu has that of large
METRICS = ("ap50", "pq", "dice")


def main(folder: Path, *, work: Path, steps: int, rounds: int, to: Path) -> None:
    """Trains, scores and times the three configurations, and writes the results."""
    known, unseen = accuracy.converted(folder, work)
    summaries = {}
    for name in PRESETS:
        given = read(preset(name))
        config = accuracy.configured(given.model, steps=steps, optimizer=given.optimizer.name)
        accuracy.trained(config, known, work / name)
        evaluation = tfseg.evaluate(tfseg.load(work / name), unseen, *unseen.info.splits)
        summaries[name] = evaluation.summary()
    segmenters = {name: tfseg.load(work / name) for name in PRESETS}
    seconds = times(known, work, segmenters, rounds=rounds)
    results = {
        name: {
            "million_weights": segmenters[name].model.count_params() / 1e6,
            "step_seconds": seconds["step"][name]["seconds"],
            "predict_seconds": seconds["predict"][name]["seconds"],
            **{metric: summaries[name][metric] for metric in METRICS},
        }
        for name in PRESETS
    }
    settings = {"crop_size": config.data.crop_size, "batch_size": config.train.batch_size}
    write(to, results, settings={"steps": steps, "rounds": rounds, **settings})


def times(
    known: tfseg.Dataset, work: Path, segmenters: dict[str, tfseg.Segmenter], *, rounds: int
) -> dict[str, Any]:
    """Times a training step, with its batch in memory, and the prediction of an image."""
    configs = {name: read(work / name / CONFIG) for name in segmenters}
    config = next(iter(configs.values()))  # all have the same head and the same input
    head = tfseg.make_head(config.model.head)
    batch = next(iter(tfseg.training_batches(known, config, head)))
    image = np.random.default_rng(0).integers(0, 255, (512, 512, known.info.channels), np.uint8)
    calls = {
        "step": {name: trainer_step(config, batch) for name, config in configs.items()},
        "predict": {
            name: functools.partial(segmenter.predict, image)
            for name, segmenter in segmenters.items()
        },
    }
    return {what: interleaved(contenders, rounds=rounds) for what, contenders in calls.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="data and runs")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--to", type=Path, default=Path(__file__).parent / "results/presets.json")
    main(**vars(parser.parse_args()))
