"""Evaluation of pairs: metrics, table, files, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import math
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfseg.checks import InputError
from tfseg.metrics import FORMULAS, Conventions, Evaluation, Pair, evaluate_pairs

MAPS = st.tuples(
    arrays(np.int32, (5, 6), elements=st.integers(-1, 4)),
    arrays(np.int32, (5, 6), elements=st.integers(0, 4)),
)
TRUTH = np.array([[1, 1, 1, 0, 2, 2], [1, 1, 1, 0, 2, 2], [0, 0, 0, 0, 0, 0], [3, 3, 3, 3, 0, 0]])
PREDICTED = np.array(
    [[5, 5, 5, 0, 7, 0], [5, 5, 0, 0, 0, 0], [0, 0, 0, 0, 8, 8], [9, 9, 9, 9, 9, 0]]
)
EMPTY = np.zeros((2, 3), np.uint16)
ONE = np.array([[0, 4, 4], [0, 0, 0]], np.uint16)


@pytest.fixture
def evaluation() -> Evaluation:
    """Two images.

    cells (TRUTH, PREDICTED)          areas    IoU
        1 with 5: 5 pixels        6, 5     5 / 6
        2 with 7: 1 pixel         4, 1     1 / 4
        3 with 9: 4 pixels        4, 5     4 / 5
        8 alone                   2
    blank: no truth, one prediction of 2 pixels.
    """
    return evaluate_pairs([("cells", TRUTH, PREDICTED), ("blank", EMPTY, ONE)])


def test_the_summary_is_that_of_summed_counts(evaluation):
    summary = evaluation.summary()
    # foreground: 10 pixels in both, 14 true, 13 + 2 predicted
    assert summary["dice"] == 20 / 29
    assert summary["iou"] == 10 / 19
    # up to 0.80: TP = 2, FP = 2 + 1, FN = 1: 2 / 6; from 0.85 on no match
    assert list(summary["ap"].values()) == [2 / 6] * 7 + [0.0] * 3
    assert list(summary["ap"])[::9] == ["0.50", "0.95"]
    assert summary["ap50"] == summary["ap"]["0.50"]
    # PQ = (5/6 + 4/5) / (2 + 3/2 + 1/2) = (49/30) / 4
    assert summary["pq"] == pytest.approx(49 / 120, rel=1e-15)
    assert summary["sq"] == pytest.approx(49 / 60, rel=1e-15)
    assert summary["rq"] == 1 / 2
    assert (summary["num_images"], summary["num_instances"]) == (2, 3)
    assert summary["num_predicted"] == 5


def test_the_summary_is_made_of_plain_numbers(evaluation):
    summary = evaluation.summary()
    metrics = [*(summary[name] for name in FORMULAS if name != "ap"), *summary["ap"].values()]
    numbers = [value for name, value in summary.items() if name.startswith("num_")]
    assert {type(value) for value in metrics} == {float}
    assert {type(value) for value in numbers} == {int}


def test_each_image_has_a_row_with_its_own_metrics(evaluation):
    table = evaluation.to_pandas()
    assert table.columns.tolist() == [
        *("id", "num_truth", "num_predicted", "tp50", "fp50", "fn50"),
        *("ap50", "pq", "dice", "iou", "pixel_precision", "pixel_recall", "pixel_accuracy"),
        *("sq", "rq", "aji", "aji_plus", "seg", "ap_mean", "splits", "merges", "count_error"),
    ]
    assert table.id.tolist() == ["cells", "blank"]
    cells, blank = table.loc[:, "num_truth":"iou"].to_numpy().tolist()
    # PQ of cells: (49/30) / (2 + 2/2 + 1/2) = 7/15
    assert cells == pytest.approx([3, 4, 2, 2, 1, 2 / 5, 7 / 15, 20 / 27, 10 / 17], rel=1e-15)
    assert blank == [0, 1, 0, 1, 0, 0.0, 0.0, 0.0, 0.0]


def test_an_image_with_nothing_to_find_and_nothing_found_has_metrics_of_one():
    table = evaluate_pairs([("empty", EMPTY, EMPTY)]).to_pandas()
    counted = ["num_truth", "num_predicted", "tp50", "fp50", "fn50", "splits", "merges"]
    assert table[[*counted, "count_error"]].to_numpy().tolist() == [[0] * 8]
    assert table.loc[:, "ap50":"ap_mean"].to_numpy().tolist() == [[1.0] * 13]


@given(arrays(np.int32, (5, 6), elements=st.integers(0, 4)))
def test_a_perfect_prediction_has_metrics_of_one(truth):
    summary = evaluate_pairs([("a", truth, truth)]).summary()
    metrics = [summary[name] for name in FORMULAS if name != "ap"]
    assert [*metrics, *summary["ap"].values()] == [1.0] * 16


@given(st.lists(MAPS, min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_new_numbers_and_a_new_order_change_no_digit(pairs, random):
    ids = random.sample(range(1, 2**31), 4)
    table = np.array([0, *ids, -1])  # position -1 is the ignored pixel
    named = [(str(index), *maps) for index, maps in enumerate(pairs)]
    renamed = [(name, table[truth], table[prediction]) for name, truth, prediction in named]
    random.shuffle(renamed)
    assert evaluate_pairs(renamed).summary() == evaluate_pairs(named).summary()


@given(MAPS)
def test_metrics_lie_between_0_and_1_and_pq_is_sq_times_rq(maps):
    summary = evaluate_pairs([("a", *maps)]).summary()
    aps = list(summary["ap"].values())
    assert all(0 <= summary[name] <= 1 for name in FORMULAS if name != "ap")
    assert aps == sorted(aps, reverse=True)
    assert summary["pq"] == pytest.approx(summary["sq"] * summary["rq"], rel=1e-12)


@given(MAPS)
def test_exchanging_truth_and_prediction_exchanges_precision_and_recall_and_no_other_metric(maps):
    truth, prediction = (np.maximum(ids, 0) for ids in maps)
    forward = evaluate_pairs([("a", truth, prediction)]).summary()
    backward = evaluate_pairs([("a", prediction, truth)]).summary()
    for name in ("dice", "iou", "pixel_accuracy", "ap", "f1", "pq", "sq", "rq", "count_error"):
        assert backward[name] == forward[name]
    exchanged = (("precision", "recall"), ("splits", "merges"), ("num_instances", "num_predicted"))
    for one, other in (*exchanged, ("pixel_precision", "pixel_recall")):
        assert (backward[one], backward[other]) == (forward[other], forward[one])
    assert backward["count_bias"] == -forward["count_bias"]


def test_pairs_are_taken_one_after_another():
    alive = 0

    class Ids(np.ndarray):
        def __del__(self):
            nonlocal alive
            alive -= 1

    def pairs():
        nonlocal alive
        for index in range(5):
            prediction = np.zeros((3, 3), np.int32).view(Ids)
            alive += 1
            yield str(index), np.ones((3, 3), np.int32), prediction
            del prediction
            assert alive <= 1

    assert evaluate_pairs(pairs()).summary()["num_images"] == 5


def test_the_text_has_the_formula_beside_each_metric(evaluation):
    lines = evaluation.as_table().splitlines()
    assert lines[0] == "2 images, 3 instances, 5 predicted"
    values = {name: float(value) for name, value, _ in (line.split(None, 2) for line in lines[1:8])}
    # ap: (7 x 1/3 + 3 x 0) / 10
    expected = {"dice": 0.6897, "iou": 0.5263, "ap50": 0.3333, "ap": 0.2333}
    assert values == expected | {"pq": 0.4083, "sq": 0.8167, "rq": 0.5}
    assert [line.split(None, 2)[2] for line in lines[1:8]] == list(FORMULAS.values())
    columns = {line.index(text) for line, text in zip(lines[1:8], FORMULAS.values(), strict=True)}
    assert len(columns) == 1
    assert re.findall(r"0\.\d\d", lines[-2]) == list(evaluation.summary()["ap"])
    assert re.findall(r"\d\.\d{4}", lines[-1]) == ["0.3333"] * 7 + ["0.0000"] * 3


def test_the_files_hold_the_summary_and_the_table(evaluation, tmp_path):
    folder = tmp_path / "new" / "scores"
    evaluation.write(folder)
    names = ["counts.csv", "per_image.csv", "per_instance.csv", "summary.json"]
    assert sorted(path.name for path in folder.iterdir()) == names
    written = json.loads((folder / "summary.json").read_text("utf-8"))
    assert written == json.loads(json.dumps(evaluation.summary())) | {"class_names": []}
    read = pd.read_csv(folder / "per_image.csv", dtype={"id": str})
    pd.testing.assert_frame_equal(read, evaluation.to_pandas().round(6))


def test_what_is_read_back_has_the_same_metrics_to_six_decimals(evaluation, tmp_path):
    evaluation.write(tmp_path)
    read = Evaluation.read(tmp_path)
    assert read.as_table() == evaluation.as_table()
    assert read.summary()["pq"] == pytest.approx(evaluation.summary()["pq"], abs=1e-6)
    pd.testing.assert_frame_equal(read.counts, evaluation.counts.round(6))
    for name in ("counts.csv", "per_image.csv"):
        assert not re.search(r"\.\d{7}", (tmp_path / name).read_text(encoding="utf-8"))


def test_names_that_look_like_numbers_or_nothing_are_read_back_as_they_were(tmp_path):
    pairs = [Pair(name, ONE, ONE, group=name) for name in ("007", "NA", "1e3", "a,b")]
    evaluate_pairs(pairs).write(tmp_path)
    counts = Evaluation.read(tmp_path).counts
    assert counts["id"].tolist() == counts["group"].tolist() == ["007", "NA", "1e3", "a,b"]


def test_conventions_and_classes_are_read_back(tmp_path):
    conventions = Conventions(thresholds=(0.25, 0.5), empty=math.nan, edge_instances="ignore")
    pairs = [Pair("a", ONE, ONE, [0, 0, 0, 2], [0, 0, 0, 1]), Pair("b", EMPTY, EMPTY, [], [])]
    evaluate_pairs(pairs, conventions=conventions, class_names=("cell", "dust")).write(tmp_path)
    read = Evaluation.read(tmp_path)
    assert repr(read.conventions) == repr(conventions)
    assert read.class_names == ("cell", "dust")
    assert '"empty": null' in (tmp_path / "summary.json").read_text("utf-8")


def test_a_folder_without_an_evaluation_or_with_a_damaged_one_is_refused(evaluation, tmp_path):
    with pytest.raises(InputError, match=r"has no evaluation .*Name a folder that tfseg"):
        Evaluation.read(tmp_path)
    evaluation.write(tmp_path)
    (tmp_path / "summary.json").write_text('{"conventions": ', encoding="utf-8")
    with pytest.raises(InputError, match="damaged evaluation"):
        Evaluation.read(tmp_path)


def test_writing_twice_gives_the_same_bytes(evaluation, tmp_path):
    evaluation.write(tmp_path)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    evaluation.write(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first


def test_a_folder_that_cannot_be_written_is_refused_and_keeps_no_half_file(evaluation, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file cannot be written: .*\. Choose another folder\."):
        evaluation.write(tmp_path / "file")
    (tmp_path / "taken" / "per_image.csv").mkdir(parents=True)
    with pytest.raises(InputError, match="taken cannot be written"):
        evaluation.write(tmp_path / "taken")
    assert not list(tmp_path.rglob("*.partial"))


def test_an_evaluation_cannot_be_changed(evaluation):
    with pytest.raises(dataclasses.FrozenInstanceError):
        evaluation.class_names = ("cell",)


@pytest.mark.parametrize(
    ("truth", "prediction", "message"),
    [
        (TRUTH, PREDICTED[:3], r"same size .*; got \(4, 6\) and \(3, 6\)\."),
        (TRUTH / 2, PREDICTED, r"truth must be an id map .*; got float64"),
        (TRUTH, PREDICTED - 1, r"prediction must have ids from 0 .*; got -1 to 8\."),
    ],
)
def test_maps_that_cannot_be_compared_are_refused_by_the_name_of_their_image(
    truth, prediction, message
):
    with pytest.raises(InputError, match=f"^Image 'second': .*{message}"):
        evaluate_pairs([("first", TRUTH, PREDICTED), ("second", truth, prediction)])


def test_numbers_are_names_too(tmp_path):
    evaluation = evaluate_pairs((index, ONE, ONE) for index in range(2))
    evaluation.write(tmp_path)
    assert Evaluation.read(tmp_path).counts["id"].tolist() == ["0", "1"]
    assert evaluation.summary() == Evaluation.read(tmp_path).summary()


def test_an_image_that_comes_twice_is_refused():
    with pytest.raises(InputError, match="Image 'a' occurs twice"):
        evaluate_pairs([("a", TRUTH, PREDICTED), ("a", TRUTH, PREDICTED)])


def test_images_are_averaged_apart_from_being_summed(evaluation):
    summary, table = evaluation.summary(), evaluation.to_pandas()
    for name in ("dice", "iou", "ap50", "pq", "aji", "seg", "pixel_recall"):
        assert summary["image_mean"][name] == pytest.approx(table[name].mean(), rel=1e-15)
    # AP at 0.50: cells 2/5, blank 0; summed 2 / 6
    assert summary["image_mean"]["ap"]["0.50"] == 0.2
    # as the Data Science Bowl: the mean over the thresholds, then over the images: 7 x 2/5 / 10 / 2
    assert summary["image_mean"]["ap_mean"] == pytest.approx(0.14, rel=1e-15)
    assert (summary["count_error"], summary["count_bias"]) == (1.0, 1.0)


@pytest.mark.parametrize(("empty", "dice"), [(1.0, 5 / 6), (0.0, 1 / 3), (math.nan, 2 / 3)])
def test_the_metric_of_an_image_of_nothing_is_as_chosen_and_nan_is_left_out(empty, dice):
    half = np.array([[0, 4, 0], [0, 0, 0]])  # Dice 2/3 with ONE
    pairs = [("empty", EMPTY, EMPTY), ("half", ONE, half)]
    evaluation = evaluate_pairs(pairs, conventions=Conventions(empty=empty))
    assert evaluation.summary()["image_mean"]["dice"] == pytest.approx(dice, rel=1e-15)
    assert evaluation.summary()["image_mean"]["ap50"] == (1.0 if empty else 0.5)
    assert evaluation.summary()["dice"] == 2 / 3  # there is something to find in the two together


def test_a_set_of_nothing_has_metrics_of_none_where_nothing_is_not_a_number():
    evaluation = evaluate_pairs([("a", EMPTY, EMPTY)], conventions=Conventions(empty=math.nan))
    summary = evaluation.summary()
    assert (summary["dice"], summary["pq"], summary["pixel_accuracy"]) == (None, None, 1.0)
    assert "dice         -  2 |P and T|" in evaluation.as_table()
    json.dumps(summary, allow_nan=False)


def test_no_pairs_are_refused():
    with pytest.raises(InputError, match="no images to evaluate"):
        evaluate_pairs([])
