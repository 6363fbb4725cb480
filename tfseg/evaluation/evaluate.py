"""The figures of a trained network on a split of a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfseg.metrics import Conventions, Evaluation, Pair, evaluate_pairs

if TYPE_CHECKING:
    from tfseg.data.store import Dataset
    from tfseg.inference.segmenter import Segmenter


def evaluate(
    segmenter: Segmenter, dataset: Dataset, split: str, *, conventions: Conventions | None = None
) -> Evaluation:
    """Predicts every image of a split at its full size, once, and scores it against its truth.

    Args:
        segmenter: a trained network.
        dataset: with the images.
        split: its name.
        conventions: what is counted; by default as its attributes say.

    Raises:
        InputError: there is no such split, or it is empty.
    """
    conventions = conventions or Conventions()

    def pair(sample: dict[str, Any]) -> Pair:
        found = segmenter.predict(sample["image"])
        scores = found.scores if conventions.coco else None
        return Pair(sample["id"].decode(), sample["label"], found.label, scores=scores)

    samples = dataset.samples(split).as_numpy_iterator()
    return evaluate_pairs(map(pair, samples), conventions=conventions)
