"""The figures of a trained network on a split of a data set."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from tfseg.checks import InputError
from tfseg.metrics import Conventions, Evaluation, Pair, evaluate_pairs

if TYPE_CHECKING:
    from tfseg.data.dataset.dataset import Dataset
    from tfseg.evaluation.report.report import Report
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
    class_names = _class_names(segmenter, dataset)

    def pair(sample: dict[str, Any]) -> Pair:
        start = time.perf_counter()
        found = segmenter.predict(sample["image"])
        seconds = time.perf_counter() - start
        own = Pair(sample["id"].decode(), sample["label"], found.label, scores=found.scores)
        if class_names:
            # The classes of the truth are in the order of its ids, which may have gaps.
            own = own._replace(
                truth=numbered(sample["label"]),
                truth_class_of=sample["class_of"],
                predicted_class_of=found.classes,
            )
        if report:
            report.add(own, sample["image"], seconds=seconds)
        return own

    samples = dataset.samples(split).as_numpy_iterator()
    return evaluate_pairs(map(pair, samples), conventions=conventions, class_names=class_names)


def numbered(label: np.ndarray) -> np.ndarray:
    """Returns `label` `[H, W]` with ids from 1 without gaps, in the same order; others stay."""
    ids, rank = np.unique(label, return_inverse=True)
    number = np.where(ids > 0, np.cumsum(ids > 0), ids)
    return number.astype(np.int32)[rank].reshape(label.shape)


def _class_names(segmenter: Segmenter, dataset: Dataset) -> tuple[str, ...]:
    """Returns the classes that are scored; none where the network knows only one."""
    own, there = segmenter.class_names, dataset.info.class_names
    if len(own) < 2:
        return ()
    if own != there:
        raise InputError(
            f"The classes of {dataset.path} are {', '.join(there)}; the network was trained on "
            f"{', '.join(own)}. Convert the data with the classes of the network, in their order."
        )
    return own
