"""How well a network trained from nothing for some minutes on a CPU finds nuclei of every kind.

    python benchmarks/accuracy.py FOLDER --work DIR --head HEAD --to FILE

FOLDER is stage 1 of the 2018 Data Science Bowl (BBBC038) in two parts, train/ and val/, each with
images/, labels/ (16-bit ids) and kinds.csv, whose columns `name` and `kind` (dark, coloured,
bright) are all that is read of it. The network is trained on train alone, to the last step, and
scores val once, at the end, with the thresholds it comes with: val decides nothing. Figures are of
summed counts: AP50 is TP / (TP + FP + FN) at IoU 0.5.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path
from typing import Any

import pandas as pd
from common import write

import tfseg
from tfseg.config import HEADS, ModelConfig, to_dict

FIGURES = ("ap50", "pq", "sq", "rq", "dice", "num_images", "num_instances", "num_predicted")
TARGETS = {"all": {"ap50": 0.65, "pq": 0.63}, "dark": {"ap50": 0.78, "pq": 0.73}}  # 20 minutes
AUGMENT = (
    {"name": "D4"},
    {
        "name": "Affine",
        "scale": (0.75, 1.33),
        "rotate": (-45.0, 45.0),
        "keep_ratio": True,
        "p": 0.5,
    },
    {"name": "RandomGamma", "gamma_limit": (70.0, 140.0)},
    {"name": "HueSaturationValue", "p": 0.5},
    {"name": "GaussNoise", "std_range": (0.0, 0.03), "p": 0.3},
)


def main(folder: Path, *, work: Path, head: str, steps: int, to: Path | None) -> None:
    """Trains, scores, prints the table and writes the figures."""
    config = configured(ModelConfig(head=head, filters=(32, 64, 96, 128, 128)), steps)
    known, unseen = converted(folder, work)
    evaluation, minutes = scored(config, known, unseen, work / "run")
    results = _by_kind(evaluation, folder / "val" / "kinds.csv")
    print(pd.DataFrame(results).T.to_string(float_format="%.3f"))
    print(f"{minutes['training']:.1f} minutes of training, {minutes['scoring']:.1f} of scoring")
    if to:
        write(
            to,
            results,
            claims=_claims(results, steps=steps),
            settings={"head": head, "steps": steps},
            minutes=minutes,
            config=to_dict(config),
        )


def configured(model: ModelConfig, steps: int, **train: Any) -> tfseg.RunConfig:
    """Returns the training of a network, with further values of its `TrainConfig`."""
    return tfseg.RunConfig(
        data=tfseg.DataConfig(crop_size=160),
        augment=AUGMENT,
        model=model,
        train=tfseg.TrainConfig(
            steps=steps, batch_size=6, warmup_steps=min(50, steps), checkpoint_every=1000, **train
        ),
    )


def converted(folder: Path, work: Path) -> tuple[tfseg.Dataset, tfseg.Dataset]:
    """Returns what is trained on and what is not."""
    # Two data sets: with a split val in the first, the best weights would be chosen on it.
    known, unseen = (
        tfseg.convert(folder / part, work / part, class_name="nucleus") for part in ("train", "val")
    )
    return known, unseen


def scored(
    config: tfseg.RunConfig, known: tfseg.Dataset, unseen: tfseg.Dataset, run: Path
) -> tuple[tfseg.Evaluation, dict[str, float]]:
    """Trains in the folder `run`, and scores; returns the minutes of both too."""
    start = time.monotonic()
    tfseg.Trainer(config, run).fit(known)
    trained = time.monotonic()
    evaluation = tfseg.evaluate(tfseg.load(run), unseen, *unseen.info.splits)
    ends = (trained - start) / 60, (time.monotonic() - trained) / 60
    return evaluation, dict(zip(("training", "scoring"), ends, strict=True))


def _by_kind(evaluation: tfseg.Evaluation, kinds: Path) -> dict[str, dict[str, Any]]:
    kind_of = pd.read_csv(kinds).set_index("name")["kind"]
    names = evaluation.counts["id"].map(lambda sample_id: Path(sample_id).stem)
    kind = names.map(kind_of)
    parts = {"all": evaluation.counts} | dict(iter(evaluation.counts.groupby(kind)))
    summaries = {
        name: dataclasses.replace(evaluation, counts=counts).summary()
        for name, counts in parts.items()
    }
    return {
        name: {figure: summary[figure] for figure in FIGURES} for name, summary in summaries.items()
    }


def _claims(results: dict[str, dict[str, Any]], *, steps: int) -> list[dict[str, Any]]:
    return [
        {
            "name": f"{figure} of {part}, {steps} steps",
            "value": results[part][figure],
            "target": target,
            "met": results[part][figure] >= target,
        }
        for part, targets in TARGETS.items()
        for figure, target in targets.items()
        if part in results
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument(
        "--work", type=Path, required=True, metavar="DIR", help="train/, val/ and run/"
    )
    parser.add_argument("--head", choices=HEADS, default="center_offset")
    parser.add_argument("--steps", type=int, default=3600)
    parser.add_argument("--to", type=Path, metavar="FILE", help="writes JSON")
    main(**vars(parser.parse_args()))
