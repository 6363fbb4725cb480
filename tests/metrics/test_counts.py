"""What is counted in an image: worked out by hand, and against loops that follow the papers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfseg.metrics import (
    THRESHOLDS,
    Conventions,
    compute_metrics,
    count_instances,
    count_pixels,
    overlaps,
)
from tfseg.metrics.counts import threshold_name, totals
from tfseg.metrics.matching import assign

MAPS = st.tuples(
    arrays(np.int32, (4, 6), elements=st.integers(0, 4)),
    arrays(np.int32, (4, 6), elements=st.integers(0, 4)),
)


def counts(truth, prediction, thresholds=THRESHOLDS) -> dict[str, float]:
    return count_instances(overlaps(np.array(truth), np.array(prediction)), thresholds)


def metrics_of(truth, prediction, thresholds=THRESHOLDS, empty=1.0) -> dict[str, float]:
    conventions = Conventions(thresholds=thresholds, empty=empty)
    table = overlaps(np.array(truth), np.array(prediction))
    counted = count_pixels(table) | count_instances(table, thresholds)
    return {name: float(v) for name, v in compute_metrics(counted, conventions).items()}


def masks(ids: np.ndarray) -> list[np.ndarray]:
    return [ids == name for name in np.unique(ids[ids > 0])]


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return (a & b).sum() / (a | b).sum()


def test_pixels_of_a_foreground():
    table = overlaps(np.array([[1, 1, 2, 0, 0, -1]]), np.array([[0, 3, 3, 3, 0, 3]]))
    # P = {1, 2, 3}, T = {0, 1, 2}: 2 pixels in both, 3 + 3 in all, 4 in one or the other, of 5
    counted = count_pixels(table)
    assert counted == {"pixels": 5, "pixels_both": 2, "pixels_truth": 3, "pixels_predicted": 3}
    values = compute_metrics(counted | count_instances(table, THRESHOLDS))
    assert values["dice"] == 4 / 6
    assert values["iou"] == 2 / 4
    assert values["pixel_precision"] == values["pixel_recall"] == 2 / 3
    assert values["pixel_accuracy"] == 3 / 5  # pixels 1, 2 and 4


def test_the_foreground_does_not_mind_how_it_is_divided():
    one = count_pixels(overlaps(np.array([[1, 1, 1, 0]]), np.array([[0, 1, 1, 1]])))
    many = count_pixels(overlaps(np.array([[1, 2, 3, 0]]), np.array([[0, 4, 4, 5]])))
    assert one == many


def test_the_thresholds_are_the_decimal_numbers():
    assert THRESHOLDS == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
    names = list(map(threshold_name, (*THRESHOLDS[:2], 1 / 3, 0.125, 1)))
    assert names == ["0.50", "0.55", "0.3333333333333333", "0.125", "1.00"]


@pytest.mark.parametrize(
    ("shared", "union", "reached"), [(3, 5, 3), (11, 20, 2), (7, 10, 5), (19, 20, 10), (1, 2, 1)]
)
def test_an_iou_of_exactly_a_threshold_reaches_it(shared, union, reached):
    counted = counts([[1] * union], [[1] * shared + [0] * (union - shared)])
    # 3/5 = 0.60 is a match at 0.50, 0.55 and 0.60: three thresholds
    assert sum(counted[f"tp_{threshold_name(iou)}"] for iou in THRESHOLDS) == reached


def test_panoptic_quality_matches_only_above_one_half():
    truth, prediction = [[1, 1, 0, 2, 2]], [[1, 0, 0, 2, 2]]
    counted, values = counts(truth, prediction), metrics_of(truth, prediction)
    # IoU 1/2 and 1: both are TP at 0.50, but PQ has TP = 1, FP = 1, FN = 1: 1 / (1 + 1/2 + 1/2)
    assert counted["tp_0.50"] == 2
    assert (counted["num_matched"], counted["iou_sum"]) == (1, 1.0)
    assert (values["pq"], values["sq"], values["rq"]) == (0.5, 1.0, 0.5)


def test_metrics_of_a_hand_worked_example():
    values = metrics_of([[1, 1, 1, 1, 2, 2, 2, 0, 3, 3]], [[7, 7, 7, 0, 8, 8, 8, 8, 0, 0]])
    # (1, 7) = 3/4, (2, 8) = 3/4; 3 is missed: TP = 2, FP = 0, FN = 1
    # SQ = 3/4, RQ = 2 / (2 + 1/2) = 4/5, PQ = 3/5
    assert values["sq"] == 0.75
    assert values["rq"] == 0.8
    assert values["pq"] == pytest.approx(0.6, rel=1e-15)
    # AP: 2 / (2 + 0 + 1) up to 0.75, then 0 / (0 + 2 + 3)
    assert [values[f"ap_{threshold_name(iou)}"] for iou in THRESHOLDS] == [2 / 3] * 6 + [0.0] * 4
    assert values["ap50"] == 2 / 3
    assert values["ap_mean"] == pytest.approx(0.4, rel=1e-15)
    assert (values["precision_0.50"], values["recall_0.50"]) == (1.0, 2 / 3)
    assert values["f1_0.50"] == 0.8
    # AJI: (3 + 3) / (4 + 4 + 2, the missed one)
    assert values["aji"] == values["aji_plus"] == 0.6
    # SEG: 7 covers 3 of 4, 8 covers 3 of 3: (3/4 + 3/4 + 0) / 3
    assert values["seg"] == 0.5


def test_aji_counts_a_prediction_for_every_truth_that_likes_it_best_and_aji_plus_for_one():
    truth = [[1, 1, 1, 1, 2, 2, 2, 0]]
    prediction = [[5, 5, 5, 5, 5, 5, 5, 5]]
    counted = counts(truth, prediction)
    # (1, 5): 4 / 8, (2, 5): 3 / 8. AJI: (4 + 3) / (8 + 8); AJI+: 4 / (8 + 3)
    assert (counted["aji_intersection"], counted["aji_union"]) == (7, 16)
    assert (counted["aji_plus_intersection"], counted["aji_plus_union"]) == (4, 11)
    values = metrics_of(truth, prediction)
    assert (values["aji"], values["aji_plus"]) == (7 / 16, 4 / 11)


def test_seg_asks_for_more_than_half_of_the_truth():
    # 5 covers 2 of 4 pixels of 1: not more than half; 6 covers 2 of 3 pixels of 2: 2 / (3 + 3 - 2)
    counted = counts([[1, 1, 1, 1, 2, 2, 2, 0]], [[5, 5, 0, 0, 6, 6, 0, 6]])
    assert counted["seg_sum"] == 0.5


def test_splits_and_merges_are_those_above_one_tenth():
    truth = [[1] * 10 + [2] * 5 + [3] * 5 + [4] * 12]
    prediction = [[1] * 5 + [2] * 5 + [3] * 10 + [4] * 11 + [5]]
    # 1 is split into 1 and 2 (IoU 1/2 each); 3 merges 2 and 3; of 4 the part 5 is only 1/12
    counted = counts(truth, prediction)
    assert (counted["splits"], counted["merges"]) == (1, 1)
    assert counted["count_error"] == 1


def test_the_order_of_the_ids_changes_no_digit_of_the_sum():
    # IoU 3/5, 7/10 and 4/5: as floats 0.6 + 0.7 + 0.8 < 2.1 = 0.8 + 0.7 + 0.6
    truth = np.repeat([[1], [2], [3]], 10, axis=1)
    truth[0, 5:] = 0
    prediction = truth.copy()
    for row, width in enumerate((3, 7, 8)):
        prediction[row, width:] = 0
    backward = np.array([0, 3, 2, 1])
    forward = counts(truth, prediction)
    assert forward["iou_sum"] == 2.1
    assert counts(backward[truth], backward[prediction]) == forward


def test_totals_are_sums_whatever_the_order():
    rows = {"ones": [1, 2, 3], "floats": [0.6, 0.7, 0.8], "names": ["a", "b", "c"]}
    assert totals(rows) == {"ones": 6, "floats": 2.1}
    assert totals({name: column[::-1] for name, column in rows.items()}) == totals(rows)


@pytest.mark.parametrize(
    ("truth", "prediction", "value"),
    [
        ([[0, 0]], [[0, 0]], 1.0),  # nothing to find and nothing found
        ([[-1, -1]], [[0, 4]], 1.0),  # all is ignored
        ([[0, 0]], [[0, 4]], 0.0),
        ([[4, 0]], [[0, 0]], 0.0),
    ],
)
@pytest.mark.parametrize("empty", [1.0, 0.0, 0.25])
def test_metrics_of_empty_maps_are_defined(truth, prediction, value, empty):
    values = metrics_of(truth, prediction, empty=empty)
    accuracy = values.pop("pixel_accuracy")
    assert set(values.values()) == {empty if value else 0.0}
    # all right where both are empty, nothing to be right about where all is ignored, else half
    assert accuracy == ({0: 1.0, -1: empty}[truth[0][0]] if value else 0.5)


def slow_aji(truth: np.ndarray, prediction: np.ndarray) -> tuple[int, int]:
    """Algorithm 1 of Kumar et al. 2017."""
    true, predicted = masks(truth), masks(prediction)
    intersection = union = 0
    used = set()
    for t in true:
        best = max(range(len(predicted)), key=lambda index: iou(t, predicted[index]), default=None)
        if best is None or not (t & predicted[best]).any():
            union += t.sum()
            continue
        intersection += (t & predicted[best]).sum()
        union += (t | predicted[best]).sum()
        used.add(best)
    return intersection, union + sum(p.sum() for i, p in enumerate(predicted) if i not in used)


def has_ties(truth: np.ndarray, prediction: np.ndarray) -> bool:
    for t in masks(truth):
        ious = [iou(t, p) for p in masks(prediction) if (t & p).any()]
        if len(set(ious)) < len(ious):
            return True
    return False


@given(MAPS)
def test_aji_follows_the_algorithm_of_the_paper(maps):
    assume(not has_ties(*maps))  # the paper leaves open which of two equals is taken
    counted = counts(*maps)
    assert (counted["aji_intersection"], counted["aji_union"]) == slow_aji(*maps)


@given(MAPS)
def test_no_other_one_to_one_choice_has_a_larger_sum_of_iou_than_that_of_aji_plus(maps):
    truth, prediction = masks(maps[0]), masks(maps[1])
    short, long = sorted((truth, prediction), key=len)
    choices = itertools.permutations(long, len(short))
    best = max(sum(iou(a, b) for a, b in zip(short, choice, strict=True)) for choice in choices)
    table = overlaps(*maps)
    chosen = assign(table.truth_index, table.predicted_index, table.iou)
    assert table.iou[chosen].sum() == pytest.approx(best, rel=1e-12)
    assert len(set(table.truth_index[chosen])) == len(set(table.predicted_index[chosen]))
    areas = sum(m.sum() for m in truth + prediction)
    shared = table.intersection[chosen].sum()
    counted = counts(*maps)
    assert counted["aji_plus_intersection"] == shared
    assert counted["aji_plus_union"] == areas - shared


@given(MAPS)
def test_seg_splits_and_merges_agree_with_a_loop(maps):
    truth, prediction = masks(maps[0]), masks(maps[1])
    seg = sum(iou(t, p) for t in truth for p in prediction if 2 * (t & p).sum() > t.sum())
    splits = sum(sum(iou(t, p) > 0.1 for p in prediction) > 1 for t in truth)
    merges = sum(sum(iou(t, p) > 0.1 for t in truth) > 1 for p in prediction)
    counted = counts(*maps)
    assert counted["seg_sum"] == pytest.approx(seg, rel=1e-12)
    assert (counted["splits"], counted["merges"]) == (splits, merges)


@given(MAPS, st.permutations(range(1, 5)), st.permutations(range(1, 5)))
def test_new_numbers_change_no_count(maps, first, second):
    truth, prediction = maps
    renamed = np.array([0, *first])[truth], np.array([0, *second])[prediction]
    thresholds = (0.1, 0.3, 0.5, 0.7)
    assert counts(*renamed, thresholds) == counts(truth, prediction, thresholds)


@given(MAPS)
def test_metrics_never_grow_with_the_threshold(maps):
    thresholds = (0.1, 0.25, 0.5, 0.6, 0.9)
    values = metrics_of(*maps, thresholds)
    for name in ("ap", "f1", "precision", "recall"):
        course = [values[f"{name}_{threshold_name(threshold)}"] for threshold in thresholds]
        assert course == sorted(course, reverse=True)
