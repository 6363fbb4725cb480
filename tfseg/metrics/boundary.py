"""Counts of outline pixels: boundary F, boundary AP and Hausdorff distances.

Source:
    Boundary F: Csurka et al. 2013, What is a good evaluation measure for semantic segmentation?;
        the tolerance of Perazzi et al. 2016 (DAVIS), 0.008 of the image's diagonal, rounded up.
    Boundary IoU: Cheng et al. 2021, Boundary IoU, equation 2; bands of 0.02 of the diagonal, at
        least one pixel; matched by min(IoU, boundary IoU), as in its code for AP.
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
from tfseg.metrics.outline import outline_pixels

_NEAR, _BAND = 0.008, 0.02  # of the diagonal


def count_boundaries(
    truth: np.ndarray, prediction: np.ndarray, table: Overlaps, thresholds: Sequence[float]
) -> dict[str, float]:
    """Counts outline pixels of the instances in `table`, and matches by boundary IoU.

    Returns:
        `outline_truth`, `outline_predicted`, pixels; `outline_truth_near` and
        `outline_predicted_near`, pixels within the tolerance of an outline of the other map;
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
        _count_outlines(outline_pixels(truth, ignored), outline_pixels(prediction, ignored))
        | {f"boundary_tp_{threshold_name(iou)}": len(match(banded, iou)) for iou in thresholds}
        | _sum_distances(truth, prediction, table)
    )


def _pixels(share: float, shape: tuple[int, ...]) -> int:
    return max(1, round(share * math.hypot(*shape)))


def _count_outlines(truth: np.ndarray, predicted: np.ndarray) -> dict[str, int]:
    tolerance = math.ceil(_NEAR * math.hypot(*truth.shape))
    return {
        "outline_truth": int(truth.sum()),
        "outline_truth_near": _count_near(truth, predicted, tolerance),
        "outline_predicted": int(predicted.sum()),
        "outline_predicted_near": _count_near(predicted, truth, tolerance),
    }


def _count_near(pixels: np.ndarray, others: np.ndarray, tolerance: int) -> int:
    """Counts the `pixels` at a distance of at most `tolerance` from one of the `others`."""
    if not (pixels.any() and others.any()):
        return 0
    distance, _ = KDTree(np.argwhere(others)).query(
        np.argwhere(pixels), distance_upper_bound=tolerance + 0.5
    )
    return int((distance <= tolerance).sum())


def _band(ids: np.ndarray, ignored: np.ndarray, width: int) -> np.ndarray:
    """Returns `ids` in the bands inside the outlines, 0 elsewhere.

    A pixel belongs to the band if another id or the outside of the image is at most `width` pixels
    away, as after `width` erosions by 3 x 3 pixels in the code of Boundary IoU. Ignored pixels
    count as another id and are 0 in the result.
    """
    labels = np.where(ignored, IGNORE, ids)
    window = {"size": 2 * width + 1, "mode": "constant", "cval": 0}
    inside = ndimage.minimum_filter(labels, **window) == ndimage.maximum_filter(labels, **window)
    return np.where(inside | ignored, 0, ids)


def _with_band_iou(table: Overlaps, bands: Overlaps) -> Overlaps:
    """Returns `table` with the smaller of IoU and IoU of the bands for each pair."""
    band_iou = dict(zip(_pair_ids(bands), bands.iou.tolist(), strict=True))
    iou = np.array([band_iou.get(pair, 0.0) for pair in _pair_ids(table)])
    return table._replace(iou=np.minimum(table.iou, iou))


def _pair_ids(table: Overlaps) -> list[tuple[int, int]]:
    """Returns the true and the predicted id of each pair."""
    truth = table.truth_ids[table.truth_index].tolist()
    return list(zip(truth, table.predicted_ids[table.predicted_index].tolist(), strict=True))


def _sum_distances(truth: np.ndarray, prediction: np.ndarray, table: Overlaps) -> dict[str, float]:
    """Sums over the matches the largest distance between the outlines, and its 95th percentile."""
    true_points, predicted_points = _points(truth), _points(prediction)
    largest, percentile = [], []
    for index in np.flatnonzero(table.iou > 0.5):
        true = true_points[int(table.truth_ids[table.truth_index[index]])]
        predicted = predicted_points[int(table.predicted_ids[table.predicted_index[index]])]
        directions = KDTree(true).query(predicted)[0], KDTree(predicted).query(true)[0]
        largest.append(max(distances.max() for distances in directions))
        percentile.append(max(float(np.percentile(distances, 95)) for distances in directions))
    return {"hausdorff_sum": math.fsum(largest), "hausdorff95_sum": math.fsum(percentile)}


def _points(ids: np.ndarray) -> dict[int, np.ndarray]:
    """Returns the outline `[N, 2]` (y, x) of every instance, including the edge of the image."""
    outline = outline_pixels(np.pad(ids, 1))[1:-1, 1:-1]
    points, id_of = np.argwhere(outline), ids[outline]
    order = np.argsort(id_of, kind="stable")
    names, starts = np.unique(id_of[order], return_index=True)
    ends = [*starts[1:], len(id_of)]
    parts = (points[order[start:end]] for start, end in zip(starts, ends, strict=False))
    return dict(zip(names.tolist(), parts, strict=True))
