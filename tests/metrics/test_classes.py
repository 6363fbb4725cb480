"""Metrics of each class and their mean, against a rewrite of panopticapi, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfseg.checks import InputError
from tfseg.metrics import Pair, evaluate_pairs

NAMES = ("cell", "dust", "fibre")
CLASSES = st.lists(st.integers(1, 3), min_size=4, max_size=4)
PAIRS = st.lists(
    st.tuples(
        arrays(np.int32, (4, 6), elements=st.integers(-1, 4)),
        arrays(np.int32, (4, 6), elements=st.integers(0, 4)),
        CLASSES,
        CLASSES,
    ),
    min_size=1,
    max_size=3,
)


def evaluate(pairs: list[tuple]) -> dict:
    named = [Pair(str(index), *pair) for index, pair in enumerate(pairs)]
    return evaluate_pairs(named, class_names=NAMES).summary()


def panoptic_quality(pairs: list[tuple]) -> dict[int, tuple[float, int, int, int]]:
    """Sum of IoU, TP, FP, FN of each class, as panopticapi counts them; void is -1."""
    sums = {c: np.zeros(4) for c in (1, 2, 3)}
    for truth, prediction, true_class, predicted_class in pairs:
        true_ids = sorted(set(truth[truth > 0].tolist()))
        predicted_ids = sorted(set(prediction[prediction > 0].tolist()))
        void = {p: (prediction[truth == -1] == p).sum() for p in predicted_ids}
        area = {p: (prediction == p).sum() for p in predicted_ids}
        true_left, predicted_left = set(true_ids), set(predicted_ids)
        for t in true_ids:
            for p in predicted_ids:
                both = ((truth == t) & (prediction == p)).sum()
                iou = both / (area[p] + (truth == t).sum() - both - void[p])
                if true_class[t - 1] == predicted_class[p - 1] and iou > 0.5:
                    sums[true_class[t - 1]] += (iou, 1, 0, 0)
                    true_left.discard(t)
                    predicted_left.discard(p)
        for t in true_left:
            sums[true_class[t - 1]][3] += 1
        for p in predicted_left:
            sums[predicted_class[p - 1]][2] += void[p] / area[p] <= 0.5
    return sums


@given(PAIRS)
def test_panoptic_quality_of_classes_and_their_mean_are_those_of_panopticapi(pairs):
    values = evaluate(pairs)
    qualities = []
    for index, name in enumerate(NAMES, start=1):
        iou, tp, fp, fn = panoptic_quality(pairs)[index]
        metrics = values["classes"][name]
        assert (metrics["num_truth"], metrics["num_predicted"]) == (tp + fn, tp + fp)
        if tp + fp + fn:
            qualities.append(iou / (tp + fp / 2 + fn / 2))
            assert metrics["pq"] == pytest.approx(qualities[-1], rel=1e-12)
    if qualities:
        assert values["class_mean"]["pq"] == pytest.approx(np.mean(qualities), rel=1e-12)


@given(PAIRS)
def test_pixels_of_a_class_are_those_of_the_class_maps(pairs):
    values = evaluate(pairs)
    for index, name in enumerate(NAMES, start=1):
        both = true = predicted = right = pixels = 0
        for truth, prediction, true_class, predicted_class in pairs:
            counted = truth != -1
            t = counted & (np.array([0, *true_class])[np.maximum(truth, 0)] == index)
            p = counted & (np.array([0, *predicted_class])[prediction] == index)
            both, true, predicted = both + (t & p).sum(), true + t.sum(), predicted + p.sum()
            right, pixels = right + (counted & (t == p)).sum(), pixels + counted.sum()
        metrics = values["classes"][name]
        assert metrics["iou"] == (both / (true + predicted - both) if true + predicted else 1.0)
        assert metrics["pixel_recall"] == (both / true if true else float(not predicted))
        assert metrics["pixel_accuracy"] == (right / pixels if pixels else 1.0)


def test_an_instance_of_the_wrong_class_is_missed_and_one_too_many():
    truth = np.array([[1, 1, 0, 2, 2]])
    values = evaluate([(truth, truth, [1, 1], [1, 2])])
    assert values["ap50"] == 1.0  # whatever the class
    # cell: TP 1, FN 1; dust: FP 1; fibre does not occur, and is left out of the mean
    aps = [values["classes"][name]["ap50"] for name in NAMES]
    assert aps == [1 / 2, 0.0, 1.0]
    assert values["class_mean"]["ap50"] == 1 / 4
    assert values["class_mean"]["iou"] == 1 / 4


ONE = np.array([[0, 2]])


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ((None, [1, 1]), "the truth must have the class of every instance; got none"),
        (([1, 1], [1]), "the prediction must have a class for every id; got the id 2 and 1"),
        (([1, 4], [1, 1]), "the truth must have classes from 1 to 3, .*; got 4 to 4"),
        (([1, 0], [1, 1]), "the truth must have classes from 1 to 3, .*; got 0 to 0"),
    ],
)
def test_instances_without_a_known_class_are_refused(classes, message):
    with pytest.raises(InputError, match=f"^Image '0': {message}"):
        evaluate([(ONE, ONE, *classes)])


def test_the_table_has_a_line_for_each_class_that_occurs():
    truth = np.array([[1, 1, 0, 2, 2, 2]])
    prediction = np.array([[1, 1, 0, 2, 2, 0]])  # the second has the class of no true instance
    pair = Pair("a", truth, prediction, [1, 2], [1, 1])
    lines = evaluate_pairs([pair], class_names=("cell", "fibre", "dust")).as_table().splitlines()
    # cell: a match with IoU 1 and a false one: 1 of 2, and 1 / 1.5; Dice 2 * 2 / (2 + 4)
    assert lines[-3:] == [
        "class    ap50      pq    dice    true  predicted",
        "cell   0.5000  0.6667  0.6667       1       2",
        "fibre  0.0000  0.0000  0.0000       1       0",
    ]
    assert "class" not in evaluate_pairs([Pair("a", truth, prediction)]).as_table()
