"""The outcome of every true and every predicted instance of an image: found, missed, split, ...

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

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import ndimage

from tfseg.drawing.colors import neighbours
from tfseg.metrics import Conventions, Overlaps, Pair, match
from tfseg.metrics.conventions import edge_ids
from tfseg.metrics.counts import TOUCHING, is_merged, is_split

TRUE_KINDS = ("found", "wrong class", "missed")  # each true instance has one of them
KINDS = (*TRUE_KINDS, "false", "split", "merged")
THRESHOLD = 0.5  # IoU from which two instances match


class Outcomes(NamedTuple):
    """The instances of one image, a row per instance.

    Both tables have `id`; `kind`: found, wrong class, missed or false; `partner`, the matching id
    of the other map, or 0; `iou`, the largest with any instance of the other map; `area`, pixels;
    `class`, from 1 on, or 0; and the box `top`, `left`, `bottom`, `right`, pixels, ends not
    included.

    Attributes:
        truth: also has `split`; `in_merge`, whether it has IoU > 0.1 with a merged prediction;
            `neighbours`, the number of true instances that touch this one at a side or corner of a
            pixel; `at_edge`, whether it reaches the edge of the image; and `partner_class`.
        predicted: also has `merged`, and `score`, NaN without scores.
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
    (true_kind, partner_of_true), (predicted_kind, partner) = _kinds(table, pair)
    merged, touching = is_merged(table), table.iou > TOUCHING
    merging = touching & merged[table.predicted_index]
    truth = _rows(table.truth_ids, table.truth_areas, true, pair.truth_class_of)
    counted = pd.Series(neighbours(true).ravel()).value_counts()
    truth = truth.assign(
        kind=true_kind,
        split=is_split(table),
        in_merge=np.bincount(table.truth_index[merging], minlength=len(table.truth_ids)) > 0,
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
        merged=merged,
        partner=partner,
        iou=_largest(table.predicted_index, table.iou, len(table.predicted_ids)),
        score=np.nan if pair.scores is None else _at_ids(pair.scores, table.predicted_ids),
    )
    class_of = predicted.set_index("id")["class"]
    partner_class = class_of.reindex(truth["partner"], fill_value=0).to_numpy()
    return Outcomes(truth.assign(partner_class=partner_class), predicted)


def count_kinds(tables: Outcomes) -> dict[str, int]:
    """Returns the number of instances of each of KINDS."""
    truth, predicted = tables
    return {
        **{kind: int((truth["kind"] == kind).sum()) for kind in TRUE_KINDS},
        "false": int((predicted["kind"] == "false").sum()),
        "split": int(truth["split"].sum()),
        "merged": int(predicted["merged"].sum()),
    }


def _kinds(table: Overlaps, pair: Pair) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns the kinds, and the ids of the partners, of the true and the predicted instances."""
    index = (table.truth_index, table.predicted_index)
    pairs = match(table, THRESHOLD)
    wrong = _differ_in_class(table, pairs, pair)
    ids = (table.truth_ids, table.predicted_ids)
    sides = []
    for side, unmatched in enumerate(("missed", "false")):
        kind = np.full(len(ids[side]), unmatched, object)
        kind[index[side][pairs]] = np.where(wrong, "wrong class", "found")
        partner = np.zeros(len(ids[side]), np.int64)
        partner[index[side][pairs]] = ids[1 - side][index[1 - side][pairs]]
        sides.append((kind, partner))
    return sides


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
