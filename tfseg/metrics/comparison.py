"""Paired differences of two evaluations of the same images."""

from __future__ import annotations

import pandas as pd

from tfseg import calls
from tfseg.checks import InputError, listed
from tfseg.metrics.bootstrap import (
    CONFIDENCE,
    RESAMPLES,
    draw_units,
    drawn_metrics,
    percentile_bounds,
    sums_by_unit,
)
from tfseg.metrics.evaluation import Evaluation


@calls.check
def compare(
    first: Evaluation,
    second: Evaluation,
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> pd.DataFrame:
    """Compares two evaluations of the same images, with the same resamples of both.

    Args:
        first: the baseline.
        second: the evaluation that is compared with the baseline.
        resamples: number of draws.
        confidence: probability of the intervals, in (0, 1).
        seed: of the draws.

    Returns:
        A row for each metric: `metric`, its name; `first`, `second`, `difference` (second - first),
        `low` and `high` of its interval, and `distinct`: the interval does not contain 0.

    Raises:
        InputError: images, truth, groups or conventions differ, there are fewer than two images or
            groups, or a number is out of range.
    """
    _check_comparable(first, second)
    conventions = first.conventions
    sums, other_sums = sums_by_unit(first.images()), sums_by_unit(second.images())
    if len(sums) < 2:
        raise InputError(
            "A comparison needs at least two images, or two groups of them; got one. "
            "Evaluate more images."
        )
    draws = draw_units(len(sums), resamples, seed)
    drawn = drawn_metrics(sums, draws, conventions)
    other_drawn = drawn_metrics(other_sums, draws, conventions)
    low, high = percentile_bounds(other_drawn - drawn, confidence).to_numpy()
    columns = {"first": first.metrics(), "second": second.metrics()}
    table = pd.DataFrame(columns, dtype=float)
    table["difference"] = table["second"] - table["first"]
    table = table.assign(low=low, high=high, distinct=(low > 0) | (high < 0))
    return table.rename_axis("metric").reset_index()


def _check_comparable(first: Evaluation, second: Evaluation) -> None:
    one, other = first.images(), second.images()
    unpaired = sorted(set(one["id"]) ^ set(other["id"]))
    if unpaired:
        raise InputError(
            "Both evaluations must have the same images; only one of them has "
            f"{listed(unpaired)}. Evaluate both on one set."
        )
    if repr(first.conventions) != repr(second.conventions):  # repr, since NaN differs from NaN
        raise InputError(
            "Both evaluations must follow the same conventions; got "
            f"{first.conventions} and {second.conventions}. Evaluate both with the same options."
        )
    keys = ["id", "group", "num_truth", "pixels_truth"]
    truths = [table[keys].sort_values("id", ignore_index=True) for table in (one, other)]
    differing = truths[0].loc[(truths[0] != truths[1]).any(axis=1), "id"].tolist()
    if differing:
        raise InputError(
            "Both evaluations must have the same truth and groups; got differences for "
            f"{listed(differing)}. Evaluate both with the same labels."
        )
