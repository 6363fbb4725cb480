"""Metrics of each class, where instances have classes: an instance matches only its class.

Source:
    Kirillov et al. 2019, Panoptic Segmentation, section 4.1 (PQ of each class, then the mean), and
    panopticapi/evaluation.py (the mean is over the classes that occur).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tfseg.checks import InputError
from tfseg.metrics.conventions import Conventions
from tfseg.metrics.counts import totals
from tfseg.metrics.formulas import compute_metrics, nested
from tfseg.metrics.matching import Overlaps
from tfseg.metrics.pair import Pair


def split(table: Overlaps, pair: Pair, class_names: tuple[str, ...]) -> dict[str, Overlaps]:
    """Returns the table of each class by its name.

    Raises:
        InputError: an instance has no class, or a class without a name.
    """
    if not class_names:
        return {}
    truth = _classes("truth", table.truth_ids, pair.truth_class_of, class_names)
    predicted = _classes("prediction", table.predicted_ids, pair.predicted_class_of, class_names)
    return {
        name: table.select(truth == index, predicted == index)
        for index, name in enumerate(class_names, start=1)
    }


def summary(images: Mapping[str, pd.DataFrame], conventions: Conventions) -> dict[str, Any]:
    """Returns `classes`, the metrics of each class, and `class_mean` over the classes that occur.

    Args:
        images: tables with the counts of each image, by the names of the classes.
        conventions: of the counts.
    """
    sums = {name: totals(table) for name, table in images.items()}
    values = {name: compute_metrics(counts, conventions) for name, counts in sums.items()}
    present = [
        values[name]
        for name, counts in sums.items()
        if counts["num_truth"] + counts["num_predicted"] > 0
    ]
    mean = pd.DataFrame(present, dtype=float).mean().to_dict()
    return {
        "classes": {
            name: nested(values[name], conventions.thresholds)
            | {number: counts[number] for number in ("num_truth", "num_predicted")}
            for name, counts in sums.items()
        },
        "class_mean": nested(mean, conventions.thresholds),
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
    classes = class_of[ids - 1]
    if classes.size and not 1 <= classes.min() <= classes.max() <= len(class_names):
        raise InputError(
            f"the {kind} must have classes from 1 to {len(class_names)}, one for each name; "
            f"got {classes.min()} to {classes.max()}."
        )
    return classes
