"""How much metrics would vary with other images: bootstrap intervals.

Images are drawn with replacement, as many as there are, and the metrics are computed from the sums
of their counts. If images have groups (patients, slides), complete groups are drawn, because images
of a group resemble each other. An interval lies between two percentiles of the drawn metrics.

Source:
    Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapters 13 (percentile intervals)
    and 8.3 (the units drawn are those that are independent).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from tfseg import calls, checks
from tfseg.checks import InputError
from tfseg.metrics.conventions import Conventions
from tfseg.metrics.formulas import compute_metrics, nested

RESAMPLES = 1000
CONFIDENCE = 0.95


@calls.check
def intervals(
    images: pd.DataFrame,
    conventions: Conventions | None = None,
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> dict[str, object]:
    """Returns [low, high] of every metric over all images; nothing for fewer than 2 units.

    Args:
        images: `Evaluation.images`, the counts of each image; at least two images or groups.
        conventions: of the counts.
        resamples: number of draws.
        confidence: probability of the interval, in (0, 1).
        seed: of the draws.

    Raises:
        InputError: a number is out of range.
    """
    conventions = conventions or Conventions()
    sums = sums_by_unit(images)
    if len(sums) < 2:
        return {}
    drawn = drawn_metrics(sums, draw_units(len(sums), resamples, seed), conventions)
    bounds = percentile_bounds(drawn, confidence)
    values = {name: bounds[name].tolist() for name in bounds}
    return nested(values, conventions.thresholds)


def sums_by_unit(images: pd.DataFrame) -> pd.DataFrame:
    """Returns the summed counts of every group, or of every image where there are no groups."""
    # An image without a group is a separate unit, even if a group has the same name.
    unit = np.where(images["group"] == "", "image/" + images["id"], "group/" + images["group"])
    return images.drop(columns=["id", "group", "class"]).groupby(unit).sum()


def draw_units(num_units: int, resamples: int, seed: int) -> np.ndarray:
    """Returns how often every unit is drawn in each resample, `[resamples, num_units]` int64."""
    checks.integer("resamples", resamples, low=1)
    checks.integer("seed", seed, low=0)
    share = [1 / num_units] * num_units
    return np.random.default_rng(seed).multinomial(num_units, share, size=resamples)


def drawn_metrics(sums: pd.DataFrame, draws: np.ndarray, conventions: Conventions) -> pd.DataFrame:
    """Returns the metrics, one row per resample.

    Args:
        sums: the result of `sums_by_unit`.
        draws: the result of `draw_units`.
        conventions: of the counts.
    """
    drawn = draws @ sums.to_numpy(float)
    counts = dict(zip(sums.columns, drawn.T, strict=True))
    return pd.DataFrame(compute_metrics(counts, conventions))


def percentile_bounds(drawn: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Returns the lower and upper percentile of every column, leaving out undefined values."""
    if not 0 < confidence < 1:
        raise InputError(f"confidence must be a number in (0, 1); got {confidence!r}.")
    tail = (1 - confidence) / 2
    return drawn.quantile([tail, 1 - tail])
