"""How much the figures would vary with other images: bootstrap intervals, and paired differences.

Images are drawn with replacement, as many as there are, and the figures made of the sums of their
counts; where images have groups (patients, slides), whole groups are drawn, since images of one
group are alike. An interval is made of the percentiles of the drawn figures.

Source:
    Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapters 13 (percentile intervals)
    and 8.3 (the units drawn are those that are independent).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tfseg import checks
from tfseg.checks import InputError, listed
from tfseg.metrics.counts import totals
from tfseg.metrics.formulas import nested

if TYPE_CHECKING:
    from tfseg.metrics.evaluation import Evaluation

RESAMPLES = 1000
CONFIDENCE = 0.95


def intervals(
    evaluation: Evaluation,
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> dict[str, object]:
    """Returns [low, high] of every figure of all images together; nothing for fewer than 2 units.

    Args:
        evaluation: of at least two images, or two groups of images.
        resamples: drawn.
        confidence: that the interval is to have, in (0, 1).
        seed: of the draws.

    Raises:
        InputError: a number is out of range.
    """
    sums = _sums_by_unit(evaluation)
    if len(sums) < 2:
        return {}
    drawn = _drawn_figures(evaluation, sums, _draws(len(sums), resamples, seed))
    bounds = _bounds(drawn, confidence)
    values = {name: bounds[name].tolist() for name in bounds}
    return nested(values, evaluation.conventions.thresholds)


def compare(
    first: Evaluation,
    second: Evaluation,
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> pd.DataFrame:
    """Compares two evaluations of the same images: both are drawn alike, so that they are paired.

    Args:
        first: what is compared with.
        second: what is compared.
        resamples: drawn.
        confidence: of the intervals, in (0, 1).
        seed: of the draws.

    Returns:
        A row a figure: `figure`, `first`, `second`, `difference` (second - first), `low` and `high`
        of its interval, and `distinct`: the interval has no 0 in it.

    Raises:
        InputError: they are not of the same images, truth, groups and conventions, or of fewer
            than two images or groups, or a number is out of range.
    """
    _check_pair(first, second)
    sums = _sums_by_unit(first), _sums_by_unit(second)
    if len(sums[0]) < 2:
        raise InputError(
            "A comparison needs at least two images, or two groups of them; got one. "
            "Evaluate more images."
        )
    draws = _draws(len(sums[0]), resamples, seed)
    one, other = (
        _drawn_figures(evaluation, own, draws)
        for evaluation, own in zip((first, second), sums, strict=True)
    )
    values = [each.figures(totals(each.images())) for each in (first, second)]
    bounds = _bounds(other - one, confidence)
    low, high = bounds.to_numpy()
    table = pd.DataFrame({"first": values[0], "second": values[1]}, dtype=float)
    table["difference"] = table["second"] - table["first"]
    table = table.assign(low=low, high=high, distinct=(low > 0) | (high < 0))
    return table.rename_axis("figure").reset_index()


def _check_pair(first: Evaluation, second: Evaluation) -> None:
    one, other = first.images(), second.images()
    alone = sorted(set(one["id"]) ^ set(other["id"]))
    if alone:
        raise InputError(
            "Both evaluations must be of the same images; only one of them has "
            f"{listed(alone)}. Evaluate both on one set."
        )
    if repr(first.conventions) != repr(second.conventions):  # repr, since NaN is not NaN
        raise InputError(
            "Both evaluations must follow the same conventions; got "
            f"{first.conventions} and {second.conventions}. Evaluate both alike."
        )
    keys = ["id", "group", "num_truth", "pixels_truth"]
    truths = [table[keys].sort_values("id", ignore_index=True) for table in (one, other)]
    differing = truths[0].loc[(truths[0] != truths[1]).any(axis=1), "id"].tolist()
    if differing:
        raise InputError(
            "Both evaluations must have the same truth and groups; those of "
            f"{listed(differing)} differ. Evaluate both with the same labels."
        )


def _sums_by_unit(evaluation: Evaluation) -> pd.DataFrame:
    """Returns the summed counts of every group, or of every image where there are no groups."""
    images = evaluation.images()
    # An image without a group stands for itself, and not for a group of its name.
    unit = np.where(images["group"] == "", "image/" + images["id"], "group/" + images["group"])
    return images.drop(columns=["id", "group", "class"]).groupby(unit).sum()


def _draws(units: int, resamples: int, seed: int) -> np.ndarray:
    """Returns how often every unit is drawn in each resample, `[resamples, units]` int64."""
    checks.integer("resamples", resamples, low=1)
    checks.integer("seed", seed, low=0)
    return np.random.default_rng(seed).multinomial(units, [1 / units] * units, size=resamples)


def _drawn_figures(evaluation: Evaluation, sums: pd.DataFrame, draws: np.ndarray) -> pd.DataFrame:
    drawn = draws @ sums.to_numpy(float)
    return pd.DataFrame(evaluation.figures(dict(zip(sums.columns, drawn.T, strict=True))))


def _bounds(drawn: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Returns the two percentiles of every column; those that are not defined are left out."""
    if not 0 < confidence < 1:
        raise InputError(f"confidence must be a number in (0, 1); got {confidence!r}.")
    tail = (1 - confidence) / 2
    return drawn.quantile([tail, 1 - tail])
