"""The figures of a set of images, from pairs of id maps that come one after another."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tfseg.checks import InputError
from tfseg.metrics import bootstrap, classes
from tfseg.metrics.boundary import count_boundaries
from tfseg.metrics.conventions import Conventions
from tfseg.metrics.counts import count_instances, count_pixels, threshold_name, totals
from tfseg.metrics.figures import FORMULAS, FURTHER_FORMULAS, figures, nested

SUMMARY = "summary.json"
ALL = ""  # in the column `class`: instances of all classes together, whatever their class


class Pair(NamedTuple):
    """One image to score; a tuple of the first three is as good.

    Attributes:
        id: name of the image.
        truth: `[H, W]` integer ids, 0 = background, -1 = ignored.
        prediction: `[H, W]` integer ids, 0 = background.
        truth_class_of: `[N]` int, the class of id i at i - 1, from 1 on; None without classes.
        predicted_class_of: the same of the prediction.
        scores: `[N]` float, the score of predicted id i at i - 1; only COCO's figures use it.
        group: images that belong together, such as those of one patient; "" = alone.
    """

    id: str
    truth: np.ndarray
    prediction: np.ndarray
    truth_class_of: np.ndarray | None = None
    predicted_class_of: np.ndarray | None = None
    scores: np.ndarray | None = None
    group: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """The figures of a set of images, each counted once.

    Attributes:
        counts: a row for each image, in the order they came, and one for each class in it: `id`,
            `group`, `class` ("" = all together), and what `counts` counts.
        conventions: behind the figures.
        class_names: of the classes 1, 2, ...; empty without classes.
    """

    counts: pd.DataFrame
    conventions: Conventions = Conventions()
    class_names: tuple[str, ...] = ()

    def figures(self, counts: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the figures of counts: numbers, or columns with a row each."""
        arrays = {name: np.asarray(values) for name, values in counts.items()}
        return figures(arrays, self.conventions.thresholds, empty=self.conventions.empty)

    def images(self, name: str = ALL) -> pd.DataFrame:
        """Returns the counts of each image, of all instances or of those of one class."""
        return self.counts[self.counts["class"] == name].reset_index(drop=True)

    def summary(self) -> dict[str, Any]:
        """Returns the figures as plain numbers; None for those that are not defined.

        Those at the top are of all images together, from summed counts; `image_mean` has the means
        over images. With classes there are `classes` and `class_mean`. FORMULAS and
        FURTHER_FORMULAS say what each is.
        """
        images, thresholds = self.images(), self.conventions.thresholds
        sums = totals(images)
        bias = (images["num_predicted"] - images["num_truth"]).mean()
        summary = nested(self.figures(sums), thresholds) | {
            "splits": sums["splits"],
            "merges": sums["merges"],
            "count_error": sums["count_error"] / len(images),
            "count_bias": bias,
            "num_images": len(images),
            "num_instances": sums["num_truth"],
            "num_predicted": sums["num_predicted"],
            "image_mean": nested(self._image_means(images), thresholds),
            "intervals": bootstrap.intervals(self),
            "conventions": dataclasses.asdict(self.conventions),
        }
        if self.class_names:
            summary |= classes.summary(self)
        summary["formulas"] = {
            name: text for name, text in (FORMULAS | FURTHER_FORMULAS).items() if name in summary
        }
        return _plain(summary)

    def _image_means(self, images: pd.DataFrame) -> dict[str, float]:
        values = {name: own[~np.isnan(own)] for name, own in self.figures(images).items()}
        # Rounded once, so that the order of the images changes no digit.
        return {
            name: math.fsum(own) / len(own) if len(own) else math.nan
            for name, own in values.items()
        }

    @property
    def per_image(self) -> pd.DataFrame:
        """A row an image: counts of instances at IoU >= 0.50, and the figures of this image alone.

        The mean of a column is not the figure of the set, which comes from summed counts.
        """
        images = self.images()
        tp = images["tp_0.50"]
        counted = {
            "id": images["id"],
            "num_truth": images["num_truth"],
            "num_predicted": images["num_predicted"],
            "tp50": tp,
            "fp50": images["num_predicted"] - tp,
            "fn50": images["num_truth"] - tp,
        }
        values = self.figures(images)
        first = ("ap50", "pq", "dice", "iou")
        names = [threshold_name(each) for each in self.conventions.thresholds]
        rest = [
            name for name in values if name not in first and name.rpartition("_")[2] not in names
        ]
        chosen = {name: values[name] for name in (*first, *rest)}
        last = {name: images[name] for name in ("splits", "merges", "count_error")}
        return pd.DataFrame(counted | chosen | last)

    def as_table(self) -> str:
        """Returns the headline figures as lines of text, the formula beside each."""
        summary = self.summary()
        by_threshold = summary["ap"]
        values = summary | {"ap": summary["ap_mean"]}
        thresholds = "".join(f"  {threshold:>6}" for threshold in by_threshold)
        aps = "".join(f"  {_cell(ap)}" for ap in by_threshold.values())
        return "\n".join(
            [
                f"{summary['num_images']} images, {summary['num_instances']} instances, "
                f"{summary['num_predicted']} predicted",
                *(f"{name:<6}  {_cell(values[name])}  {text}" for name, text in FORMULAS.items()),
                "P: predicted, T: true; TP, FP, FN: instances matched, only predicted, missed",
                f"IoU >={thresholds}",
                f"ap    {aps}",
            ]
        )

    def write(self, folder: str | Path) -> None:
        """Writes summary.json, per_image.csv and counts.csv, each whole or not at all.

        Raises:
            InputError: the folder cannot be written.
        """
        folder = Path(folder)
        summary = json.dumps(self.summary() | {"class_names": self.class_names}, indent=2) + "\n"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, table in (("counts.csv", self.counts), ("per_image.csv", self.per_image)):
                _replace(folder / name, lambda path, table=table: table.to_csv(path, index=False))
            _replace(folder / SUMMARY, lambda path: path.write_text(summary, encoding="utf-8"))
        except OSError as error:
            raise InputError(
                f"{folder} cannot be written: {error.strerror}. Choose another folder."
            ) from error

    @classmethod
    def read(cls, folder: str | Path) -> Evaluation:
        """Returns what `write` wrote into `folder`.

        Raises:
            InputError: there is none, or it is damaged.
        """
        folder = Path(folder)
        try:
            summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
            conventions = summary["conventions"]
            if conventions["empty"] is None:  # JSON has no NaN
                conventions["empty"] = math.nan
            text = dict.fromkeys(("id", "group", "class"), str)
            counts = pd.read_csv(folder / "counts.csv", dtype=text, keep_default_na=False)
            return cls(counts, Conventions(**conventions), tuple(summary["class_names"]))
        except OSError as error:
            raise InputError(
                f"{folder} has no evaluation in it ({error.strerror}: {error.filename}). "
                "Name a folder that tfseg evaluate wrote."
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{folder} has a damaged evaluation in it ({error}). Evaluate again."
            ) from error


