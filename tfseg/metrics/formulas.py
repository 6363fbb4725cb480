"""Metrics from counts, and their formulas.

The counts belong to one image, to all images together, or to many resamples at once: every metric
is computed for arrays of any shape.

Conventions:
    - Without true and predicted instances, a metric is `Conventions.empty`, 1 by default. Any other
      quotient with a divisor of 0 is 0: the precision without predictions, the recall without true
      instances, SQ without a match.
    - "AP" has three meanings in the field. In this module it is TP / (TP + FP + FN) at a threshold,
      without ranking by score or a limit of detections per image. `coco` computes COCO's AP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tfseg import calls
from tfseg.checks import InputError, shown
from tfseg.metrics.conventions import Conventions
from tfseg.metrics.counts import threshold_name
from tfseg.metrics.registered import metrics_of

FORMULAS = {
    "dice": "2 |P and T| / (|P| + |T|), foreground pixels of all images together",
    "iou": "|P and T| / |P or T|, foreground pixels of all images together",
    "ap50": "TP / (TP + FP + FN), matches with IoU >= 0.50, instances of all images together",
    "ap": "mean of the same over the thresholds below",
    "pq": "sum of IoU / (TP + FP / 2 + FN / 2) = sq * rq, matches with IoU > 0.5",
    "sq": "sum of IoU / TP, the mean IoU of these matches",
    "rq": "TP / (TP + FP / 2 + FN / 2), of these matches",
}
FURTHER_FORMULAS = {
    "pixel_precision": "|P and T| / |P|, foreground pixels of all images together",
    "pixel_recall": "|P and T| / |T|, foreground pixels of all images together",
    "pixel_accuracy": "pixels that are foreground in both or in neither / pixels",
    "ap_mean": "mean of ap over the thresholds",
    "precision": "TP / (TP + FP), matches with IoU >= each threshold",
    "recall": "TP / (TP + FN), matches with IoU >= each threshold",
    "f1": "2 TP / (2 TP + FP + FN), matches with IoU >= each threshold",
    "aji": "sum of |P and T| / (sum of |P or T| + |P| of the unmatched), each T with its best P",
    "aji_plus": "the same, one to one, with the |T| of those without a P in the divisor",
    "seg": "mean over T of the IoU with the P that covers more than half of it, 0 without one",
    "splits": "true instances with IoU > 0.1 with several predicted ones, all images",
    "merges": "predicted instances with IoU > 0.1 with several true ones, all images",
    "count_error": "mean over images of |predicted - true instances|",
    "count_bias": "mean over images of predicted - true instances",
    "boundary_precision": "outline pixels of P near an outline of T / outline pixels of P",
    "boundary_recall": "outline pixels of T near an outline of P / outline pixels of T",
    "boundary_f": "2 precision recall / (precision + recall) of outline pixels",
    "boundary_ap": "as ap, with min(IoU, IoU of the bands inside the outlines) instead of IoU",
    "hausdorff": "mean over matches (IoU > 0.5) of the Hausdorff distance of outlines, pixels",
    "hausdorff95": "the same with the 95th percentile of distances instead of the largest",
    "cut_predictions": "predicted masks with some pixels lost: a map has one instance a pixel",
    "hidden_predictions": "predicted masks without any pixel left in the map",
    "coco": "COCO's mask AP and AR: ranked by score, at most max_dets predictions per image",
    "image_mean": "mean over images of the metric of each image alone",
    "classes": "metrics of the pixels and instances of one class; only equal classes match",
    "class_mean": "mean over the classes that occur in the truth or in a prediction",
    "intervals": "percentiles of the metric over resamples of the images, or of their groups",
}

Counts = Mapping[str, np.ndarray]


@calls.check
def compute_metrics(
    counts: Mapping[str, Any], conventions: Conventions | None = None
) -> dict[str, np.ndarray]:
    """Returns all metrics by name, with a number for each threshold, such as `ap_0.50`.

    Registered metrics are among them, where their counts are there.

    Args:
        counts: sums of the counts of the module `counts`, arrays of one shape or numbers.
        conventions: of the counts.

    Raises:
        InputError: no counts by their names.
    """
    if not hasattr(counts, "items"):
        raise InputError(
            f"counts must be numbers or columns by name; got {shown(counts)}. Give the counts of "
            "Evaluation.images(), or call Evaluation.metrics()."
        )
    conventions = conventions or Conventions()
    thresholds, empty = conventions.thresholds, conventions.empty
    arrays = {name: np.asarray(values) for name, values in counts.items()}
    metrics = _pixel_metrics(arrays, empty) | _instance_metrics(arrays, thresholds, empty)
    if "outline_truth" in arrays:
        metrics |= _boundary_metrics(arrays, thresholds, empty)
    return metrics | metrics_of(arrays, empty)


def nested(values: Mapping[str, Any], thresholds: Sequence[float]) -> dict[str, object]:
    """Gathers `ap_0.50`, `ap_0.55`, ... into `ap` by threshold, and other metrics the same way."""
    names = [threshold_name(threshold) for threshold in thresholds]
    tree: dict[str, Any] = {}
    for key, value in values.items():
        stem, _, last = key.rpartition("_")
        if stem and last in names:
            tree.setdefault(stem, {})[last] = value
        else:
            tree[key] = value
    return tree


def _pixel_metrics(counts: Counts, empty: float) -> dict[str, np.ndarray]:
    both, truth = counts["pixels_both"], counts["pixels_truth"]
    predicted, pixels = counts["pixels_predicted"], counts["pixels"]
    share = _share(truth + predicted, empty)
    right = pixels - truth - predicted + 2 * both
    return {
        "dice": share(2 * both, truth + predicted),
        "iou": share(both, truth + predicted - both),
        "pixel_precision": share(both, predicted),
        "pixel_recall": share(both, truth),
        "pixel_accuracy": _share(pixels, empty)(right, pixels),
    }


def _instance_metrics(
    counts: Counts, thresholds: Sequence[float], empty: float
) -> dict[str, np.ndarray]:
    truth, predicted = counts["num_truth"], counts["num_predicted"]
    matched, iou_sum = counts["num_matched"], counts["iou_sum"]
    share = _share(truth + predicted, empty)
    values = {
        "pq": share(2 * iou_sum, truth + predicted),
        "sq": share(iou_sum, matched),
        "rq": share(2 * matched, truth + predicted),
        "aji": share(counts["aji_intersection"], counts["aji_union"]),
        "aji_plus": share(counts["aji_plus_intersection"], counts["aji_plus_union"]),
        "seg": share(counts["seg_sum"], truth),
    }
    for name in map(threshold_name, thresholds):
        tp = counts[f"tp_{name}"]
        values[f"ap_{name}"] = share(tp, truth + predicted - tp)
        values[f"precision_{name}"] = share(tp, predicted)
        values[f"recall_{name}"] = share(tp, truth)
        values[f"f1_{name}"] = share(2 * tp, truth + predicted)
    aps = [values[f"ap_{threshold_name(threshold)}"] for threshold in thresholds]
    return values | {"ap50": values["ap_0.50"], "ap_mean": np.mean(aps, axis=0)}


def _boundary_metrics(
    counts: Counts, thresholds: Sequence[float], empty: float
) -> dict[str, np.ndarray]:
    truth, predicted = counts["outline_truth"], counts["outline_predicted"]
    share = _share(truth + predicted, empty)
    precision = share(counts["outline_predicted_near"], predicted)
    recall = share(counts["outline_truth_near"], truth)
    instances = counts["num_truth"] + counts["num_predicted"]
    distance = _share(counts["num_matched"], np.nan)  # no match, no distance
    values = {
        "boundary_precision": precision,
        "boundary_recall": recall,
        "boundary_f": share(2 * precision * recall, precision + recall),
        "hausdorff": distance(counts["hausdorff_sum"], counts["num_matched"]),
        "hausdorff95": distance(counts["hausdorff95_sum"], counts["num_matched"]),
    }
    for name in map(threshold_name, thresholds):
        tp = counts[f"boundary_tp_{name}"]
        values[f"boundary_ap_{name}"] = _share(instances, empty)(tp, instances - tp)
    return values


def _share(total: np.ndarray, empty: float) -> Callable[..., np.ndarray]:
    """Returns a function that divides, with x / 0 = 0, and `empty` where `total` is 0."""

    def share(part: np.ndarray, divisor: np.ndarray) -> np.ndarray:
        part, divisor = np.broadcast_arrays(np.asarray(part, float), np.asarray(divisor, float))
        quotient = np.divide(part, divisor, out=np.zeros(part.shape), where=divisor != 0)
        return np.where(np.equal(total, 0), empty, quotient)

    return share
