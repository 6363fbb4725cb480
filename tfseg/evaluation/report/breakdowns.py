"""Counts of the instances of all images by score, size, neighbours, position and class.

The functions take the tables of `outcomes.Outcomes`, concatenated over images.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tfseg.metrics.outcomes import TRUE_KINDS

SIZE_BINS, SCORE_BINS = 6, 10
MOST_NEIGHBOURS = 4  # instances with this number or more share a row
FURTHER = {"split": "split", "in a merge": "in_merge"}  # title and column of `Outcomes.truth`
NONE = "none"  # no partner in the other map


def by_size(truth: pd.DataFrame) -> pd.DataFrame:
    """Counts kinds of true instances by quantiles of the diameter of a disc of equal area."""
    diameter = 2 * np.sqrt(truth["area"] / np.pi)
    edges = np.unique(np.quantile(diameter, np.linspace(0, 1, SIZE_BINS + 1)).round(1))
    if len(edges) < 2:
        edges = np.array([edges[0], edges[0] + 0.1])
    index = np.clip(np.searchsorted(edges, diameter, side="right") - 1, 0, len(edges) - 2)
    names = [f"{low:.1f} to {high:.1f}" for low, high in zip(edges[:-1], edges[1:], strict=True)]
    return _count_kinds(truth, [names[number] for number in index], names)


def by_neighbours(truth: pd.DataFrame) -> pd.DataFrame:
    """Counts kinds of true instances by the number of touching true instances."""
    names = [str(number) for number in range(MOST_NEIGHBOURS)] + [f"{MOST_NEIGHBOURS} or more"]
    index = truth["neighbours"].clip(upper=MOST_NEIGHBOURS)
    return _count_kinds(truth, [names[number] for number in index], names)


def by_position(truth: pd.DataFrame) -> pd.DataFrame:
    """Counts kinds of true instances inside the image and at its edge."""
    names = ["inside", "at the edge"]
    return _count_kinds(truth, [names[int(at_edge)] for at_edge in truth["at_edge"]], names)


def _count_kinds(truth: pd.DataFrame, row_of: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
    """Returns counts with a row for every name that occurs.

    The columns are the kinds, of which each instance has one, and those of FURTHER.
    """
    rows = np.asarray(row_of, object)
    counts = pd.crosstab(rows, truth["kind"].to_numpy()).reindex(
        columns=list(TRUE_KINDS), fill_value=0
    )
    for title, column in FURTHER.items():
        counts[title] = truth[column].groupby(rows).sum().astype(int)
    return counts.reindex([name for name in names if name in counts.index])


def by_score(predicted: pd.DataFrame, num_truth: int) -> pd.DataFrame:
    """Returns `precision` and `recall` if only predictions with at least `score` are kept.

    The matching is not repeated: a prediction is right if it has a partner of any class.
    """
    scored = predicted.dropna(subset="score").sort_values("score", ascending=False, kind="stable")
    right = np.cumsum(_is_right(scored))
    kept = np.arange(1, len(scored) + 1)
    table = pd.DataFrame(
        {
            "score": scored["score"].to_numpy(),
            "precision": right / kept,
            "recall": right / max(1, num_truth),
        }
    )
    return table.drop_duplicates("score", keep="last", ignore_index=True)  # equal scores: one row


def calibration(predicted: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Returns the share of right predictions in bins of scores, and the calibration error.

    Returns:
        A table with `low`, `high`, `count`, `score` (mean) and `right` (share) of each bin with
        predictions, and the expected calibration error, the mean of |right - score|.

    Source:
        Guo et al. 2017, On Calibration of Modern Neural Networks, equations 2, 3 and 5.
    """
    scored = predicted.dropna(subset="score")
    edges = np.arange(SCORE_BINS + 1) / SCORE_BINS
    index = np.clip(np.searchsorted(edges, scored["score"], side="right") - 1, 0, SCORE_BINS - 1)
    table = pd.DataFrame({"score": scored["score"].to_numpy(), "right": _is_right(scored)})
    bins = table.groupby(index)
    table = bins.mean().assign(count=bins.size())
    table = table.assign(low=edges[table.index], high=edges[table.index + 1])
    gap = (table["right"] - table["score"]).abs()
    return table.reset_index(drop=True), float((gap * table["count"]).sum() / max(1, len(scored)))


def _is_right(predicted: pd.DataFrame) -> np.ndarray:
    return predicted["partner"].to_numpy() > 0


def confusion(
    truth: pd.DataFrame, predicted: pd.DataFrame, class_names: Sequence[str]
) -> pd.DataFrame:
    """Counts instances by true class (rows) and class of the partner (columns).

    The last column counts true instances without a partner, the last row predicted ones.

    Args:
        truth: table of `Outcomes`.
        predicted: table of `Outcomes`.
        class_names: of the classes 1, 2, ...
    """
    names = [*class_names, NONE]
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, (truth["class"].to_numpy() - 1, truth["partner_class"].to_numpy() - 1), 1)
    false = predicted.loc[predicted["partner"] == 0, "class"].to_numpy()
    np.add.at(counts, (len(class_names), false - 1), 1)
    return pd.DataFrame(counts, names, names)
