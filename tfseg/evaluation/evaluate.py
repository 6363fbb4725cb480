"""The figures of a trained network on a split of a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfseg.metrics import Evaluation, evaluate_pairs

if TYPE_CHECKING:
    from tfseg.data.store import Dataset
    from tfseg.inference.segmenter import Segmenter


def evaluate(segmenter: Segmenter, dataset: Dataset, split: str) -> Evaluation:
    """Predicts every image of a split at its full size, once, and scores it against its truth.

    Raises:
        InputError: there is no such split, or it is empty.
    """
    samples = dataset.samples(split).as_numpy_iterator()
    return evaluate_pairs(
        (sample["id"].decode(), sample["label"], segmenter.predict(sample["image"]).label)
        for sample in samples
    )
