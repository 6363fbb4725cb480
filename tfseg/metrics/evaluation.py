"""The metrics of a set of images, as numbers, as text and in files."""

from __future__ import annotations

import dataclasses
import json
import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfseg import atomic, calls, checks, notebook
from tfseg.checks import InputError
from tfseg.config import registry
from tfseg.metrics import bootstrap, classes, registered
from tfseg.metrics.conventions import Conventions
from tfseg.metrics.counts import threshold_name, totals
from tfseg.metrics.formulas import FORMULAS, FURTHER_FORMULAS, compute_metrics, nested

SUMMARY, COUNTS = "summary.json", "counts.csv"
PER_IMAGE, PER_INSTANCE = "per_image.csv", "per_instance.csv"
FILES = (SUMMARY, COUNTS, PER_IMAGE, PER_INSTANCE)
LOST = ("cut_predictions", "hidden_predictions")  # where predictions were given as masks
DECIMALS = 6  # in the tables: a pixel is a smaller share of hardly any instance or image
_TEXT = ("id", "group", "class", "image", "true_class", "predicted_class")  # columns of names
ALL_CLASSES = ""  # in the column `class`: instances of every class together, ignoring their class


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation(metaclass=calls.Public):
    """The metrics of a set of images, each image counted once.

    Attributes:
        counts: a row for each image, in input order, and one for each of its classes: `id`,
            `group`, `class` ("" = all together), and the counts of the module `counts`.
        instances: a row per true instance, and per predicted one without a partner, as
            `to_pandas("instance")` returns them.
        conventions: with which the images were counted.
        class_names: of the classes 1, 2, ...; empty without classes.
        coco: COCO's metrics, where the conventions ask for them.

    Examples:
        >>> label = np.array([[1, 1, 0, 2]])
        >>> evaluation = tfseg.evaluate_pairs([("first", label, label)])
        >>> float(evaluation.metrics()["pq"])
        1.0
    """

    counts: pd.DataFrame
    instances: pd.DataFrame
    conventions: Conventions = Conventions()
    class_names: tuple[str, ...] = ()
    coco: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def metrics(self, counts: Mapping[str, Any] | None = None) -> dict[str, np.ndarray]:
        """Returns metrics by name: numbers, or columns with a value per row of `counts`.

        Args:
            counts: such as `images` returns, or sums of them; by default those of all images.
        """
        counts = totals(self.images()) if counts is None else counts
        return compute_metrics(counts, self.conventions)

    def images(self, name: str = ALL_CLASSES) -> pd.DataFrame:
        """Returns the counts of each image, of all instances or of those of one class."""
        return self.counts[self.counts["class"] == name].reset_index(drop=True)

    def summary(self) -> dict[str, Any]:
        """Returns the metrics as plain numbers; None where a metric is not defined.

        Those at the top are of all images together, from summed counts; `image_mean` has the means
        over images. With classes there are `classes` and `class_mean`. FORMULAS and
        FURTHER_FORMULAS define each metric.
        """
        images, thresholds = self.images(), self.conventions.thresholds
        sums = totals(images)
        bias = (images["num_predicted"] - images["num_truth"]).mean()
        summary = nested(self.metrics(sums), thresholds) | {
            "splits": sums["splits"],
            "merges": sums["merges"],
            "count_error": sums["count_error"] / len(images),
            "count_bias": bias,
            "num_images": len(images),
            "num_instances": sums["num_truth"],
            "num_predicted": sums["num_predicted"],
            "image_mean": nested(self._image_means(images), thresholds),
            "intervals": bootstrap.intervals(images, self.conventions),
            "conventions": dataclasses.asdict(self.conventions),
        }
        for name in LOST:
            if name in images:
                summary[name] = sums[name]
        if self.class_names:
            tables = {name: self.images(name) for name in self.class_names}
            summary |= classes.summary(tables, self.conventions)
        if self.coco:
            summary["coco"] = self.coco
        texts = FORMULAS | FURTHER_FORMULAS | registered.formulas()
        summary["formulas"] = {name: text for name, text in texts.items() if name in summary}
        return _plain(summary)

    def _image_means(self, images: pd.DataFrame) -> dict[str, float]:
        metrics = self.metrics(images)
        defined = {name: values[~np.isnan(values)] for name, values in metrics.items()}
        # Rounded once, so that the order of the images changes no digit.
        return {
            name: math.fsum(values) / len(values) if len(values) else math.nan
            for name, values in defined.items()
        }

    def to_pandas(self, by: str = "image") -> pd.DataFrame:
        """Returns a table of the images, the instances or the classes.

        Args:
            by: what has a row:

                - "image": each image, with its counts of instances at IoU >= 0.50 and the metrics
                  of this image alone. The mean of a column is not the metric of the set, which
                  comes from summed counts;
                - "instance": each true instance, and each predicted one without a partner, with
                  its `image`, its `kind` (found, wrong class, missed or false), ids, IoU, areas in
                  pixels, classes by their names ("" = none) and score (NaN = none);
                - "class": all instances together, ignoring their class (""), and each class, with
                  the counts and metrics of all images together.

        Raises:
            InputError: `by` is none of these.
        """
        checks.one_of("by", by, ("image", "instance", "class"))
        if by == "instance":
            return self.instances.copy()
        if by == "image":
            images = self.images()
            table = self._with_metrics("id", images)
            return table.assign(count_error=images["count_error"])
        names = (ALL_CLASSES, *self.class_names)
        sums = pd.DataFrame([totals(self.images(name)) for name in names])
        return self._with_metrics("class", sums.assign(**{"class": names}))

    def _with_metrics(self, key: str, counts: pd.DataFrame) -> pd.DataFrame:
        """Returns the column `key`, counts at IoU >= 0.50, and metrics of each row of `counts`."""
        tp = counts["tp_0.50"]
        counted = {
            key: counts[key],
            "num_truth": counts["num_truth"],
            "num_predicted": counts["num_predicted"],
            "tp50": tp,
            "fp50": counts["num_predicted"] - tp,
            "fn50": counts["num_truth"] - tp,
        }
        values = self.metrics(counts)
        first = ("ap50", "pq", "dice", "iou")
        names = [threshold_name(threshold) for threshold in self.conventions.thresholds]
        rest = [
            name for name in values if name not in first and name.rpartition("_")[2] not in names
        ]
        chosen = {name: values[name] for name in (*first, *rest)}
        return pd.DataFrame(
            counted | chosen | {name: counts[name] for name in ("splits", "merges")}
        )

    def as_table(self) -> str:
        """Returns the headline metrics as text, each with its formula, and those of classes."""
        summary = self.summary()
        by_threshold = summary["ap"]
        values = summary | {"ap": summary["ap_mean"]}
        thresholds = "".join(f"  {threshold:>6}" for threshold in by_threshold)
        aps = "".join(f"  {_cell(ap)}" for ap in by_threshold.values())
        shown = _shown(summary)
        width = max(6, *map(len, shown))
        return "\n".join(
            [
                _sentence(summary),
                *(
                    f"{name:<{width}}  {_cell(values[name])}  {text}"
                    for name, text in shown.items()
                ),
                "P: predicted, T: true; TP, FP, FN: instances matched, only predicted, missed",
                f"IoU >={thresholds}",
                f"ap    {aps}",
                *_class_lines(summary.get("classes", {})),
            ]
        )

    def _repr_html_(self) -> str:
        """Returns the headline metrics, each with its formula, and those of classes."""
        summary = self.summary()
        values = summary | {"ap": summary["ap_mean"]}
        rows = [(name, _cell(values[name]), text) for name, text in _shown(summary).items()]
        parts = [
            notebook.text(_sentence(summary)),
            notebook.table(("metric", "value", "formula"), rows),
        ]
        header, *of_class = _class_rows(summary.get("classes", {})) or [()]
        if of_class:
            parts.append(notebook.table(header, of_class))
        return "".join(parts)

    def write(self, folder: str | Path) -> None:
        """Writes summary.json, counts.csv and the tables by image and by instance, atomically.

        The tables have six decimals; `read` returns the counts with these.

        Raises:
            InputError: the folder cannot be written.
        """
        folder = Path(folder)
        summary = self.summary() | {"class_names": self.class_names}
        if plugins := registered.plugins():
            summary["plugins"] = plugins
        text = json.dumps(summary, indent=2) + "\n"
        with atomic.writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            tables = {
                COUNTS: self.counts,
                PER_IMAGE: self.to_pandas(),
                PER_INSTANCE: self.instances,
            }
            for name, table in tables.items():
                with atomic.replacing(folder / name) as path:
                    table.round(DECIMALS).to_csv(path, index=False)
            atomic.write_text(folder / SUMMARY, text)

    @classmethod
    @calls.check
    def read(cls, folder: str | Path) -> Evaluation:
        """Returns the evaluation that `write` wrote into `folder`.

        Warns if it has a metric that is not registered: it is left out.

        Raises:
            InputError: the folder has no evaluation, or a damaged one.
        """
        folder = Path(folder)
        try:
            summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
            conventions = summary["conventions"]
            if conventions["empty"] is None:  # JSON has no NaN
                conventions["empty"] = math.nan
            class_names = tuple(summary["class_names"])
            if lost := registry.missing(summary.get("plugins", {})):
                warnings.warn(f"A metric of {folder} is left out. {lost}", stacklevel=2)
            return cls(
                _read_table(folder / COUNTS),
                _read_table(folder / PER_INSTANCE),
                Conventions(**conventions),
                class_names,
                summary.get("coco", {}),
            )
        except OSError as error:
            raise InputError(
                f"{folder} has no evaluation ({error.strerror}: {error.filename}). "
                "Name a folder that tfseg evaluate wrote."
            ) from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(
                f"{folder} has a damaged evaluation ({error}). Evaluate again."
            ) from error


