"""The outcome of every true and every predicted instance of an image: found, missed, split, ...

Conventions:
    - "found" means a partner with IoU >= 0.50, one to one: exactly the true positives of ap50. All
      other true instances are errors: "missed", "split" or "merged"; all other predicted instances
      are "false", "split" or "merged".
    - If a true instance has IoU > 0.1 with several predicted instances, all of them are "split". If
      a predicted instance has IoU > 0.1 with several true instances, all of them are "merged"
      (`metrics.counts`: Caicedo et al. 2019). An instance that is both is "split".
    - With classes, "wrong class" means a partner of another class.
    - Ignored instances and void predictions have no row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import ndimage

from tfseg.drawing.colors import neighbours
from tfseg.metrics import Conventions, Overlaps, Pair, match
from tfseg.metrics.conventions import edge_ids
from tfseg.metrics.counts import TOUCHING

KINDS = ("found", "missed", "false", "split", "merged", "wrong class")
ERRORS = KINDS[1:]
THRESHOLD = 0.5  # IoU from which two instances match


class Outcomes(NamedTuple):
    """The instances of one image, a row per instance.

    Both tables have `id`; `kind`, one of KINDS; `partner`, the matching id of the other map, or 0;
    `iou`, the largest with any instance of the other map; `area`, pixels; `class`, from 1 on, or 0;
    and the box `top`, `left`, `bottom`, `right`, pixels, ends not included.

    Attributes:
        truth: also has `neighbours`, the number of true instances that touch this one at a side or
            corner of a pixel; `at_edge`, whether it reaches the edge of the image; and
            `partner_class`.
        predicted: also has `score`, NaN without scores.
    """

    truth: pd.DataFrame
    predicted: pd.DataFrame


def outcomes(pair: Pair, conventions: Conventions) -> Outcomes:
    """Returns the outcomes of the instances of `pair`.

    Raises:
        InputError: its maps cannot be compared.
    """
    true, prediction = np.asarray(pair.truth), np.asarray(pair.prediction)
    _, table = conventions.apply_edge_policy(true, prediction)
    table = conventions.without_void_predictions(table, prediction)
    true_kind, predicted_kind, partner_of_true, partner = _kinds(table, pair)
    truth = _rows(table.truth_ids, table.truth_areas, true, pair.truth_class_of)
    counted = pd.Series(neighbours(true).ravel()).value_counts()
    truth = truth.assign(
        kind=true_kind,
        partner=partner_of_true,
        iou=_largest(table.truth_index, table.iou, len(table.truth_ids)),
        neighbours=counted.reindex(truth["id"], fill_value=0).to_numpy(),
        at_edge=np.isin(truth["id"], edge_ids(true)),
    )
    predicted = _rows(
        table.predicted_ids, table.predicted_areas, prediction, pair.predicted_class_of
    )
    predicted = predicted.assign(
        kind=predicted_kind,
        partner=partner,
        iou=_largest(table.predicted_index, table.iou, len(table.predicted_ids)),
        score=np.nan if pair.scores is None else _at_ids(pair.scores, table.predicted_ids),
    )
    class_of = predicted.set_index("id")["class"]
    partner_class = class_of.reindex(truth["partner"], fill_value=0).to_numpy()
    return Outcomes(truth.assign(partner_class=partner_class), predicted)


def _kinds(table: Overlaps, pair: Pair) -> tuple[np.ndarray, ...]:
    """Returns the kinds of true and predicted instances, and the ids of their partners."""
    sizes = (len(table.truth_ids), len(table.predicted_ids))
    index = (table.truth_index, table.predicted_index)
    overlapping = table.iou > TOUCHING
    repeated = [
        np.bincount(positions[overlapping], minlength=size) > 1
        for positions, size in zip(index, sizes, strict=True)
    ]
    split = overlapping & repeated[0][index[0]]
    merged = overlapping & repeated[1][index[1]]
    pairs = match(table, THRESHOLD)
    wrong = _differ_in_class(table, pairs, pair)
    ids = (table.truth_ids, table.predicted_ids)
    kinds, partners = [], []
    for side, unmatched in enumerate(("missed", "false")):
        kind = np.full(sizes[side], unmatched, object)
        kind[index[side][merged]] = "merged"
        kind[index[side][split]] = "split"
        kind[index[side][pairs]] = np.where(wrong, "wrong class", "found")
        partner = np.zeros(sizes[side], np.int64)
        partner[index[side][pairs]] = ids[1 - side][index[1 - side][pairs]]
        kinds.append(kind)
        partners.append(partner)
    return (*kinds, *partners)


def _differ_in_class(table: Overlaps, pairs: np.ndarray, pair: Pair) -> np.ndarray:
    if pair.truth_class_of is None or pair.predicted_class_of is None:
        return np.zeros(len(pairs), bool)
    true = _at_ids(pair.truth_class_of, table.truth_ids[table.truth_index[pairs]])
    predicted = _at_ids(pair.predicted_class_of, table.predicted_ids[table.predicted_index[pairs]])
    return true != predicted


def _rows(
    ids: np.ndarray, areas: np.ndarray, label: np.ndarray, class_of: np.ndarray | None
) -> pd.DataFrame:
    boxes = _boxes(label).reindex(ids)
    classes = 0 if class_of is None else _at_ids(class_of, ids)
    return boxes.assign(**{"id": ids, "area": areas, "class": classes}).reset_index(drop=True)


def _at_ids(values: np.ndarray, ids: np.ndarray) -> np.ndarray:
    return np.asarray(values)[ids - 1]


def _largest(index: np.ndarray, iou: np.ndarray, size: int) -> np.ndarray:
    largest = np.zeros(size)
    np.maximum.at(largest, index, iou)
    return largest


def _boxes(label: np.ndarray) -> pd.DataFrame:
    """Returns the box of each id of `label` `[H, W]`."""
    numbers, ids = pd.factorize(np.ravel(label))  # ids may be far apart
    windows = ndimage.find_objects(numbers.reshape(np.shape(label)) + 1)
    rows = [(y.start, x.start, y.stop, x.stop) for y, x in windows]
    return pd.DataFrame(
        np.array(rows, np.int64).reshape(-1, 4), ids, ["top", "left", "bottom", "right"]
    )
