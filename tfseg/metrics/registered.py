"""Registered metrics. They are computed from counts that add up over images, as those of tfseg."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from tfseg.checks import InputError
from tfseg.config import registry
from tfseg.metrics.matching import Overlaps


class Metric(abc.ABC):
    """A metric of a set of images; `register` puts it into every evaluation by its name.

    Attributes:
        formula: its definition, a line for tables and summary.json.
        counts: names of the numbers that `count` returns.
    """

    formula: ClassVar[str]
    counts: ClassVar[tuple[str, ...]]

    @abc.abstractmethod
    def count(
        self, truth: np.ndarray, prediction: np.ndarray, table: Overlaps
    ) -> Mapping[str, float]:
        """Counts one image: a finite number for each of `counts`, which are added up over images.

        Args:
            truth: `[H, W]` ids, 0 = background, -1 = ignored.
            prediction: `[H, W]` ids, 0 = background.
            table: the overlaps of those instances that count; with classes, those of one class.
        """

    @abc.abstractmethod
    def compute(self, counts: Mapping[str, np.ndarray]) -> np.ndarray:
        """Computes the metric from sums over images.

        Args:
            counts: those of `count` and those of tfseg, such as num_truth (see `metrics.counts`):
                float arrays of one shape, an entry for each image, class or resample.

        Returns:
            The metric, of the same shape; where it is not finite, as after a division by 0, it is
            not defined. Without true and predicted instances it is `Conventions.empty`.
        """


METRICS: dict[str, Metric] = {}


def counts_of(truth: np.ndarray, prediction: np.ndarray, table: Overlaps) -> dict[str, float]:
    """Returns the counts of all registered metrics, by names such as "Metric.count".

    Raises:
        InputError: a metric returns other counts than it declares, or no finite numbers.
    """
    row: dict[str, float] = {}
    for name, metric in METRICS.items():
        counted = metric.count(truth, prediction, table)
        if set(counted) != set(metric.counts) or not np.isfinite(list(counted.values())).all():
            raise InputError(
                f"{name}.count must return finite numbers called {', '.join(metric.counts)}; got "
                f"{dict(counted)!r}."
            )
        row |= {f"{name}.{key}": counted[key] for key in metric.counts}
    return row


def metrics_of(counts: Mapping[str, np.ndarray], empty: float) -> dict[str, np.ndarray]:
    """Returns the registered metrics whose counts are there, by name.

    Args:
        counts: by name, as in `formulas.compute_metrics`.
        empty: value without true and predicted instances.

    Raises:
        InputError: a metric has another shape than its counts.
    """
    if not METRICS:
        return {}
    instances = np.asarray(counts["num_truth"] + counts["num_predicted"])
    numbers = {
        name: column.astype(float) for name, column in counts.items() if column.dtype.kind in "iuf"
    }
    values = {}
    for name, metric in METRICS.items():
        columns = {key: f"{name}.{key}" for key in metric.counts}
        if not numbers.keys() >= set(columns.values()):
            continue  # of an evaluation that was made without this metric
        named = {key: numbers[column] for key, column in columns.items()}
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.asarray(metric.compute(numbers | named), float)
        if value.shape != instances.shape:
            raise InputError(
                f"{name}.compute must return an array of shape {instances.shape}, that of its "
                f"counts; got {value.shape}."
            )
        defined = np.where(np.isfinite(value), value, np.nan)
        values[name] = np.where(instances == 0, empty, defined)
    return values


def formulas() -> dict[str, str]:
    """Returns the formulas of the registered metrics by name."""
    return {name: metric.formula for name, metric in METRICS.items()}


def plugins() -> dict[str, list[str]]:
    """Returns the registered metrics by the plugins that registered them."""
    return registry.plugins_of(("metric", name) for name in METRICS)


def check(kind: type[Metric]) -> None:
    """Checks what a registered metric must have beside its methods.

    Raises:
        InputError: something is missing.
    """
    name, formula = kind.__name__, getattr(kind, "formula", None)
    if not isinstance(formula, str):
        raise InputError(f"The metric {name} must define formula, a line of text. Add it.")
    counts: Any = getattr(kind, "counts", None)
    if not (isinstance(counts, tuple) and all(isinstance(key, str) for key in counts)):
        raise InputError(
            f"The metric {name} must define counts, the names of what count returns, such as "
            f"('area',); got {counts!r}."
        )
    registry.check_call("metric", kind)
