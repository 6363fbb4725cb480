"""The matching is that of StarDist, at thresholds below and above one half.

StarDist's method, rewritten from its stardist/matching.py: a dense matrix of overlaps, and a
linear assignment at every threshold.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from tfseg.metrics import Conventions, compute_metrics, count_instances, match, overlaps
from tfseg.metrics.counts import threshold_name

THRESHOLDS = (0.05, 0.1, 0.2, 0.25, 1 / 3, 0.4, 0.5, 0.6, 0.75, 1.0)
CONVENTIONS = Conventions(thresholds=THRESHOLDS, empty=0.0)
MAPS = st.tuples(
    arrays(np.int32, (6, 7), elements=st.integers(0, 6)),
    arrays(np.int32, (6, 7), elements=st.integers(0, 6)),
)


def dense_ious(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    _, true = np.unique(np.append(truth, 0), return_inverse=True)
    _, predicted = np.unique(np.append(prediction, 0), return_inverse=True)
    overlap = np.zeros((true.max() + 1, predicted.max() + 1), np.uint)
    np.add.at(overlap, (true[:-1], predicted[:-1]), 1)
    union = overlap.sum(0, keepdims=True) + overlap.sum(1, keepdims=True) - overlap
    iou = np.divide(overlap, union, out=np.zeros(overlap.shape), where=union > 0)
    return iou[1:, 1:]


def stardist(truth: np.ndarray, prediction: np.ndarray, threshold: float) -> dict[str, float]:
    scores = dense_ious(truth, prediction)
    num_truth, num_predicted = scores.shape
    smaller = min(scores.shape)
    tp, matched = 0, 0.0
    if smaller:
        costs = -(scores >= threshold).astype(float) - scores / (2 * smaller)
        chosen = scores[linear_sum_assignment(costs)]
        tp = int((chosen >= threshold).sum())
        matched = chosen[chosen >= threshold].sum()
    fp, fn = num_predicted - tp, num_truth - tp
    return {
        "tp": tp,
        "sum": matched,
        "precision": tp / (tp + fp) if tp else 0,
        "recall": tp / (tp + fn) if tp else 0,
        "ap": tp / (tp + fp + fn) if tp else 0,
        "f1": 2 * tp / (2 * tp + fp + fn) if tp else 0,
        "pq": matched / (tp + fp / 2 + fn / 2) if tp else 0,
    }


@given(MAPS)
def test_matches_and_metrics_are_those_of_stardist_at_every_threshold(maps):
    table = overlaps(*maps)
    counted = count_instances(table, THRESHOLDS)
    pixels = dict.fromkeys(("pixels", "pixels_both", "pixels_truth", "pixels_predicted"), 1)
    ours = compute_metrics(counted | pixels, CONVENTIONS)  # StarDist's 0 of nothing
    for threshold in THRESHOLDS:
        theirs = stardist(*maps, threshold)
        name = threshold_name(threshold)
        assert counted[f"tp_{name}"] == theirs["tp"]
        for metric in ("precision", "recall", "ap", "f1"):
            assert ours[f"{metric}_{name}"] == theirs[metric]
        chosen = table.iou[match(table, threshold)]
        assert chosen.sum() == pytest.approx(theirs["sum"], rel=1e-12)
    assert ours["pq"] == pytest.approx(stardist(*maps, np.nextafter(0.5, 1))["pq"], rel=1e-12)


def test_below_one_half_the_pairs_of_larger_iou_are_taken_where_the_number_is_the_same():
    truth = np.array([[1, 1, 1, 1, 1, 2, 2, 2, 2, 2]])
    prediction = np.array([[5, 5, 6, 6, 6, 6, 6, 6, 5, 5]])
    # (1, 5) = 2/7, (1, 6) = 3/8, (2, 5) = 2/7, (2, 6) = 3/8: two matches either way, of 37/56
    table = overlaps(truth, prediction)
    assert table.iou[match(table, 0.25)].sum() == pytest.approx(2 / 7 + 3 / 8, rel=1e-15)
    # at 0.3 only one of those with 6
    assert table.iou[match(table, 0.3)].tolist() == [3 / 8]
