"""What is ignored and excused: ignored regions as in panopticapi, and the edge of the image."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfseg.checks import InputError
from tfseg.metrics import Conventions, evaluate_pairs

MAPS = st.tuples(
    arrays(np.int32, (5, 6), elements=st.integers(-1, 3)),
    arrays(np.int32, (5, 6), elements=st.integers(0, 3)),
)


def summary(truth, prediction, **conventions) -> dict:
    pairs = [("a", np.array(truth), np.array(prediction))]
    return evaluate_pairs(pairs, conventions=Conventions(**conventions)).summary()


def panoptic_quality(truth: np.ndarray, prediction: np.ndarray) -> tuple[float, int, int, int]:
    """Sum of IoU, TP, FP and FN as panopticapi counts them; void is -1."""
    void = truth == -1
    iou_sum, true_matched, predicted_matched = 0.0, set(), set()
    true_ids = set(truth[truth > 0].tolist())
    predicted_ids = set(prediction[prediction > 0].tolist())
    for t in true_ids:
        for p in predicted_ids:
            both = ((truth == t) & (prediction == p)).sum()
            in_void = (void & (prediction == p)).sum()
            iou = both / ((truth == t).sum() + (prediction == p).sum() - both - in_void)
            if iou > 0.5:
                iou_sum += iou
                true_matched.add(t)
                predicted_matched.add(p)
    fp = 0
    for p in predicted_ids - predicted_matched:
        fp += (void & (prediction == p)).sum() / (prediction == p).sum() <= 0.5
    return iou_sum, len(true_matched), int(fp), len(true_ids - true_matched)


@given(MAPS)
def test_ignored_pixels_count_as_the_void_of_panopticapi(maps):
    iou_sum, tp, fp, fn = panoptic_quality(*maps)
    values = summary(*maps)
    assert (values["num_instances"], values["num_predicted"]) == (tp + fn, tp + fp)
    if tp + fp + fn:
        assert values["pq"] == pytest.approx(iou_sum / (tp + fp / 2 + fn / 2), rel=1e-12)
        assert values["rq"] == pytest.approx(tp / (tp + fp / 2 + fn / 2), rel=1e-12)
        assert values["sq"] == pytest.approx(iou_sum / tp if tp else 0, rel=1e-12)


def test_a_prediction_in_the_ignored_region_for_the_most_part_is_no_error_but_may_be_right():
    truth = [[1, 1, -1, -1, -1, -1, 0, 0]]
    # 4 has 1 of its 3 pixels outside, and matches nothing: excused
    assert summary(truth, [[1, 1, 0, 0, 4, 4, 4, 0]])["ap50"] == 1.0
    # 4 has 2 of its 4 pixels outside, which is not less than half: an error
    assert summary(truth, [[1, 1, 0, 0, 4, 4, 4, 4]])["ap50"] == 1 / 2
    # 1 has 4 of its 6 pixels ignored, and is the right one
    assert summary(truth, [[1, 1, 1, 1, 1, 1, 0, 0]])["ap50"] == 1.0
    # so it is with IoU 3/5, which is more than one half
    truth = [[1, 1, 1, 1, 1, -1, -1, -1, -1]]
    assert summary(truth, [[0, 0, 1, 1, 1, 1, 1, 1, 1]])["ap50"] == 1.0
    # but not with IoU 2/5: missed, and excused
    values = summary(truth, [[0, 0, 0, 1, 1, 1, 1, 1, 1]])
    assert (values["num_instances"], values["num_predicted"]) == (1, 0)


def test_pixels_of_an_excused_prediction_are_counted_as_all_others():
    values = summary([[1, 1, -1, -1, -1, -1, 0, 0]], [[1, 1, 0, 0, 4, 4, 4, 0]])
    assert values["pixel_precision"] == 2 / 3
    assert values["pixel_accuracy"] == 3 / 4


EDGE_TRUTH = np.array(
    [
        [1, 1, 0, 0, 0, 0],
        [1, 1, 0, 2, 2, 0],
        [0, 0, 0, 2, 2, 0],
        [0, 0, 0, 0, 0, 0],
    ]
)


@pytest.mark.parametrize(
    ("change", "keep", "ignore"),
    [
        ({}, 1.0, 1.0),
        ({"0:2, 0:2": 0}, 1 / 2, 1.0),  # the one at the edge is missed
        ({"0:1, 0:2": 0}, 1.0, 1.0),  # half of it is found: IoU 1/2
        ({"3:4, 4:6": 9}, 2 / 3, 1.0),  # one too many, at the edge
        ({"1:3, 3:5": 0}, 1 / 2, 0.0),  # the one inside is missed
        ({"1:4, 3:5": 2}, 1.0, 1.0),  # the one inside is found, and reaches the edge
    ],
)
def test_instances_at_the_edge_count_or_are_ignored(change, keep, ignore):
    prediction = EDGE_TRUTH.copy()
    for window, value in change.items():
        rows, columns = (slice(*map(int, part.split(":"))) for part in window.split(", "))
        prediction[rows, columns] = value
    assert summary(EDGE_TRUTH, prediction)["ap50"] == pytest.approx(keep)
    assert summary(EDGE_TRUTH, prediction, edge_instances="ignore")["ap50"] == pytest.approx(ignore)


def test_ignoring_edge_instances_ignores_its_pixels_too():
    values = summary(EDGE_TRUTH, np.where(EDGE_TRUTH == 1, 0, EDGE_TRUTH), edge_instances="ignore")
    assert (values["dice"], values["num_instances"]) == (1.0, 1)


@given(MAPS)
def test_a_perfect_prediction_is_perfect_whatever_is_ignored(maps):
    truth = maps[0]
    for policy in ("keep", "ignore"):
        values = summary(truth, np.maximum(truth, 0), edge_instances=policy)
        assert values["ap_mean"] == values["pq"] == values["dice"] == values["aji"] == 1.0


@given(MAPS)
def test_what_is_predicted_in_ignored_pixels_alone_changes_nothing(maps):
    truth, prediction = maps
    free = np.where(truth == -1, 0, prediction)
    other = np.where(truth == -1, 77, free)
    first, second = (summary(truth, ids) for ids in (free, other))
    assert first == second


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"thresholds": (0.6, 0.7)}, r"thresholds must be .* and include 0.5 .*; got \[0.6, 0.7\]"),
        ({"thresholds": (0.5, 0.5)}, "ascending"),
        ({"thresholds": (0, 0.5)}, r"\(0, 1\]"),
        ({"thresholds": (0.5, 1.5)}, r"\(0, 1\]"),
        ({"thresholds": (0.5, "x")}, "must be numbers"),
        ({"empty": 2.0}, "empty must be a number"),
        ({"edge_instances": "ignored"}, "Did you mean 'ignore'?"),
        ({"boundary": 1}, "boundary must be true or false"),
    ],
)
def test_impossible_conventions_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Conventions(**arguments)


def test_thresholds_below_one_half_and_with_more_digits_have_names():
    values = summary([[1, 1, 0]], [[1, 0, 0]], thresholds=[0.125, 0.5, 0.9])
    assert values["ap"] == {"0.125": 1.0, "0.50": 1.0, "0.90": 0.0}
    assert math.isclose(values["ap_mean"], 2 / 3)
