"""Dice, IoU, AP and PQ of counts, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.metrics import (
    THRESHOLDS,
    InstanceCounts,
    PixelCounts,
    count_instances,
    count_pixels,
    overlaps,
)


def counts(truth: list[list[int]], prediction: list[list[int]]) -> InstanceCounts:
    return count_instances(overlaps(np.array(truth), np.array(prediction)))


def test_dice_and_iou_of_a_foreground():
    table = overlaps(np.array([[1, 1, 2, 0, -1]]), np.array([[0, 3, 3, 3, 3]]))
    # P = {1, 2, 3}, T = {0, 1, 2}: 2 pixels in both, 3 + 3 in all, 4 in one or the other
    pixels = count_pixels(table)
    assert pixels == PixelCounts(intersection=2, truth=3, predicted=3)
    assert pixels.dice == 4 / 6
    assert pixels.iou == 2 / 4


def test_the_foreground_does_not_mind_how_it_is_divided():
    one = count_pixels(overlaps(np.array([[1, 1, 1, 0]]), np.array([[0, 1, 1, 1]])))
    many = count_pixels(overlaps(np.array([[1, 2, 3, 0]]), np.array([[0, 4, 4, 5]])))
    assert one == many


def test_totals_are_figures_of_sums_not_means_of_figures():
    total = PixelCounts.total([PixelCounts(1, 1, 1), PixelCounts(0, 9, 0)])
    assert total == PixelCounts(1, 10, 1)
    assert total.dice == 2 / 11  # the mean would be 1/2
    assert total.iou == 1 / 10


def test_the_thresholds_are_the_decimal_numbers():
    assert THRESHOLDS == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


@pytest.mark.parametrize(
    ("shared", "union", "reached"), [(3, 5, 3), (11, 20, 2), (7, 10, 5), (19, 20, 10), (1, 2, 1)]
)
def test_an_iou_of_exactly_a_threshold_reaches_it(shared, union, reached):
    found = counts([[1] * union], [[1] * shared + [0] * (union - shared)])
    # 3/5 = 0.60 is a match at 0.50, 0.55 and 0.60: three thresholds
    assert sum(found.true_positives) == reached


def test_panoptic_quality_matches_only_above_one_half():
    found = counts([[1, 1, 0, 2, 2]], [[1, 0, 0, 2, 2]])
    # IoU 1/2 and 1: both are TP at 0.50, but PQ has TP = 1, FP = 1, FN = 1: 1 / (1 + 1/2 + 1/2)
    assert found.true_positives[0] == 2
    assert (found.num_matched, found.iou_sum) == (1, 1.0)
    assert (found.pq, found.sq, found.rq) == (0.5, 1.0, 0.5)


def test_panoptic_quality_of_a_hand_worked_example():
    found = counts([[1, 1, 1, 1, 2, 2, 2, 0, 3, 3]], [[7, 7, 7, 0, 8, 8, 8, 8, 0, 0]])
    # (1, 7) = 3/4, (2, 8) = 3/4; 3 is missed: TP = 2, FP = 0, FN = 1
    # SQ = 3/4, RQ = 2 / (2 + 1/2) = 4/5, PQ = 3/5
    assert found.sq == 0.75
    assert found.rq == 0.8
    assert found.pq == pytest.approx(0.6, rel=1e-15)
    # AP: 2 / (2 + 0 + 1) up to 0.75, then 0 / (0 + 2 + 3)
    assert found.ap == (2 / 3,) * 6 + (0.0,) * 4


def test_the_order_of_the_ids_changes_no_digit_of_the_sum():
    # IoU 3/5, 7/10 and 4/5: as floats 0.6 + 0.7 + 0.8 < 2.1 = 0.8 + 0.7 + 0.6
    truth = np.repeat([[1], [2], [3]], 10, axis=1)
    truth[0, 5:] = 0
    prediction = truth.copy()
    for row, width in enumerate((3, 7, 8)):
        prediction[row, width:] = 0
    backward = np.array([0, 3, 2, 1])
    forward = count_instances(overlaps(truth, prediction))
    assert forward.iou_sum == 2.1
    assert count_instances(overlaps(backward[truth], backward[prediction])) == forward


def test_instances_of_many_images_are_pooled():
    right = counts([[1, 1, 0, 0]], [[1, 1, 0, 0]])
    wrong = counts([[1, 2, 3, 0]], [[0, 0, 0, 1]])
    total = InstanceCounts.total([right, wrong])
    # TP = 1, FP = 1, FN = 3: AP = 1/5, PQ = 1 / (1 + 1/2 + 3/2) = 1/3
    assert (total.num_truth, total.num_predicted) == (4, 2)
    assert total.ap == (0.2,) * 10
    assert total.pq == pytest.approx(1 / 3, rel=1e-15)
    assert InstanceCounts.total([wrong, right]) == total


@pytest.mark.parametrize(
    ("truth", "prediction", "figure"),
    [
        ([[0, 0]], [[0, 0]], 1.0),  # nothing to find and nothing found
        ([[-1, -1]], [[0, 4]], 1.0),  # all is ignored
        ([[0, 0]], [[0, 4]], 0.0),
        ([[4, 0]], [[0, 0]], 0.0),
    ],
)
def test_figures_of_empty_maps_are_defined(truth, prediction, figure):
    table = overlaps(np.array(truth), np.array(prediction))
    pixels, instances = count_pixels(table), count_instances(table)
    assert [pixels.dice, pixels.iou] == [figure] * 2
    assert [instances.pq, instances.sq, instances.rq, *instances.ap] == [figure] * 13


def test_the_total_of_no_images_is_that_of_an_empty_one():
    empty = overlaps(np.zeros((2, 2), int), np.zeros((2, 2), int))
    assert PixelCounts.total([]) == count_pixels(empty)
    assert InstanceCounts.total([]) == count_instances(empty)
