"""The outcome of every instance of an image: found, wrong class, missed or false.

The numbers of the kinds are those of the metrics (docs/metrics.md):
    - "found" is a true instance with a partner: IoU >= 0.50, one to one, as for ap50. With classes,
      one whose partner has another class is "wrong class" instead. All other true instances are
      "missed", all other predicted ones "false": TP, FN and FP.
    - "split" is a true instance with IoU > 0.1 with several predicted ones, and "merged" a
      predicted one with IoU > 0.1 with several true ones, whether they have a partner or not:
      `splits` and `merges`.
    - Ignored instances and void predictions have no row.
"""

from __future__ import annotations

import numpy as np

from tfseg.checks import InputError
from tfseg.metrics.counts import is_merged, is_split
from tfseg.metrics.matching import Overlaps, match
from tfseg.metrics.pair import Pair

TRUE_KINDS = ("found", "wrong class", "missed")  # each true instance has one of them
THRESHOLD = 0.5  # IoU from which two instances match


def instance_outcomes(table: Overlaps, pair: Pair) -> dict[str, np.ndarray]:
    """Returns columns with a row per true instance, and one per false predicted instance.

    Args:
        table: the instances that count, in the order of the rows.
        pair: with the classes and scores.

    Returns:
        `kind`; `true_id` and `predicted_id`, 0 for none; `iou` with the partner, or else the
        largest with any instance of the other map; `true_area` and `predicted_area`, pixels that
        are not ignored; `true_class` and `predicted_class`, 0 for none; `score`, NaN for none;
        `split` and `merged`, bool.

    Raises:
        InputError: a predicted id has no score.
    """
    highest = table.predicted_ids.max(initial=0)
    if pair.scores is not None and highest > len(pair.scores):
        raise InputError(
            f"scores must have one of every predicted id; got the id {highest} and "
            f"{len(pair.scores)} scores."
        )
    pairs = match(table, THRESHOLD)
    partner = np.full(len(table.truth_ids), -1)
    partner[table.truth_index[pairs]] = table.predicted_index[pairs]
    false = np.setdiff1d(np.arange(len(table.predicted_ids)), partner)
    true = np.append(np.arange(len(partner)), np.full(len(false), -1))
    predicted = np.append(partner, false)
    true_class = _at(_of_ids(pair.truth_class_of, table.truth_ids, 0), true, 0)
    predicted_class = _at(_of_ids(pair.predicted_class_of, table.predicted_ids, 0), predicted, 0)
    is_wrong = (true_class != predicted_class) & (true_class > 0) & (predicted_class > 0)
    conditions = [true < 0, predicted < 0, is_wrong]
    true_iou = _largest(table.truth_index, table.iou, len(table.truth_ids))
    predicted_iou = _largest(table.predicted_index, table.iou, len(table.predicted_ids))
    return {
        "kind": np.select(conditions, ["false", "missed", "wrong class"], "found"),
        "true_id": _at(table.truth_ids, true, 0),
        "predicted_id": _at(table.predicted_ids, predicted, 0),
        # No instance has a larger IoU than with its partner, because the threshold is 0.5.
        "iou": np.maximum(_at(true_iou, true, 0.0), _at(predicted_iou, predicted, 0.0)),
        "true_area": _at(table.truth_areas, true, 0),
        "predicted_area": _at(table.predicted_areas, predicted, 0),
        "true_class": true_class,
        "predicted_class": predicted_class,
        "score": _at(_of_ids(pair.scores, table.predicted_ids, np.nan), predicted, np.nan),
        "split": _at(is_split(table), true, False),
        "merged": _at(is_merged(table), predicted, False),
    }


def _at(values: np.ndarray, positions: np.ndarray, none: float) -> np.ndarray:
    """Returns the values at `positions`, and `none` at -1."""
    return np.append(values, np.asarray(none, values.dtype))[positions]


def _of_ids(values: np.ndarray | None, ids: np.ndarray, none: float) -> np.ndarray:
    """Returns the values of `ids`, of which id i is at i - 1, or `none` without values."""
    if values is None:
        return np.full(len(ids), none)
    return np.asarray(values, np.asarray(none).dtype)[ids - 1]


def _largest(index: np.ndarray, iou: np.ndarray, size: int) -> np.ndarray:
    largest = np.zeros(size)
    np.maximum.at(largest, index, iou)
    return largest
