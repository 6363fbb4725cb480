"""Weights of classes from how often they are in the data."""

from __future__ import annotations

from collections.abc import Sequence

from tfseg.data.dataset.dataset import Dataset
from tfseg.data.dataset.mixture import statistics_of


def balanced(dataset: Dataset) -> tuple[float, ...]:
    """Returns a weight for each class of a data set, so that all of them count the same.

    Counted are the instances of all splits, as dataset.json has them; of several data sets, their
    sum.

    Raises:
        InputError: dataset.json has no counts.
    """
    found = statistics_of(dataset, needed="model.class_weights balanced needs the counts")
    counts = [each.class_instances for each in found]
    return balancing([sum(each) for each in zip(*counts, strict=True)])


def balancing(counts: Sequence[int]) -> tuple[float, ...]:
    """Returns n / (k n_c) of every class, of k that there are; 1 for one that is not there.

    The mean over all instances is 1, so the loss keeps its size.

    Source: King and Zeng, Logistic regression in rare events data (2001), section 4.2; the rule of
    scikit-learn's `class_weight="balanced"`.

    Args:
        counts: instances of each class, not all of them 0.
    """
    total, there = sum(counts), sum(count > 0 for count in counts)
    return tuple(total / (there * count) if count else 1.0 for count in counts)
