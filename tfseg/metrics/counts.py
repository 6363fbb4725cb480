"""Counts of one image. They add up over images; metrics are computed from the sums.

Every function returns numbers by name. A name that ends in a threshold, such as `tp_0.50`, exists
once for every threshold.

Source:
    TP: Schmidt et al. 2018, Cell Detection with Star-convex Polygons, section 3, and its code,
        stardist/matching.py (matched where IoU >= threshold).
    PQ: Kirillov et al. 2019, Panoptic Segmentation, equations 1 and 2 (matched where IoU > 0.5,
        which makes the matching unique).
    AJI: Kumar et al. 2017, A Dataset and a Technique for Generalized Nuclear Segmentation for
        Computational Pathology, algorithm 1.
    AJI+: Graham et al. 2019, HoVer-Net, code metrics/stats_utils.py (one to one).
    SEG: Maška et al. 2014, A benchmark for comparison of cell tracking algorithms, section 2.3.
    Splits and merges: Caicedo et al. 2019, Evaluation of Deep Learning Strategies for Nucleus
        Segmentation in Fluorescence Images, and its code (IoU > 0.1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from tfseg import calls
from tfseg.metrics.matching import Overlaps, assign, match

TOUCHING = 0.1  # IoU above which an instance takes part in a split or a merge


def threshold_name(threshold: float) -> str:
    """Returns a threshold as part of a name: "0.50", or all digits if there are more than two."""
    short = f"{threshold:.2f}"
    return short if float(short) == threshold else repr(threshold)


def totals(counts: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Returns the sum of every numeric column, the same for any order of the rows."""
    sums: dict[str, float] = {}
    for name, column in counts.items():
        values = np.asarray(column)
        if values.dtype.kind in "iu":
            sums[name] = int(values.sum())
        elif values.dtype.kind == "f":
            sums[name] = math.fsum(values)
    return sums


@calls.check
def count_pixels(table: Overlaps) -> dict[str, int]:
    """Counts the foreground: all `pixels`, `pixels_both`, `pixels_truth`, `pixels_predicted`."""
    return {
        "pixels": table.num_pixels,
        "pixels_both": int(table.intersection.sum()),
        "pixels_truth": int(table.truth_areas.sum()),
        "pixels_predicted": int(table.predicted_areas.sum()),
    }


def count_lost(prediction: np.ndarray, masks: Sequence[np.ndarray]) -> dict[str, int]:
    """Counts the masks that have fewer pixels in the map `[H, W]` than given, and those with none.

    Args:
        prediction: ids; that of a mask is its position, from 1 on.
        masks: run lengths of each mask.
    """
    given = np.array([runs[1::2].sum() for runs in masks], np.int64)
    left = np.bincount(prediction[prediction > 0], minlength=len(masks) + 1)[1:]
    return {
        "cut_predictions": int(np.count_nonzero((left > 0) & (left < given))),
        "hidden_predictions": int(np.count_nonzero(left == 0)),
    }


@calls.check
def count_instances(table: Overlaps, thresholds: Sequence[float]) -> dict[str, float]:
    """Counts the instances.

    Returns:
        `num_truth`; `num_predicted`; `tp_T`, matches with IoU >= T; `num_matched`, matches with
        IoU > 0.5, and `iou_sum`, the sum of their IoU; `aji_intersection`, `aji_union`,
        `aji_plus_intersection`, `aji_plus_union`, pixels; `seg_sum`; `splits`, `merges`;
        `count_error`, |predicted - true|.
    """
    num_truth, num_predicted = len(table.truth_ids), len(table.predicted_ids)
    matched = table.iou[table.iou > 0.5]
    tp = {f"tp_{threshold_name(iou)}": len(match(table, iou)) for iou in thresholds}
    return {
        "num_truth": num_truth,
        "num_predicted": num_predicted,
        **tp,
        "num_matched": len(matched),
        # Rounded once, so that the sum does not depend on the numbers of the instances.
        "iou_sum": math.fsum(matched),
        **_count_aji("aji", table, _best_pairs(table)),
        **_count_aji(
            "aji_plus", table, assign(table.truth_index, table.predicted_index, table.iou)
        ),
        "seg_sum": _seg_sum(table),
        "splits": int(is_split(table).sum()),
        "merges": int(is_merged(table).sum()),
        "count_error": abs(num_predicted - num_truth),
    }


def _best_pairs(table: Overlaps) -> np.ndarray:
    """Returns, for each true instance in a pair, the position of its pair with the largest IoU."""
    order = np.lexsort((table.intersection, table.iou, table.truth_index))
    truth = table.truth_index[order]
    return order[np.flatnonzero(np.diff(truth, append=-1))]


def _count_aji(name: str, table: Overlaps, pairs: np.ndarray) -> dict[str, int]:
    """Sums intersections and unions of `pairs`; instances without a pair add their area."""
    truth_unpaired = np.ones(len(table.truth_ids), bool)
    truth_unpaired[table.truth_index[pairs]] = False
    predicted_unpaired = np.ones(len(table.predicted_ids), bool)
    predicted_unpaired[table.predicted_index[pairs]] = False
    unpaired = (
        table.truth_areas[truth_unpaired].sum() + table.predicted_areas[predicted_unpaired].sum()
    )
    return {
        f"{name}_intersection": int(table.intersection[pairs].sum()),
        f"{name}_union": int(table.union[pairs].sum() + unpaired),
    }


def _seg_sum(table: Overlaps) -> float:
    """Sums the IoU of each true instance with the prediction that covers more than half of it."""
    covering = 2 * table.intersection > table.truth_areas[table.truth_index]
    return math.fsum(table.iou[covering])


def is_split(table: Overlaps) -> np.ndarray:
    """Returns `[N]` bool: whether a true instance has IoU > 0.1 with several predicted ones."""
    index = table.truth_index[table.iou > TOUCHING]
    return np.bincount(index, minlength=len(table.truth_ids)) > 1


def is_merged(table: Overlaps) -> np.ndarray:
    """Returns `[N]` bool: whether a predicted instance has IoU > 0.1 with several true ones."""
    index = table.predicted_index[table.iou > TOUCHING]
    return np.bincount(index, minlength=len(table.predicted_ids)) > 1
