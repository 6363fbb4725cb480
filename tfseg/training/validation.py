"""Validations: metrics of the network with its averaged weights, and the choice of the best one.

Every validation scores the centre crop of the same images, so the metrics of a run are comparable.
They differ from the metrics of `evaluate`, which uses complete images, because crops cut instances.
The best validation, and the number of validations since, follow from the rows of the history alone,
so a resumed run finds the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tfseg import checks
from tfseg.config import LogConfig
from tfseg.metrics import graph
from tfseg.training.history import Row
from tfseg.training.session import Session


def validate(session: Session) -> Row:
    """Returns val_loss, val_ap50, val_pq, val_dice and val_iou of the current weights.

    All but the loss are NaN if the validated crops have no instance.

    Raises:
        InputError: they have none, and the best checkpoint is chosen by such a metric.
    """
    batches = [session.validation_step(batch) for batch in session.validation_input()]
    sums = {name: sum(batch[name] for batch in batches) for name in batches[0]}
    metrics = graph.compute_metrics(sums)
    if not sums["num_truth"]:
        metrics = dict.fromkeys(metrics, math.nan)
        best = session.config.log.best
        if best in metrics:
            raise checks.InputError(
                f"log.best must be loss, because none of the {int(sums['count'])} crops that are "
                f"validated has an instance; got {best}. Or raise data.crop_size or "
                "log.validation_images."
            )
    metrics = {"loss": sums["loss"] / sums["count"], **metrics}
    return {f"val_{name}": float(value) for name, value in metrics.items()}


def interval(log: LogConfig) -> int:
    """Returns the steps between two validations."""
    return log.validate_every or log.checkpoint_every


def scores(rows: Sequence[Row], metric: str) -> list[float]:
    """Returns a score for every validation in `rows`; lower is better.

    Args:
        rows: of the history.
        metric: one of `config.BEST_METRICS`.
    """
    values = [row.get(f"val_{metric}", math.nan) for row in rows if _is_validated(row)]
    signed = values if metric == "loss" else [-value for value in values]
    return [math.inf if math.isnan(value) else value for value in signed]


def is_best(rows: Sequence[Row], metric: str) -> bool:
    """Returns whether the last validation is better than all before it."""
    *before, last = scores(rows, metric)
    return last < min(before, default=math.inf)


def since_best(rows: Sequence[Row], metric: str) -> int:
    """Returns the number of validations after the best one."""
    all_scores = scores(rows, metric)
    return len(all_scores) - 1 - all_scores.index(min(all_scores)) if all_scores else 0


def lowest_loss(rows: Sequence[Row]) -> float:
    """Returns the lowest validation loss; infinite before the first validation."""
    return min(scores(rows, "loss"), default=math.inf)


def _is_validated(row: Row) -> bool:
    # In a table read from a file every row has every column, empty ones as NaN.
    return any(name.startswith("val_") and not math.isnan(row[name]) for name in row)
