"""Outcomes of instances, on maps small enough to write down."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tfseg.checks import InputError
from tfseg.evaluation.report.outcomes import count_kinds, outcomes
from tfseg.metrics import Conventions, Pair, evaluate_pairs


def rows(*strings: str) -> np.ndarray:
    """A map of one-digit ids; "." is 0 and "i" is -1."""
    numbers = {".": 0, "i": -1}
    return np.array(
        [[numbers.get(sign) if sign in ".i" else int(sign) for sign in s] for s in strings]
    )


def kinds(table) -> dict[int, str]:
    return dict(zip(table["id"], table["kind"], strict=True))


def outcomes_of(truth, prediction, **conventions):
    tables = outcomes(Pair("a", truth, prediction), Conventions(**conventions))
    return kinds(tables.truth), kinds(tables.predicted)


def test_found_missed_and_false():
    truth, predicted = outcomes_of(rows("1111..22"), rows("333.4..."))
    assert truth == {1: "found", 2: "missed"}  # IoU 3 / 4
    assert predicted == {3: "found", 4: "false"}


def flagged(truth, prediction) -> tuple[list[int], list[int], list[int]]:
    """Returns the ids of split true instances, of those in a merge, and of merged predictions."""
    tables = outcomes(Pair("a", truth, prediction), Conventions())
    ids, merged = tables.truth["id"], tables.predicted["id"][tables.predicted["merged"]]
    return (
        ids[tables.truth["split"]].tolist(),
        ids[tables.truth["in_merge"]].tolist(),
        merged.tolist(),
    )


def test_a_true_instance_in_two_parts_is_split_and_missed():
    maps = rows("11111111"), rows("222..333")  # IoU 3 / 8 each
    assert flagged(*maps) == ([1], [], [])
    assert outcomes_of(*maps) == ({1: "missed"}, {2: "false", 3: "false"})


def test_a_split_of_which_one_part_is_large_enough_is_found_too():
    maps = rows("1111111111"), rows("2222222333")  # IoU 0.7 and 0.3
    assert flagged(*maps) == ([1], [], [])
    assert outcomes_of(*maps) == ({1: "found"}, {2: "found", 3: "false"})


def test_two_true_instances_under_one_prediction_are_one_merge():
    maps = rows("111..222"), rows("33333333")  # IoU 3 / 8 each
    assert flagged(*maps) == ([], [1, 2], [3])
    assert outcomes_of(*maps) == ({1: "missed", 2: "missed"}, {3: "false"})


def test_an_instance_may_be_split_and_in_a_merge():
    # 1 has IoU 2 / 5 with 4 and 3 / 12 with 5, which has 4 / 10 with 2
    assert flagged(rows("111112222..."), rows("445555555555")) == ([1], [1, 2], [5])


def test_the_kinds_are_counted_on_one_side_each():
    # 1 and 2 are found, 3 is missed, 4 split; 7 is false, 8 and 9 are parts of 4
    truth, prediction = rows("1122.33.444444"), rows("1122....888999")
    prediction[0, 4] = 7
    assert count_kinds(outcomes(Pair("a", truth, prediction), Conventions())) == {
        "found": 3,  # 8 has IoU 1 / 2 with 4
        "wrong class": 0,
        "missed": 1,
        "false": 2,
        "split": 1,
        "merged": 0,
    }


def test_a_partner_of_another_class_is_the_wrong_class():
    pair = Pair("a", rows("11.22"), rows("33.44"), np.array([1, 2]), np.array([9, 9, 1, 1]))
    tables = outcomes(pair, Conventions())
    assert kinds(tables.truth) == {1: "found", 2: "wrong class"}
    assert kinds(tables.predicted) == {3: "found", 4: "wrong class"}
    assert tables.truth["partner_class"].tolist() == [1, 1]
    assert tables.truth["partner"].tolist() == [3, 4]


def test_area_box_neighbours_edge_iou_and_score():
    truth = rows("......", ".11...", ".112..", "....3.", "......")
    prediction = rows("......", ".77...", ".7....", "......", "......")
    pair = Pair("a", truth, prediction, scores=np.array([0, 0, 0, 0, 0, 0, 0.25]))
    tables = outcomes(pair, Conventions())
    one = tables.truth.set_index("id").loc[1]
    assert (one["area"], one["top"], one["left"], one["bottom"], one["right"]) == (4, 1, 1, 3, 3)
    assert one["iou"] == 0.75
    # 2 touches 1 by a side and 3 by a corner
    assert tables.truth.set_index("id")["neighbours"].to_dict() == {1: 1, 2: 2, 3: 1}
    assert not tables.truth["at_edge"].any()
    assert tables.predicted["score"].tolist() == [0.25]
    cut = outcomes(Pair("a", truth[1:], prediction[1:]), Conventions())
    assert cut.truth["at_edge"].tolist() == [True, False, False]


def test_the_iou_is_the_largest_of_all_overlaps():
    tables = outcomes(Pair("a", rows("11111111"), rows("22333.44")), Conventions())
    assert tables.truth["iou"].tolist() == [3 / 8]
    assert tables.predicted["iou"].tolist() == [2 / 8, 3 / 8, 2 / 8]


def test_ids_far_apart_take_no_memory():
    truth = np.where(rows("11.22") == 2, 2**31 - 1, rows("11.22"))
    assert outcomes_of(truth, truth)[0] == {1: "found", 2**31 - 1: "found"}


def test_ignored_instances_have_no_row():
    assert outcomes_of(rows("ii.11"), rows("22.33")) == ({1: "found"}, {3: "found"})
    truth, prediction = rows("11....", "...22.", "......"), rows("3.....", "...44.", "......")
    assert outcomes_of(truth, prediction, edge_instances="ignore") == ({2: "found"}, {4: "found"})


def test_empty_maps_have_empty_tables_with_all_columns():
    empty = np.zeros((3, 4), np.int32)
    tables = outcomes(Pair("a", empty, empty), Conventions())
    assert len(tables.truth) == len(tables.predicted) == 0
    assert {"neighbours", "at_edge", "partner_class", "kind", "top"} <= set(tables.truth)
    assert {"score", "kind", "top"} <= set(tables.predicted)


def test_maps_of_two_sizes_are_refused():
    with pytest.raises(InputError, match="the same size"):
        outcomes(Pair("a", rows("11"), rows("111")), Conventions())


MAPS = arrays.arrays(np.int32, (5, 8), elements=st.integers(0, 5))


@settings(max_examples=60)
@given(MAPS, MAPS)
def test_the_kinds_are_the_metrics(truth, prediction):
    row = evaluate_pairs([("a", truth, prediction)]).to_pandas().iloc[0]
    kinds = count_kinds(outcomes(Pair("a", truth, prediction), Conventions()))
    names = {"found": "tp50", "missed": "fn50", "false": "fp50"}
    names |= {"split": "splits", "merged": "merges"}
    assert {kind: kinds[kind] for kind in names} == {
        kind: row[name] for kind, name in names.items()
    }