def _read_table(path: Path) -> pd.DataFrame:
    """Reads a table; only a score may be missing, and names may look like numbers or nothing."""
    text = dict.fromkeys(_TEXT, str)
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values={"score": [""]})


def _sentence(summary: Mapping[str, Any]) -> str:
    return (
        f"{summary['num_images']} images, {summary['num_instances']} instances, "
        f"{summary['num_predicted']} predicted"
    )


def _class_rows(of_class: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Returns the names of the columns, and metrics of each class that occurs; [] without any."""
    metrics, numbers = ("ap50", "pq", "dice"), ("num_truth", "num_predicted")
    rows = [
        (name, *(_cell(values[metric]) for metric in metrics), *(str(values[n]) for n in numbers))
        for name, values in of_class.items()
        if any(values[number] for number in numbers)
    ]
    return [("class", *metrics, "true", "predicted"), *rows] if rows else []


def _shown(summary: Mapping[str, Any]) -> dict[str, str]:
    """Returns the headline metrics and the registered ones, with their formulas."""
    further = registered.formulas()
    return FORMULAS | {name: text for name, text in further.items() if name in summary}


def _class_lines(of_class: Mapping[str, Mapping[str, Any]]) -> list[str]:
    rows = _class_rows(of_class)
    width = max((len(name) for name, *_ in rows), default=0)
    return [
        f"{name:<{width}}  {'  '.join(f'{cell:>6}' for cell in cells)}" for name, *cells in rows
    ]


def _cell(value: float | None) -> str:
    return f"{value:6.4f}" if value is not None else f"{'-':>6}"


def _plain(value: Any) -> Any:
    """Returns Python numbers, lists and dicts; None for NaN."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else value
