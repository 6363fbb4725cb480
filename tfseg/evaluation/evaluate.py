"""The figures of a trained network on a split of a data set."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tfseg.metrics import Conventions, Evaluation, Pair, evaluate_pairs

if TYPE_CHECKING:
    from tfseg.data.store import Dataset
    from tfseg.evaluation.report import Report
    from tfseg.inference.segmenter import Segmenter


def evaluate(
    segmenter: Segmenter,
    dataset: Dataset,
    split: str,
    *,
    conventions: Conventions | None = None,
    report: Report | None = None,
) -> Evaluation:
    """Predicts every image of a split at its full size, once, and scores it against its truth.

    Args:
        segmenter: a trained network.
        dataset: with the images.
        split: its name.
        conventions: what is counted; by default as its attributes say.
        report: is given every image with its prediction and the seconds it took.

    Raises:
        InputError: there is no such split, or it is empty.
    """
    conventions = conventions or Conventions()

    def pair(sample: dict[str, Any]) -> Pair:
        start = time.perf_counter()
        found = segmenter.predict(sample["image"])
        seconds = time.perf_counter() - start
        own = Pair(sample["id"].decode(), sample["label"], found.label, scores=found.scores)
        if report:
            report.add(own, sample["image"], seconds=seconds)
        return own

    samples = dataset.samples(split).as_numpy_iterator()
    return evaluate_pairs(map(pair, samples), conventions=conventions)
