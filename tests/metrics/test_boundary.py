"""Outlines: boundary F, boundary AP and Hausdorff distances, against loops over the instances."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from skimage.metrics import hausdorff_distance
from skimage.segmentation import find_boundaries

from tfseg.metrics import THRESHOLDS, Conventions, evaluate_pairs, overlaps
from tfseg.metrics.boundary import count_boundaries
from tfseg.metrics.counts import threshold_name

BLOCKS = st.tuples(
    arrays(np.int32, (4, 5), elements=st.integers(0, 3)),
    arrays(np.int32, (4, 5), elements=st.integers(0, 3)),
)


def enlarged(blocks: tuple[np.ndarray, np.ndarray], by: int = 9) -> list[np.ndarray]:
    """Maps of 36 x 45 pixels: of diagonal 57.6, so bands of 1 pixel and a tolerance of 1."""
    return [np.kron(ids, np.ones((by, by), np.int32)) for ids in blocks]


def counts(truth: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    return count_boundaries(truth, prediction, overlaps(truth, prediction), THRESHOLDS)


def band(mask: np.ndarray, width: int) -> np.ndarray:
    """Cheng et al.'s mask_to_boundary: what `width` erosions take, beyond the image is nothing."""
    padded = np.pad(mask, 1)
    return mask & ~ndimage.binary_erosion(padded, np.ones((3, 3)), width)[1:-1, 1:-1]


@given(BLOCKS)
def test_boundary_matches_are_those_of_the_bands_of_every_pair_of_masks(blocks):
    truth, prediction = enlarged(blocks)
    prediction = np.roll(prediction, (1, 2), (0, 1))
    ious = {}
    for t in set(truth[truth > 0].tolist()):
        for p in set(prediction[prediction > 0].tolist()):
            masks = truth == t, prediction == p
            bands = band(masks[0], 1), band(masks[1], 1)
            ious[t, p] = min((a & b).sum() / (a | b).sum() for a, b in (masks, bands))
    counted = counts(truth, prediction)
    for threshold in THRESHOLDS[1:]:  # at 0.5 itself a truth may have two
        expected = sum(iou >= threshold for iou in ious.values())
        assert counted[f"boundary_tp_{threshold_name(threshold)}"] == expected


@given(BLOCKS)
def test_outlines_are_those_of_skimage_and_near_is_within_the_tolerance(blocks):
    truth, prediction = enlarged(blocks)
    prediction = np.roll(prediction, (1, 2), (0, 1))
    outlines = [find_boundaries(ids, connectivity=1, mode="inner") for ids in (truth, prediction)]
    counted = counts(truth, prediction)
    assert counted["outline_truth"] == outlines[0].sum()
    assert counted["outline_predicted"] == outlines[1].sum()
    near = [
        (outline & (ndimage.distance_transform_edt(~other) <= 1)).sum() if other.any() else 0
        for outline, other in (outlines, outlines[::-1])
    ]
    assert [counted["outline_truth_near"], counted["outline_predicted_near"]] == near


@given(BLOCKS)
def test_hausdorff_distances_are_those_of_skimage(blocks):
    truth, prediction = enlarged(blocks)
    prediction = np.roll(prediction, (1, 2), (0, 1))
    table = overlaps(truth, prediction)
    expected, expected95 = 0.0, 0.0
    for index in np.flatnonzero(table.iou > 0.5):
        masks = (
            truth == table.truth_ids[table.truth_index[index]],
            prediction == table.predicted_ids[table.predicted_index[index]],
        )
        one, other = (m & ~ndimage.binary_erosion(m) for m in masks)
        expected += hausdorff_distance(one, other)
        expected95 += max(
            np.percentile(ndimage.distance_transform_edt(~far)[near], 95)
            for near, far in ((one, other), (other, one))
        )
    counted = counts(truth, prediction)
    assert counted["hausdorff_sum"] == pytest.approx(expected, rel=1e-12)
    assert counted["hausdorff95_sum"] == pytest.approx(expected95, rel=1e-12)


def square(size: int, low: int, high: int) -> np.ndarray:
    ids = np.zeros((size, size), np.int32)
    ids[low:high, low:high] = 1
    return ids


def test_metrics_of_a_square_found_too_small():
    truth, prediction = square(100, 20, 60), square(100, 25, 55)
    pairs = [("a", truth, prediction)]
    summary = evaluate_pairs(pairs, conventions=Conventions(boundary=True)).summary()
    # The outlines lie 5 pixels apart, at corners 5 sqrt 2: beyond the tolerance of 2 pixels
    assert summary["boundary_f"] == 0.0
    assert summary["hausdorff"] == pytest.approx(5 * math.sqrt(2))
    # IoU 900 / 1600. Bands of 3 pixels: 1600 - 34^2 and 900 - 24^2 pixels, none in both
    assert summary["ap50"] == 1.0
    assert summary["boundary_ap"]["0.50"] == 0.0


def test_a_square_moved_by_a_pixel_is_near():
    truth, prediction = square(100, 20, 60), np.roll(square(100, 20, 60), 1, axis=0)
    pairs = [("a", truth, prediction)]
    summary = evaluate_pairs(pairs, conventions=Conventions(boundary=True)).summary()
    assert summary["boundary_f"] == summary["boundary_precision"] == 1.0
    assert (summary["hausdorff"], summary["hausdorff95"]) == (1.0, 1.0)
    # bands of 3 pixels: 444 each; in both: 39 rows of 3 + 3, and of the two bars 34 x 2 each
    shared = 39 * 6 + 2 * 2 * 34
    assert summary["boundary_ap"]["0.70"] == float(shared / (888 - shared) >= 0.7)
    assert summary["boundary_ap"]["0.75"] == float(shared / (888 - shared) >= 0.75)


@given(BLOCKS)
def test_a_perfect_prediction_has_perfect_outlines(blocks):
    truth, _ = enlarged(blocks)
    pairs = [("a", truth, truth)]
    summary = evaluate_pairs(pairs, conventions=Conventions(boundary=True)).summary()
    assert set(summary["boundary_ap"].values()) == {1.0}
    assert summary["boundary_f"] == 1.0
    assert summary["hausdorff"] == (0.0 if truth.any() else None)


def test_the_edge_of_an_ignored_region_is_no_outline():
    truth = square(40, 5, 25)
    complete = truth.copy()
    truth[:, 15:] = -1
    counted = counts(truth, complete)
    # 20 rows, columns 5 to 14: left side 20, top and bottom 9 more each
    assert counted["outline_truth"] == counted["outline_truth_near"] == 38
    assert counted["outline_predicted"] == counted["outline_predicted_near"] == 38


@pytest.mark.parametrize("ids", [0, 4])
def test_metrics_of_empty_outlines_are_defined(ids):
    empty = np.zeros((6, 6), np.int32)
    pairs = [("a", np.full((6, 6), ids, np.int32) * np.eye(6, dtype=np.int32), empty)]
    summary = evaluate_pairs(pairs, conventions=Conventions(boundary=True)).summary()
    assert summary["boundary_f"] == summary["boundary_ap"]["0.50"] == float(not ids)
    assert summary["hausdorff"] is None
