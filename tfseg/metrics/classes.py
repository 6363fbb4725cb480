"""Figures of each class, where the instances have classes: only one class matches itself.

Source:
    Kirillov et al. 2019, Panoptic Segmentation, section 4.1 (PQ of each class, then the mean), and
    panopticapi/evaluation.py (the mean is over the classes that occur).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tfseg.checks import InputError
from tfseg.metrics.counts import totals
from tfseg.metrics.formulas import nested
from tfseg.metrics.matching import Overlaps

if TYPE_CHECKING:
    from tfseg.metrics.evaluation import Evaluation
    from tfseg.metrics.scoring import Pair


def split(table: Overlaps, pair: Pair, class_names: tuple[str, ...]) -> dict[str, Overlaps]:
    """Returns the table of each class by its name.

    Raises:
        InputError: an instance has no class, or one that has no name.
    """
    if not class_names:
        return {}
    truth = _classes("truth", table.truth_ids, pair.truth_class_of, class_names)
    predicted = _classes("prediction", table.predicted_ids, pair.predicted_class_of, class_names)
    return {
        name: table.select(truth == index, predicted == index)
        for index, name in enumerate(class_names, start=1)
    }


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """Returns `classes`, the figures of each class, and `class_mean`, over those that occur."""
    thresholds = evaluation.conventions.thresholds
    sums = {name: totals(evaluation.images(name)) for name in evaluation.class_names}
    values = {name: evaluation.figures(own) for name, own in sums.items()}
    present = [
        values[name] for name, own in sums.items() if own["num_truth"] + own["num_predicted"] > 0
    ]
    numbers = ("num_truth", "num_predicted")
    return {
        "classes": {
            name: nested(values[name], thresholds)
            | {number: sums[name][number] for number in numbers}
            for name in evaluation.class_names
        },
        "class_mean": nested(pd.DataFrame(present, dtype=float).mean().to_dict(), thresholds),
    }


def _classes(
    kind: str, ids: np.ndarray, class_of: np.ndarray | None, class_names: tuple[str, ...]
) -> np.ndarray:
    """Returns the class of every instance in `ids` `[N]`, from 1 on."""
    if class_of is None:
        raise InputError(f"the {kind} must have the class of every instance; got none.")
    class_of = np.asarray(class_of)
    if ids.size and ids.max() > len(class_of):
        raise InputError(
            f"the {kind} must have a class for every id; "
            f"got the id {ids.max()} and {len(class_of)} classes."
        )
    own = class_of[ids - 1]
    if own.size and not 1 <= own.min() <= own.max() <= len(class_names):
        raise InputError(
            f"the {kind} must have classes from 1 to {len(class_names)}, one for each name; "
            f"got {own.min()} to {own.max()}."
        )
    return own
