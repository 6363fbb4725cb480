"""What became of every true and every predicted instance of an image: found, missed, split, ...

Conventions, here once:
    - "found" has a partner with IoU >= 0.50, one to one: exactly the true positives of ap50. All
      other true instances are errors, "missed", "split" or "merged"; all other predicted ones are
      "false", "split" or "merged".
    - A true instance with IoU > 0.1 with more than one predicted one, and these, are "split"; a
      predicted instance with IoU > 0.1 with more than one true one, and these, are "merged"
      (`metrics.counts`: Caicedo et al. 2019). What is both is "split".
    - With classes, "wrong class" has a partner, but of another class.
    - What the conventions excuse or ignore has no row.
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
THRESHOLD = 0.5  # of IoU, from which two instances are one


class Outcomes(NamedTuple):
    """The instances of one image, a row each.

    Both tables have `id`; `kind`, one of KINDS; `partner`, the id of the other map that it is, or
    0; `iou`, the largest with any instance of the other map; `area`, pixels; `class`, from 1 on, or
    0; and the box `top`, `left`, `bottom`, `right`, pixels, ends not included.

    Attributes:
        truth: has also `neighbours`, true instances that it touches by a side or corner of a pixel;
            `border`, whether it reaches the edge of the image; and `partner_class`.
        predicted: has also `score`, NaN where there is none.
    """

    truth: pd.DataFrame
    predicted: pd.DataFrame


def outcomes(pair: Pair, conventions: Conventions) -> Outcomes:
    """Returns what became of the instances of `pair`.

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
        border=np.isin(truth["id"], edge_ids(true)),
    )
    predicted = _rows(
        table.predicted_ids, table.predicted_areas, prediction, pair.predicted_class_of
    )
    predicted = predicted.assign(
        kind=predicted_kind,
        partner=partner,
        iou=_largest(table.predicted_index, table.iou, len(table.predicted_ids)),
        score=np.nan if pair.scores is None else _of(pair.scores, table.predicted_ids),
    )
    class_of = predicted.set_index("id")["class"]
    own = class_of.reindex(truth["partner"], fill_value=0).to_numpy()
    return Outcomes(truth.assign(partner_class=own), predicted)


def _kinds(table: Overlaps, pair: Pair) -> tuple[np.ndarray, ...]:
    """Returns the kinds of true and predicted instances, and the ids of their partners."""
    sizes = (len(table.truth_ids), len(table.predicted_ids))
    index = (table.truth_index, table.predicted_index)
    taking_part = table.iou > TOUCHING
    repeated = [
        np.bincount(own[taking_part], minlength=size) > 1
        for own, size in zip(index, sizes, strict=True)
    ]
    split = taking_part & repeated[0][index[0]]
    merged = taking_part & repeated[1][index[1]]
    pairs = match(table, THRESHOLD)
    wrong = _of_another_class(table, pairs, pair)
    ids = (table.truth_ids, table.predicted_ids)
    kinds, partners = [], []
    for side, alone in enumerate(("missed", "false")):
        kind = np.full(sizes[side], alone, object)
        kind[index[side][merged]] = "merged"
        kind[index[side][split]] = "split"
        kind[index[side][pairs]] = np.where(wrong, "wrong class", "found")
        partner = np.zeros(sizes[side], np.int64)
        partner[index[side][pairs]] = ids[1 - side][index[1 - side][pairs]]
        kinds.append(kind)
        partners.append(partner)
    return (*kinds, *partners)


def _of_another_class(table: Overlaps, pairs: np.ndarray, pair: Pair) -> np.ndarray:
    if pair.truth_class_of is None or pair.predicted_class_of is None:
        return np.zeros(len(pairs), bool)
    true = _of(pair.truth_class_of, table.truth_ids[table.truth_index[pairs]])
    return true != _of(pair.predicted_class_of, table.predicted_ids[table.predicted_index[pairs]])


def _rows(
    ids: np.ndarray, areas: np.ndarray, label: np.ndarray, class_of: np.ndarray | None
) -> pd.DataFrame:
    boxes = _boxes(label).reindex(ids)
    own = 0 if class_of is None else _of(class_of, ids)
    return boxes.assign(**{"id": ids, "area": areas, "class": own}).reset_index(drop=True)


def _of(values: np.ndarray, ids: np.ndarray) -> np.ndarray:
    return np.asarray(values)[ids - 1]


def _largest(index: np.ndarray, iou: np.ndarray, size: int) -> np.ndarray:
    largest = np.zeros(size)
    np.maximum.at(largest, index, iou)
    return largest


def _boxes(label: np.ndarray) -> pd.DataFrame:
    """Returns the box of each id of `label` `[H, W]`."""
    numbers, ids = pd.factorize(np.ravel(label))  # ids may be far apart
    found = ndimage.find_objects(numbers.reshape(np.shape(label)) + 1)
    rows = [(y.start, x.start, y.stop, x.stop) for y, x in found]
    return pd.DataFrame(
        np.array(rows, np.int64).reshape(-1, 4), ids, ["top", "left", "bottom", "right"]
    )
