"""The metrics of a trained network on a split of a data set."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from tfseg.checks import InputError
from tfseg.data.dataset.integrity import verify
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
    """Predicts every image of a split once, at its full size, and scores it against its truth.

    Args:
        segmenter: a trained network.
        dataset: with the images.
        split: its name.
        conventions: what is counted; `Conventions()` by default.
        report: receives every image with its prediction and the seconds it took.

    Raises:
        InputError: there is no such split, it is empty, or a shard is not the one that dataset.json
            describes.
    """
    conventions = conventions or Conventions()
    class_names = _class_names(segmenter, dataset)

    def pair(sample: dict[str, Any]) -> Pair:
        start = time.perf_counter()
        predicted, _ = segmenter.predict_with_doubt(sample["image"])  # `check` says the doubts
        seconds = time.perf_counter() - start
        name, truth = sample["id"].decode(), sample["label"]
        scored = Pair(name, truth, predicted.label, scores=predicted.scores)
        if class_names:
            # The classes of the truth are in the order of its ids, which may have gaps.
            scored = scored._replace(
                truth=renumbered(truth),
                truth_class_of=sample["class_of"],
                predicted_class_of=predicted.classes,
            )
        if report:
            report.add(scored, sample["image"], seconds=seconds)
        return scored

    verify(dataset, split)
    samples = dataset.samples(split).as_numpy_iterator()
    return evaluate_pairs(map(pair, samples), conventions=conventions, class_names=class_names)


def renumbered(label: np.ndarray) -> np.ndarray:
    """Renumbers ids of `label` `[H, W]` from 1 without gaps, in the same order; 0 and -1 stay."""
    ids, rank = np.unique(label, return_inverse=True)
    number = np.where(ids > 0, np.cumsum(ids > 0), ids)
    return number.astype(np.int32)[rank].reshape(label.shape)


def _class_names(segmenter: Segmenter, dataset: Dataset) -> tuple[str, ...]:
    """Returns the classes to score; none if the network has only one."""
    known, labelled = segmenter.class_names, dataset.info.class_names
    if len(known) < 2:
        return ()
    if known != labelled:
        raise InputError(
            f"The classes of {dataset.path} are {', '.join(labelled)}; the network was trained on "
            f"{', '.join(known)}. Convert the data with the classes of the network, in their order."
        )
    return known
