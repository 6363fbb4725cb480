"""Time to match instances: tfseg, StarDist and pycocotools, from the same id maps.

    python benchmarks/metrics.py         # writes benchmarks/results/metrics.json

The scene has round instances on a grid, some shifted, some missing, some split. All contenders
count the true positives at ten thresholds from 0.50 to 0.95, and the script checks that the counts
are equal.

- `tfseg`: the table of overlaps and all instance metrics. `tfseg, with AJI and all` adds pixels,
  AJI, AJI+, SEG, splits, merges: what `evaluate_pairs` does for an image.
- `StarDist`: `stardist.matching.matching` with ten thresholds (`pip install -e '.[bench]'`).
- `StarDist's way`: the same without numba: a dense matrix of overlaps, and a linear assignment for
  every threshold. It is compared with the target if StarDist is not installed.
- `pycocotools`: `COCOeval.evaluate` of encoded masks with one range of areas and maxDets raised;
  `pycocotools, IoU alone`: only `mask.iou`. The encoding of the masks is not timed.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS, claim, interleaved, write
from pycocotools import mask
from pycocotools.cocoeval import COCOeval
from scipy.optimize import linear_sum_assignment

from tfseg.metrics import THRESHOLDS, evaluate_pairs, match, overlaps
from tfseg.metrics.coco import Collector, masks_of

LIBRARIES = ("numpy", "pycocotools", "scipy", "stardist")


def scene(side: int, pitch: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns a truth and a prediction `[side, side]`, with an instance every `pitch` pixels."""
    draw = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    number = (y // pitch) * (side // pitch) + x // pitch + 1
    disc = np.hypot(y % pitch - pitch / 2, x % pitch - pitch / 2)
    count = int(number.max()) + 1
    truth = np.where(disc < pitch * 0.45, number, 0).astype(np.int32)
    radius = draw.uniform(0.3, 0.5, count)[number] * pitch
    prediction = np.where(disc < radius, number, 0)
    prediction[(draw.random(count) < 0.03)[number]] = 0
    split = (draw.random(count) < 0.05)[number] & (y % pitch < pitch / 2)
    prediction = np.where(split & (prediction > 0), prediction + count, prediction)
    moved = np.roll(prediction, (1, 2), axis=(0, 1))
    return truth, draw.permutation(2 * count)[moved].astype(np.int32) * (moved > 0)


def main(*, side: int, pitch: int, rounds: int, slow_rounds: int, to: Path) -> None:
    """Times all contenders, and writes the results."""
    truth, prediction = scene(side, pitch)
    evaluator = _coco(truth, prediction)
    contenders = {
        "tfseg": lambda: _tfseg(truth, prediction),
        "tfseg, with AJI and all": lambda: evaluate_pairs([("scene", truth, prediction)]),
        "tfseg, overlaps alone": lambda: overlaps(truth, prediction),
        "StarDist's way": lambda: _dense(truth, prediction),
        "pycocotools, IoU alone": lambda: _coco_ious(evaluator),
    }
    if stardist := _stardist(truth, prediction):
        contenders["StarDist"] = stardist
    results = interleaved(contenders, rounds=rounds)
    slow = {"tfseg": contenders["tfseg"], "pycocotools": lambda: _coco_matches(evaluator)}
    results["pycocotools"] = interleaved(slow, rounds=slow_rounds, warm_up=1)["pycocotools"]
    for name in ("StarDist's way", "StarDist", "pycocotools"):
        if name in results:
            matches = (contenders | slow)[name]()
            np.testing.assert_array_equal(matches, _tfseg(truth, prediction), err_msg=name)
    table = overlaps(truth, prediction)
    write(
        to,
        results,
        claims=_claims(results),
        settings={"side": side, "pitch": pitch, "rounds": rounds, "slow_rounds": slow_rounds},
        instances={"truth": len(table.truth_ids), "predicted": len(table.predicted_ids)},
        versions={name: _version(name) for name in LIBRARIES},
    )
    for name, row in results.items():
        print(f"{name:<26} {1000 * row['seconds']:10.2f} ms  {row['ratio']:8.2f} x tfseg")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _claims(results: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    peer = "StarDist" if "StarDist" in results else "StarDist's way"
    return [
        claim("seconds of tfseg", results["tfseg"]["seconds"], "<= 0.03"),
        claim("pycocotools / tfseg", results["pycocotools"]["ratio"], ">= 10"),
        claim(f"{peer} / tfseg", results[peer]["ratio"], ">= 3"),
    ]


def _tfseg(truth: np.ndarray, prediction: np.ndarray) -> list[int]:
    table = overlaps(truth, prediction)
    return [len(match(table, threshold)) for threshold in THRESHOLDS]


def _stardist(truth: np.ndarray, prediction: np.ndarray) -> Callable[[], list[int]] | None:
    try:
        from stardist.matching import matching
    except ImportError:
        return None
    return lambda: [row.tp for row in matching(truth, prediction, thresh=THRESHOLDS)]


def _dense(truth: np.ndarray, prediction: np.ndarray) -> list[int]:
    """Counts matches like StarDist's stardist/matching.py."""
    (true, num_true), (predicted, count) = _relabelled(truth), _relabelled(prediction)
    codes = true * (count + 1) + predicted
    size = (num_true + 1) * (count + 1)
    overlap = np.bincount(codes.ravel(), minlength=size).reshape(num_true + 1, count + 1)
    union = overlap.sum(0, keepdims=True) + overlap.sum(1, keepdims=True) - overlap
    scores = np.divide(overlap, union, out=np.zeros(overlap.shape), where=union > 0)[1:, 1:]
    matches = []
    for threshold in THRESHOLDS:
        costs = -(scores >= threshold).astype(float) - scores / (2 * min(scores.shape))
        matches.append(int((scores[linear_sum_assignment(costs)] >= threshold).sum()))
    return matches


def _relabelled(ids: np.ndarray) -> tuple[np.ndarray, int]:
    names = np.unique(ids)
    names = names[names > 0]
    new = np.zeros(int(ids.max()) + 1, np.int64)
    new[names] = np.arange(1, len(names) + 1)
    return new[ids], len(names)


def _coco(truth: np.ndarray, prediction: np.ndarray) -> COCOeval:
    """Returns an evaluator with the encoded masks of one image."""
    collector = Collector(1)
    collector.add(masks_of((truth, prediction), (None, None), None, num_classes=1))
    evaluator = collector.evaluator()
    evaluator.params.areaRng, evaluator.params.areaRngLbl = [[0, 1e10]], ["all"]
    return evaluator


def _coco_matches(evaluator: COCOeval) -> list[int]:
    with contextlib.redirect_stdout(io.StringIO()):
        evaluator.evaluate()
    (image,) = evaluator.evalImgs
    return (image["dtMatches"] > 0).sum(axis=1).tolist()


def _coco_ious(evaluator: COCOeval) -> np.ndarray:
    truth, predicted = (
        [annotation["segmentation"] for annotation in api.dataset["annotations"]]
        for api in (evaluator.cocoGt, evaluator.cocoDt)
    )
    return mask.iou(predicted, truth, [0] * len(truth))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--pitch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--slow_rounds", type=int, default=3)
    parser.add_argument("--to", type=Path, default=RESULTS / "metrics.json")
    main(**vars(parser.parse_args()))
