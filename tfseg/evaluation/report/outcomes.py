"""The outcomes of the instances of an image (`tfseg.metrics.outcomes`), with what explains them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import ndimage

from tfseg.drawing.colors import neighbours
from tfseg.large_arrays import Windows, as_raster, bands
from tfseg.metrics import Conventions, Overlaps, Pair
from tfseg.metrics.conventions import edge_ids
from tfseg.metrics.counts import TOUCHING, is_merged
from tfseg.metrics.outcomes import TRUE_KINDS, instance_outcomes

_SIDES = {"top": "min", "left": "min", "bottom": "max", "right": "max"}
KINDS = (*TRUE_KINDS, "false", "split", "merged")


class Outcomes(NamedTuple):
    """The instances of one image, a row per instance.

    Both tables have `id`; `kind`: found, wrong class, missed or false; `partner`, the matching id
    of the other map, or 0; `iou`, the largest with any instance of the other map; `area`, pixels;
    `class` and `partner_class`, from 1 on, or 0; and the box `top`, `left`, `bottom`, `right`,
    pixels, ends not included.

    Attributes:
        truth: also has `split`; `in_merge`, whether it has IoU > 0.1 with a merged prediction;
            `neighbours`, the number of true instances that touch this one at a side or corner of a
            pixel; and `at_edge`, whether it reaches the edge of the image.
        predicted: also has `merged`, and `score`, NaN without scores.
    """

    truth: pd.DataFrame
    predicted: pd.DataFrame


def outcomes(pair: Pair, conventions: Conventions) -> Outcomes:
    """Returns the outcomes of the instances of `pair`.

    Raises:
        InputError: its maps cannot be compared.
    """
    true, prediction = as_raster(pair.truth), as_raster(pair.prediction)
    table = conventions.overlaps(true, prediction)
    table = conventions.without_void_predictions(table, prediction)
    rows = pd.DataFrame(instance_outcomes(table, pair))
    truth = _side(rows, "true", "predicted", table.truth_ids, true)
    counted = pd.Series(neighbours(true).ravel()).value_counts()
    truth = truth.drop(columns=["score", "merged"]).assign(
        in_merge=_in_merge(table),
        neighbours=counted.reindex(truth["id"], fill_value=0).to_numpy(),
        at_edge=np.isin(truth["id"], edge_ids(true)),
    )
    predicted = _side(rows, "predicted", "true", table.predicted_ids, prediction)
    return Outcomes(truth, predicted.drop(columns="split"))


def count_kinds(tables: Outcomes) -> dict[str, int]:
    """Returns the number of instances of each of KINDS."""
    truth, predicted = tables
    return {
        **{kind: int((truth["kind"] == kind).sum()) for kind in TRUE_KINDS},
        "false": int((predicted["kind"] == "false").sum()),
        "split": int(truth["split"].sum()),
        "merged": int(predicted["merged"].sum()),
    }


def is_wrong(tables: Outcomes) -> tuple[pd.Series, pd.Series]:
    """Returns of each instance of both tables whether it is an error, or part of one."""
    truth, predicted = tables
    return (
        (truth["kind"] != "found") | truth["split"],
        (predicted["kind"] == "false") | predicted["merged"],
    )


def _side(
    rows: pd.DataFrame, side: str, other: str, ids: np.ndarray, label: np.ndarray | Windows
) -> pd.DataFrame:
    """Returns the rows of the instances of one map, in the order of `ids`, with their boxes."""
    names = {f"{side}_{name}": name for name in ("id", "area", "class")}
    names |= {f"{other}_id": "partner", f"{other}_class": "partner_class"}
    table = rows.drop(columns=f"{other}_area").rename(columns=names)
    table = table.set_index("id").loc[ids].reset_index()
    return pd.concat([table, _boxes(label).reindex(ids).reset_index(drop=True)], axis=1)


def _in_merge(table: Overlaps) -> np.ndarray:
    """Returns `[T]` bool: whether a true instance has IoU > 0.1 with a merged prediction."""
    merging = (table.iou > TOUCHING) & is_merged(table)[table.predicted_index]
    return np.bincount(table.truth_index[merging], minlength=len(table.truth_ids)) > 0


def _boxes(label: np.ndarray | Windows) -> pd.DataFrame:
    """Returns the box of each id of `label` `[H, W]`."""
    parts = []
    for first, rows in bands(label):
        numbers, ids = pd.factorize(rows.ravel())  # ids may be far apart
        windows = ndimage.find_objects(numbers.reshape(rows.shape) + 1)
        sides = [(y.start + first, x.start, y.stop + first, x.stop) for y, x in windows]
        parts.append(pd.DataFrame(np.array(sides, np.int64).reshape(-1, 4), ids, list(_SIDES)))
    return pd.concat(parts).groupby(level=0).agg(_SIDES)
