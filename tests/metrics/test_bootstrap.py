"""Intervals and paired differences."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.checks import InputError
from tfseg.metrics import Conventions, Evaluation, Pair, compare, evaluate_pairs, intervals

ONE = np.array([[0, 1, 1, 0]])
NONE = np.zeros((1, 4), np.int32)


def evaluated(*right: bool, groups: tuple[str, ...] = ()) -> Evaluation:
    """Returns an evaluation with an image per flag: its one instance is found, or nothing is."""
    groups = groups or ("",) * len(right)
    return evaluate_pairs(
        Pair(str(index), ONE, ONE if hit else NONE, group=group)
        for index, (hit, group) in enumerate(zip(right, groups, strict=True))
    )


def intervals_of(evaluation: Evaluation, **settings) -> dict:
    return intervals(evaluation.images(), **settings)


def test_the_interval_of_a_share_is_that_of_the_binomial_distribution():
    # 8 of 20 found. The recall of a resample is a binomial share: its 2.5 % and 97.5 % quantiles
    # are 4 / 20 and 12 / 20 (scipy.stats.binom(20, 0.4).ppf)
    evaluation = evaluated(*[True] * 8, *[False] * 12)
    low, high = intervals_of(evaluation, resamples=20_000)["recall"]["0.50"]
    assert (low, high) == (0.2, 0.6)
    # its 20 % and 80 % quantiles are 6 and 10
    assert intervals_of(evaluation, resamples=20_000, confidence=0.6)["recall"]["0.50"] == [
        0.3,
        0.5,
    ]


def test_every_resample_is_made_of_sums_and_not_of_means():
    small, large = np.ones((1, 2), int), np.ones((1, 20), int)
    pairs = [("small", small, small), ("large", large, np.where(np.arange(20) < 10, large, 0))]
    bounds = intervals_of(evaluate_pairs(pairs))
    # twice the large one, or twice the small one
    assert bounds["iou"] == [0.5, 1.0]
    drawn_half = (2 + 10) / 22
    assert intervals_of(evaluate_pairs(pairs), confidence=0.01)["iou"] == [
        drawn_half,
        drawn_half,
    ]


def test_images_of_a_group_are_drawn_together():
    right = [True] * 10 + [False] * 10
    alone = intervals_of(evaluated(*right))["recall"]["0.50"]
    pairs = intervals_of(evaluated(*right, groups=tuple("aaaaaaaaaabbbbbbbbbb")))["recall"]["0.50"]
    assert 0.2 < alone[0] < alone[1] < 0.8
    assert pairs == [0.0, 1.0]  # two groups: both a, or both b, come up in a quarter each


def test_an_image_without_a_group_is_a_unit_even_where_a_group_has_its_name():
    together = intervals_of(evaluated(True, False, groups=("0", "0")))
    apart = intervals_of(evaluated(True, False, groups=("", "0")))
    assert together == {}
    assert apart["recall"]["0.50"] == [0.0, 1.0]


def test_the_seed_alone_decides():
    evaluation = evaluated(*[True, False] * 7)
    assert intervals_of(evaluation, seed=1) == intervals_of(evaluation, seed=1)
    draws = [intervals_of(evaluation, seed=seed, resamples=50)["f1"]["0.50"] for seed in range(5)]
    assert len({tuple(bounds) for bounds in draws}) > 1


def test_the_order_of_the_images_changes_no_interval():
    pairs = [Pair(str(index), ONE, ONE if index % 3 else NONE) for index in range(9)]
    assert intervals_of(evaluate_pairs(pairs)) == intervals(evaluate_pairs(pairs[::-1]).images())


def test_a_single_image_has_no_interval():
    assert intervals_of(evaluated(True)) == {}
    assert evaluated(True).summary()["intervals"] == {}


def test_the_summary_has_the_intervals_and_each_contains_its_metric():
    summary = evaluated(True, True, False, True).summary()
    for name in ("dice", "iou", "pq", "rq", "aji", "seg", "ap50", "ap_mean"):
        low, high = summary["intervals"][name]
        assert low <= summary[name] <= high
    assert summary["intervals"]["ap"]["0.50"] == summary["intervals"]["ap50"]


def test_differences_are_paired():
    # B finds what A finds and 4 images more of 20: the difference is a binomial share of 4 / 20
    first = evaluated(*[True] * 8, *[False] * 12)
    second = evaluated(*[True] * 12, *[False] * 8)
    table = compare(first, second, resamples=20_000).set_index("metric")
    row = table.loc["recall_0.50"]
    assert (row["first"], row["second"]) == (0.4, 0.6)
    assert row["difference"] == pytest.approx(0.2)
    # scipy.stats.binom(20, 0.2).ppf([0.025, 0.975]) = 1, 8; unpaired it would reach below 0
    assert (row["low"], row["high"]) == (pytest.approx(0.05), pytest.approx(0.4))
    assert row["distinct"]


def test_an_evaluation_does_not_differ_from_itself():
    evaluation = evaluated(True, False, True)
    table = compare(evaluation, evaluation).set_index("metric")
    assert (table[["difference", "low", "high"]].dropna() == 0).all(axis=None)
    assert not table["distinct"].any()


def test_exchanging_the_two_changes_the_signs():
    first, second = evaluated(True, False, True, False), evaluated(True, True, False, True)
    forward, back = compare(first, second), compare(second, first)
    assert forward["difference"].tolist() == (-back["difference"]).tolist()
    np.testing.assert_allclose(forward["low"], -back["high"], atol=1e-15)


def test_images_may_come_in_another_order():
    pairs = [Pair(str(index), ONE, ONE if index % 3 else NONE) for index in range(9)]
    other = [pair._replace(prediction=ONE) for pair in pairs]
    forward = compare(evaluate_pairs(pairs), evaluate_pairs(other))
    assert compare(evaluate_pairs(pairs), evaluate_pairs(other[::-1])).equals(forward)


def evaluation_of(*pairs: tuple, **conventions) -> Evaluation:
    return evaluate_pairs(pairs, conventions=Conventions(**conventions))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (evaluation_of(("a", ONE, ONE), ("c", ONE, ONE)), "only one of them has b, c"),
        (
            evaluation_of(("a", ONE, ONE), ("b", NONE, ONE)),
            "same truth and groups; got differences for b",
        ),
        (
            evaluation_of(("a", ONE, ONE), Pair("b", ONE, ONE, group="x")),
            "same truth and groups; got differences for b",
        ),
        (
            evaluation_of(("a", ONE, ONE), ("b", ONE, ONE), edge_instances="ignore"),
            "follow the same conventions",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(other, message):
    with pytest.raises(InputError, match=message):
        compare(evaluation_of(("a", ONE, ONE), ("b", ONE, ONE)), other)


def test_a_single_image_cannot_be_compared_and_impossible_numbers_are_refused():
    with pytest.raises(InputError, match="at least two images"):
        compare(evaluated(True), evaluated(True))
    with pytest.raises(InputError, match=r"confidence must be a number in \(0, 1\); got 95"):
        intervals_of(evaluated(True, False), confidence=95)
    with pytest.raises(InputError, match="resamples must be a whole number"):
        intervals_of(evaluated(True, False), resamples=0)