def evaluate_pairs(
    pairs: Iterable[Pair | tuple[str, np.ndarray, np.ndarray]],
    *,
    conventions: Conventions | None = None,
    class_names: Sequence[str] = (),
) -> Evaluation:
    """Scores predicted id maps against true ones.

    Holds one pair at a time, and a few numbers of each image.

    Args:
        pairs: (image id, truth, prediction) each, or `Pair` where there are classes or groups; both
            maps `[H, W]` of one size and any integer type, 0 = background, in the truth
            -1 = ignored.
        conventions: what is counted; by default as its attributes say.
        class_names: of the classes 1, 2, ...; then every pair has the classes of its instances.

    Raises:
        InputError: there are no pairs, two of one id, or an image's maps cannot be compared; names
            the image.
    """
    conventions = conventions or Conventions()
    seen: set[str] = set()
    rows: list[dict[str, Any]] = []
    for pair in pairs:
        pair = Pair(*pair)
        if pair.id in seen:
            raise InputError(f"Image {pair.id!r} comes twice. Give every image once.")
        seen.add(pair.id)
        try:
            rows.extend(_count(pair, conventions, tuple(class_names)))
        except InputError as error:
            raise InputError(f"Image {pair.id!r}: {error}") from None
        del pair  # before the next one is made
    if not rows:
        raise InputError("There are no images to evaluate; give at least one pair of id maps.")
    return Evaluation(pd.DataFrame(rows), conventions, tuple(class_names))


def _count(
    pair: Pair, conventions: Conventions, class_names: tuple[str, ...]
) -> Iterator[dict[str, Any]]:
    """Yields the row of all instances of an image, and that of each class."""
    truth, prediction = np.asarray(pair.truth), np.asarray(pair.prediction)
    truth, table = conventions.prepare(truth, prediction)
    keys = {"id": pair.id, "group": pair.group or ""}
    parts = {ALL: table} | classes.split(table, pair, class_names)
    for name, part in parts.items():
        counted = conventions.excuse(part, prediction)
        row = keys | {"class": name} | count_pixels(part)
        row |= count_instances(counted, conventions.thresholds)
        if conventions.boundary:
            row |= count_boundaries(truth, prediction, counted, conventions.thresholds)
        yield row


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


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Lets `write` fill a file beside `path`, which then takes its place in one step."""
    partial = path.with_name(path.name + ".partial")
    try:
        write(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
