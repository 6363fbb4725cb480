"""Class weights from the number of instances of each class."""

from __future__ import annotations

from collections.abc import Sequence

from tfseg.data.dataset.dataset import Dataset
from tfseg.data.dataset.mixture import statistics_of


def balanced(dataset: Dataset) -> tuple[float, ...]:
    """Returns a weight for each class of a data set, so that all classes count the same.

    The counts come from dataset.json, over all splits; counts of several data sets are added up.

    Raises:
        InputError: dataset.json has no counts.
    """
    statistics = statistics_of(dataset, needed="model.class_weights balanced needs the counts")
    counts = [part.class_instances for part in statistics]
    return balancing([sum(of_class) for of_class in zip(*counts, strict=True)])


def balancing(counts: Sequence[int]) -> tuple[float, ...]:
    """Returns n / (k n_c) for each of the k classes with instances, and 1 for the others.

    The mean over all instances is 1, so the loss keeps its size.

    Source: King and Zeng, Logistic regression in rare events data (2001), section 4.2; the rule of
    scikit-learn's `class_weight="balanced"`.

    Args:
        counts: instances of each class, not all of them 0.
    """
    total, classes = sum(counts), sum(count > 0 for count in counts)
    return tuple(total / (classes * count) if count else 1.0 for count in counts)
