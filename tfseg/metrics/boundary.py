"""Agreement of outlines: boundary F, boundary AP and Hausdorff distances.

Source:
    Boundary F: Csurka et al. 2013, What is a good evaluation measure for semantic segmentation?;
        the tolerance of Perazzi et al. 2016 (DAVIS), 0.008 of the image's diagonal, rounded up.
    Boundary IoU: Cheng et al. 2021, Boundary IoU, equation 2; bands of 0.02 of the diagonal, at
        least a pixel; matched by min(IoU, boundary IoU), as in its code for AP.
    Hausdorff distance: Huttenlocher et al. 1993, Comparing Images Using the Hausdorff Distance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from tfseg.ids import IGNORE
from tfseg.metrics.counts import threshold_name
from tfseg.metrics.matching import Overlaps, match, overlaps

_NEAR, _BAND = 0.008, 0.02  # of the diagonal


def count_boundaries(
    truth: np.ndarray, prediction: np.ndarray, table: Overlaps, thresholds: Sequence[float]
) -> dict[str, float]:
    """Counts what agrees along the outlines of the instances in `table`.

    Returns:
        `outline_truth`, `outline_predicted`, pixels; `outline_truth_near` and
        `outline_predicted_near`, those within the tolerance of an outline of the other;
        `boundary_tp_T`; `hausdorff_sum` and `hausdorff95_sum` over matches with IoU > 0.5, pixels.
    """
    ignored = truth == IGNORE
    truth = np.where(np.isin(truth, table.truth_ids), truth, 0)
    prediction = np.where(np.isin(prediction, table.predicted_ids), prediction, 0)
    true_band, predicted_band = (
        _band(ids, ignored, _pixels(_BAND, ids.shape)) for ids in (truth, prediction)
    )
    banded = _with_band_iou(table, overlaps(np.where(ignored, IGNORE, true_band), predicted_band))
    return (
        _count_outlines(_outline(truth, ignored), _outline(prediction, ignored))
        | {f"boundary_tp_{threshold_name(each)}": len(match(banded, each)) for each in thresholds}
        | _sum_distances(truth, prediction, table)
    )


def _pixels(share: float, shape: tuple[int, ...]) -> int:
    return max(1, round(share * math.hypot(*shape)))


def _outline(ids: np.ndarray, ignored: np.ndarray) -> np.ndarray:
    """Says which pixels of instances have a neighbour (of 4) of another id; the edge is none."""
    outline = np.zeros(ids.shape, bool)
    for axis in (0, 1):
        # Views: the neighbours along rows, then along columns.
        own, seen, edge = (np.moveaxis(each, axis, 0) for each in (ids, ~ignored, outline))
        differs = (own[1:] != own[:-1]) & seen[1:] & seen[:-1]
        edge[1:] |= differs
        edge[:-1] |= differs
    return outline & (ids > 0)


def _count_outlines(truth: np.ndarray, predicted: np.ndarray) -> dict[str, int]:
    tolerance = math.ceil(_NEAR * math.hypot(*truth.shape))
    return {
        "outline_truth": int(truth.sum()),
        "outline_truth_near": _near(truth, predicted, tolerance),
        "outline_predicted": int(predicted.sum()),
        "outline_predicted_near": _near(predicted, truth, tolerance),
    }


def _near(pixels: np.ndarray, others: np.ndarray, tolerance: int) -> int:
    """Counts the `pixels` that are at most `tolerance` away from one of the `others`."""
    if not (pixels.any() and others.any()):
        return 0
    distance, _ = KDTree(np.argwhere(others)).query(
        np.argwhere(pixels), distance_upper_bound=tolerance + 0.5
    )
    return int((distance <= tolerance).sum())


def _band(ids: np.ndarray, ignored: np.ndarray, width: int) -> np.ndarray:
    """Returns `ids` where another id, or what is beyond the image, is at most `width` away.

    The distance is that of `width` erosions by 3 x 3 pixels, as in the code of Boundary IoU.
    Ignored pixels count as another id and are 0 in the result.
    """
    seen = np.where(ignored, IGNORE, ids)
    window = {"size": 2 * width + 1, "mode": "constant", "cval": 0}
    inside = ndimage.minimum_filter(seen, **window) == ndimage.maximum_filter(seen, **window)
    return np.where(inside | ignored, 0, ids)


def _with_band_iou(table: Overlaps, bands: Overlaps) -> Overlaps:
    """Returns `table` with the smaller of its IoU and that of the bands of each pair."""
    found = dict(zip(_names(bands), bands.iou.tolist(), strict=True))
    iou = np.array([found.get(pair, 0.0) for pair in _names(table)])
    return table._replace(iou=np.minimum(table.iou, iou))


def _names(table: Overlaps) -> list[tuple[int, int]]:
    truth = table.truth_ids[table.truth_index].tolist()
    return list(zip(truth, table.predicted_ids[table.predicted_index].tolist(), strict=True))


def _sum_distances(truth: np.ndarray, prediction: np.ndarray, table: Overlaps) -> dict[str, float]:
    """Sums over the matches the largest distance between the outlines, and its 95th percentile."""
    true_points, predicted_points = _points(truth), _points(prediction)
    largest, percentile = [], []
    for index in np.flatnonzero(table.iou > 0.5):
        true = true_points[int(table.truth_ids[table.truth_index[index]])]
        predicted = predicted_points[int(table.predicted_ids[table.predicted_index[index]])]
        ways = KDTree(true).query(predicted)[0], KDTree(predicted).query(true)[0]
        largest.append(max(way.max() for way in ways))
        percentile.append(max(float(np.percentile(way, 95)) for way in ways))
    return {"hausdorff_sum": math.fsum(largest), "hausdorff95_sum": math.fsum(percentile)}


def _points(ids: np.ndarray) -> dict[int, np.ndarray]:
    """Returns the outline `[N, 2]` (y, x) of every instance, the edge of the image included."""
    outline = _outline(np.pad(ids, 1), np.zeros(np.add(ids.shape, 2), bool))[1:-1, 1:-1]
    points, own = np.argwhere(outline), ids[outline]
    order = np.argsort(own, kind="stable")
    names, starts = np.unique(own[order], return_index=True)
    ends = [*starts[1:], len(own)]
    parts = (points[order[start:end]] for start, end in zip(starts, ends, strict=False))
    return dict(zip(names.tolist(), parts, strict=True))
