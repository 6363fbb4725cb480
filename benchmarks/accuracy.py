"""The metrics of each head on nuclei of every kind, after some minutes of training on a CPU.

    python benchmarks/accuracy.py FOLDER --work DIR --minutes 20
    python benchmarks/accuracy.py FOLDER --work DIR --minutes 105 --heads center_offset
        --to benchmarks/results/accuracy-105-minutes.json

FOLDER is stage 1 of the 2018 Data Science Bowl (BBBC038) in two parts, train/ and val/, each with
images/, labels/ (16-bit ids) and kinds.csv, from which only the columns `name` and `kind` (dark,
coloured, bright) are read. A tenth of train is kept back to choose the weights and the thresholds.
All networks start from random weights, have the same minutes, and predict val once, at the end.
Coloured and bright images are sampled more often than the many dark ones. AP50 is TP / (TP + FP +
FN) at IoU 0.5; all metrics are of summed counts. "tuned": with the thresholds of `tune`; "and tta":
also averaged over the eight flips and rotations. "limit" is what a perfect network would find: the
share of the nuclei in val that a head decodes from its targets at IoU 0.9, and the nuclei that it
does not.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
from common import RESULTS, claim, write
from heads import perfect

import tfseg
from tfseg.config import HEADS, ModelConfig, read, to_dict
from tfseg.data.dataset import records
from tfseg.metrics import match, overlaps
from tfseg.run_files import CONFIG, HISTORY

METRICS = ("ap50", "pq", "sq", "rq", "dice", "num_images", "num_instances", "num_predicted")
TARGETS = {
    20: {"all": {"ap50": 0.65, "pq": 0.63}, "dark": {"ap50": 0.78, "pq": 0.73}},
    120: {"all": {"ap50": 0.78, "pq": 0.72}, "dark": {"ap50": 0.86, "pq": 0.79}},
}
DRAWN = {"dark": 1.0, "coloured": 2.5, "bright": 4.0}  # relative frequencies
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


def main(
    folder: Path, *, work: Path, heads: Sequence[str], budget: dict[str, float], to: Path
) -> None:
    """Trains and scores head after head, and writes all metrics after each."""
    known, unseen = converted(folder, work)
    kinds = _kinds(folder / "val")
    limits = {head: limit(head, unseen) for head in heads}
    results: dict[str, dict[str, Any]] = {"limit": limits, "training": {}}
    table = balance(folder, known, work)
    for head in heads:
        model = ModelConfig(head=head, filters=(32, 64, 96, 128, 128))
        config = configured(model, balance=str(table), **budget)
        training = trained(config, known, work / head)
        choice = chosen(work / head, known)
        results["training"][head] = training | choice
        for name, segmenter in _ways(work / head, choice["weights"]):
            evaluation = tfseg.evaluate(segmenter, unseen, *unseen.info.splits)
            for part, metrics in _by_kind(evaluation, kinds).items():
                results.setdefault(part, {})[f"{head}{name}"] = metrics
        print(pd.DataFrame(results["all"]).T.to_string(float_format="%.3f"), flush=True)
        claims = claims_of(results, heads[0], budget.get("minutes"))
        settings = {"drawn": DRAWN, **budget}
        written = {"config": to_dict(configured(model, **budget))}  # without the path of a table
        written["curves"] = curves(work, results["training"], budget)
        write(to, results, claims=claims, settings=settings, **written)


def configured(
    model: ModelConfig, *, balance: str = "", optimizer: str = "Muon", **train: Any
) -> tfseg.RunConfig:
    """Returns the training of a network, with further values of its `TrainConfig`."""
    warmup_steps = min(50, train.get("steps", 50))
    return tfseg.RunConfig(
        data=tfseg.DataConfig(crop_size=160, balance=balance),
        augment=AUGMENT,
        model=model,
        train=tfseg.TrainConfig(batch_size=6, **train),
        optimizer=tfseg.OptimizerConfig(name=optimizer, warmup_steps=warmup_steps),
        log=tfseg.LogConfig(checkpoint_every=500, best="ap50"),
    )


def converted(folder: Path, work: Path) -> tuple[tfseg.Dataset, tfseg.Dataset]:
    """Returns the data to train on, a tenth of it as the split val, and the test data."""
    fractions = {"train": 0.1, "val": 0.0}  # the folder val is a data set of one split by itself
    known, unseen = (
        tfseg.convert(folder / part, work / part, class_name="nucleus", val_fraction=fraction)
        for part, fraction in fractions.items()
    )
    return known, unseen


def balance(folder: Path, known: tfseg.Dataset, work: Path) -> Path:
    """Writes how often each image is sampled, and returns the path of the table."""
    kinds = _kinds(folder / "train")
    stored = known.records("train").as_numpy_iterator()
    ids = [records.sample_id(record) for record in stored]
    weights = [DRAWN[kinds[Path(sample_id).stem]] for sample_id in ids]
    pd.DataFrame({"id": ids, "weight": weights}).to_csv(work / "balance.csv", index=False)
    return work / "balance.csv"


def limit(name: str, unseen: tfseg.Dataset) -> dict[str, Any]:
    """Returns the share of the true instances that a head decodes from exact targets."""
    head = tfseg.make_head(name)
    decoded = tf.function(
        lambda labels: head.decode(perfect(head, labels)).labels, reduce_retracing=True
    )
    num_instances, lost = 0, {}
    for sample in unseen.samples(*unseen.info.splits).as_numpy_iterator():
        label = sample["label"].astype(np.int32)
        table = overlaps(label, decoded(label[None])[0].numpy())
        matched = table.truth_index[match(table, 0.9)]
        missed = np.delete(table.truth_ids, matched)
        num_instances += len(table.truth_ids)
        lost |= {sample["id"].decode(): missed} if missed.size else {}
    num_lost = sum(len(ids) for ids in lost.values())
    return {
        "share": 1 - num_lost / num_instances,
        "num_lost": num_lost,
        "num_instances": num_instances,
        "lost": [f"{image}: {' '.join(map(str, ids))}" for image, ids in lost.items()],
    }


def trained(config: tfseg.RunConfig, known: tfseg.Dataset, run: Path) -> dict[str, float]:
    """Trains in the folder `run`; returns the number of steps and of minutes."""
    start = time.monotonic()
    tfseg.Trainer(config, run).fit(known)
    minutes = (time.monotonic() - start) / 60
    return {"steps": read(run / CONFIG).train.steps, "minutes": minutes}


def chosen(run: Path, known: tfseg.Dataset) -> dict[str, Any]:
    """Chooses thresholds and weights by AP50 of the whole images kept back, and returns both.

    AP50 of crops is noisier: over 39,687 steps it was highest at step 25,500. The weights of that
    step reach 0.827 on the whole images, the last ones 0.839.
    """
    reached = {name: tfseg.tune(run, known, checkpoint=name).after for name in ("best", "last")}
    weights = max(reached, key=reached.__getitem__)
    if weights != "last":  # the run has the thresholds of the last weights now
        tfseg.tune(run, known, checkpoint=weights)
    kept_back = {f"ap50_kept_back_{name}": value for name, value in reached.items()}
    return {"weights": weights} | kept_back


def curves(work: Path, heads: Iterable[str], budget: dict[str, float]) -> dict[str, Any]:
    """Returns AP50 of the middle crops of the images kept back, over the steps."""
    histories = {head: pd.read_csv(work / head / HISTORY) for head in heads}
    lines = {
        head: history[["step", "val_ap50"]].dropna().to_numpy().tolist()
        for head, history in histories.items()
    }
    if min(map(len, lines.values())) < 2:  # a point is not a line
        return {}
    ((unit, value),) = budget.items()
    title = f"Accuracy in training, {value:g} {unit}"
    return {title: {"x": "steps", "y": "AP50 of crops kept back", "lines": lines}}


def _ways(run: Path, weights: str) -> Iterator[tuple[str, tfseg.Segmenter]]:
    load = functools.partial(tfseg.load, run, checkpoint=weights)
    yield "", load(tuned=False)
    yield ", tuned", load()
    yield ", tuned and tta", load(tta=True)


def _kinds(part: Path) -> pd.Series:
    return pd.read_csv(part / "kinds.csv").set_index("name")["kind"]


def _by_kind(evaluation: tfseg.Evaluation, kinds: pd.Series) -> dict[str, dict[str, Any]]:
    kind = evaluation.counts["id"].map(lambda sample_id: kinds[Path(sample_id).stem])
    parts = {"all": evaluation.counts} | dict(iter(evaluation.counts.groupby(kind)))
    summaries = {
        name: dataclasses.replace(evaluation, counts=counts).summary()
        for name, counts in parts.items()
    }
    return {
        name: {metric: summary[metric] for metric in METRICS} for name, summary in summaries.items()
    }


def claims_of(
    results: dict[str, dict[str, Any]], head: str, minutes: float | None
) -> list[dict[str, Any]]:
    """Compares a head with the targets of the smallest budget that its minutes fit into."""
    budget = min((most for most in TARGETS if minutes and minutes <= most), default=None)
    return [
        claim(
            f"{metric} of {part} images, {minutes:g} minutes",
            results[part][f"{head}, tuned and tta"][metric],
            f">= {target}",
        )
        for part, targets in TARGETS.get(budget, {}).items()
        for metric, target in targets.items()
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="data and runs")
    parser.add_argument("--heads", nargs="+", choices=HEADS, default=list(HEADS), metavar="HEAD")
    parser.add_argument("--minutes", type=float, default=20.0, help="length of each training")
    parser.add_argument("--steps", type=int, help="instead of minutes")
    parser.add_argument("--to", type=Path, default=RESULTS / "accuracy.json", metavar="FILE")
    given = vars(parser.parse_args())
    minutes, steps = given.pop("minutes"), given.pop("steps")
    main(**given, budget={"steps": steps} if steps else {"minutes": minutes})
