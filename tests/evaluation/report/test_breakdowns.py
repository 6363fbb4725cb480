"""Counts by size, neighbours, position, score and class, worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tfseg.evaluation.report import breakdowns


def truth(**columns) -> pd.DataFrame:
    size = len(next(iter(columns.values())))
    flags = dict.fromkeys(("split", "in_merge"), [False] * size)
    return pd.DataFrame({"kind": ["found"] * size} | flags | columns)


def test_sizes_are_diameters_in_bins_of_equally_many():
    diameters = np.arange(1, 13)
    table = breakdowns.by_size(truth(area=np.pi / 4 * diameters**2, kind=["found", "missed"] * 6))
    assert table[["found", "missed"]].sum(axis=1).tolist() == [2] * 6
    assert table["found"].tolist() == table["missed"].tolist() == [1] * 6
    assert table.index[0].startswith("1.0 to ")
    assert table.index[-1].endswith(" to 12.0")


def test_instances_of_one_size_are_one_row():
    table = breakdowns.by_size(truth(area=[9, 9, 9]))
    assert table["found"].tolist() == [3]


def test_many_neighbours_are_one_row_and_rows_without_instances_are_left_out():
    table = breakdowns.by_neighbours(
        truth(
            neighbours=[0, 2, 4, 9],
            kind=["found", "found", "missed", "wrong class"],
            split=[False, True, True, False],
            in_merge=[False, False, True, True],
        )
    )
    assert table.index.tolist() == ["0", "2", "4 or more"]
    assert table.columns.tolist() == ["found", "wrong class", "missed", "split", "in a merge"]
    assert table.to_numpy().tolist() == [[1, 0, 0, 0, 0], [1, 0, 0, 1, 0], [0, 1, 1, 1, 2]]


def test_inside_and_at_the_edge():
    table = breakdowns.by_position(
        truth(at_edge=[True, False, False], kind=["missed", "found", "found"])
    )
    assert table.loc["inside", "found"] == 2
    assert table.loc["at the edge", "missed"] == 1


def predictions(scores, right) -> pd.DataFrame:
    return pd.DataFrame({"score": scores, "partner": np.where(right, 5, 0)})


def test_precision_and_recall_of_what_has_at_least_a_score():
    table = breakdowns.by_score(predictions([0.2, 0.9, 0.5, 0.5], [True, True, False, True]), 5)
    assert table["score"].tolist() == [0.9, 0.5, 0.2]  # both of 0.5 go together
    assert table["precision"].tolist() == pytest.approx([1, 2 / 3, 3 / 4])
    assert table["recall"].tolist() == pytest.approx([1 / 5, 2 / 5, 3 / 5])


def test_without_scores_there_is_no_curve():
    assert breakdowns.by_score(predictions([np.nan], [True]), 1).empty
    table, error = breakdowns.calibration(predictions([np.nan], [True]))
    assert (len(table), error) == (0, 0.0)


def test_calibration_is_the_gap_between_score_and_share_right():
    # bin 0.2 to 0.3: mean 0.25, half right; bin 0.9 to 1: 1.0, all right
    table, error = breakdowns.calibration(
        predictions([0.24, 0.26, 1.0, 1.0], [True, False, True, True])
    )
    assert table["low"].tolist() == [0.2, 0.9]
    assert table["count"].tolist() == [2, 2]
    assert table["right"].tolist() == [0.5, 1.0]
    assert error == pytest.approx(0.25 * 2 / 4)


def test_a_score_at_an_edge_belongs_to_the_bin_above():
    for edge in range(10):
        table, _ = breakdowns.calibration(predictions([edge / 10], [True]))
        assert table["low"].tolist() == [edge / 10]


def test_confusion_has_classes_missed_and_false():
    true = pd.DataFrame({"class": [1, 1, 2, 2], "partner_class": [1, 2, 2, 0]})
    predicted = pd.DataFrame({"class": [1, 2, 2, 1], "partner": [7, 8, 9, 0]})
    table = breakdowns.confusion(true, predicted, ["cat", "dog"])
    assert table.to_numpy().tolist() == [[1, 1, 0], [0, 1, 1], [1, 0, 0]]
    assert table.index.tolist() == ["cat", "dog", "none"]
