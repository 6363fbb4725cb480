"""The tables of an evaluation: a row per image, per instance or per class."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfseg.checks import InputError
from tfseg.metrics import Evaluation, Pair, evaluate_pairs

TRUTH = np.array([[1, 1, 1, 0, 2, 2, 0, 4, 4]])
PREDICTED = np.array([[3, 3, 0, 0, 1, 1, 0, 0, 0]])
EMPTY = np.zeros((1, 2), np.int32)


@pytest.fixture
def evaluation() -> Evaluation:
    """Three images, the second one empty, the third with a false prediction.

    007: 1 (cell) with 3 (cell): IoU 2 / 3; 2 (dust) with 1 (cell): IoU 1; 4 (cell) alone.
    """
    classes = np.array([1, 2, 0, 1]), np.array([1, 0, 1])
    pairs = [
        Pair("007", TRUTH, PREDICTED, *classes, scores=np.array([0.5, 0, 0.75])),
        Pair("NA", EMPTY, EMPTY, [], [], []),
        Pair("c", EMPTY, EMPTY + 1, [], [2], [0.25]),
    ]
    return evaluate_pairs(pairs, class_names=("cell", "dust"))


def test_every_true_instance_and_every_false_prediction_has_a_row(evaluation):
    table = evaluation.to_pandas("instance")
    assert table.columns.tolist() == [
        *("image", "kind", "true_id", "predicted_id", "iou", "true_area", "predicted_area"),
        *("true_class", "predicted_class", "score", "split", "merged"),
    ]
    assert table.drop(columns=["split", "merged"]).astype(object).to_numpy().tolist() == [
        ["007", "found", 1, 3, 2 / 3, 3, 2, "cell", "cell", 0.75],
        ["007", "wrong class", 2, 1, 1.0, 2, 2, "dust", "cell", 0.5],
        ["007", "missed", 4, 0, 0.0, 2, 0, "cell", "", pytest.approx(np.nan, nan_ok=True)],
        ["c", "false", 0, 1, 0.0, 0, 2, "", "dust", 0.25],
    ]
    assert not table[["split", "merged"]].any(axis=None)


def test_all_instances_and_every_class_have_a_row(evaluation):
    table = evaluation.to_pandas("class")
    assert table["class"].tolist() == ["", "cell", "dust"]
    assert table.loc[:, "num_truth":"fn50"].to_numpy().tolist() == [
        [3, 3, 2, 1, 1],
        [2, 2, 1, 1, 1],  # 1 is cell; 4 is missed; the predicted 1 is no cell
        [1, 1, 0, 1, 1],
    ]
    summary = evaluation.summary()
    assert table["pq"].tolist() == [
        summary["pq"],
        *(summary["classes"][name]["pq"] for name in ("cell", "dust")),
    ]


def test_the_tables_are_those_of_the_files(evaluation, tmp_path):
    evaluation.write(tmp_path)
    read = Evaluation.read(tmp_path)
    for by in ("image", "instance", "class"):
        pd.testing.assert_frame_equal(
            read.to_pandas(by).round(5), evaluation.to_pandas(by).round(5)
        )
    written = pd.read_csv(tmp_path / "per_instance.csv")
    assert written["iou"].tolist() == [0.666667, 1.0, 0.0, 0.0]


def test_a_change_of_a_table_does_not_change_the_evaluation(evaluation):
    for by in ("image", "instance", "class"):
        before = evaluation.to_pandas(by)
        changed = evaluation.to_pandas(by)
        changed.iloc[:, 1] = 0 if by != "instance" else "missed"
        pd.testing.assert_frame_equal(evaluation.to_pandas(by), before)


MAPS = st.tuples(
    arrays(np.int32, (4, 6), elements=st.integers(-1, 4)),
    arrays(np.int32, (4, 6), elements=st.integers(0, 4)),
)


@settings(max_examples=25)
@given(st.lists(MAPS, min_size=1, max_size=3))
def test_the_rows_of_instances_add_up_to_the_rows_of_images(maps):
    evaluation = evaluate_pairs([(str(index), *pair) for index, pair in enumerate(maps)])
    images, instances = evaluation.to_pandas(), evaluation.to_pandas("instance")
    kinds = pd.crosstab(instances["image"], instances["kind"])
    for kind, column in {"found": "tp50", "missed": "fn50", "false": "fp50"}.items():
        counted = kinds[kind] if kind in kinds else pd.Series(dtype=int)
        assert counted.reindex(images["id"], fill_value=0).tolist() == images[column].tolist()
    for flag, column in {"split": "splits", "merged": "merges"}.items():
        counted = instances.groupby("image")[flag].sum().reindex(images["id"], fill_value=0)
        assert counted.tolist() == images[column].tolist()
    partners = instances[instances["kind"] == "found"]
    assert (partners["iou"] >= 0.5).all()


def test_another_kind_of_row_is_refused(evaluation):
    with pytest.raises(InputError, match="by must be one of class, image, instance; got 'pixel'"):
        evaluation.to_pandas("pixel")


def test_a_prediction_without_a_score_among_scores_is_refused():
    with pytest.raises(InputError, match="'a': scores must have one of .* id 3 and 2 scores"):
        evaluate_pairs([Pair("a", TRUTH, PREDICTED, scores=np.array([0.5, 0.5]))])
