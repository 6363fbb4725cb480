"""The figures of a set of images, from pairs of id maps that come one after another."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfseg.checks import InputError
from tfseg.metrics.instances import THRESHOLDS, InstanceCounts, count_instances
from tfseg.metrics.matching import overlaps
from tfseg.metrics.pixels import PixelCounts, count_pixels

FORMULAS = {
    "dice": "2 |P and T| / (|P| + |T|), foreground pixels of all images together",
    "iou": "|P and T| / |P or T|, foreground pixels of all images together",
    "ap50": "TP / (TP + FP + FN), matches with IoU >= 0.50, instances of all images together",
    "ap": "mean of the same at IoU >= 0.50, 0.55, ..., 0.95",
    "pq": "sum of IoU / (TP + FP / 2 + FN / 2) = sq * rq, matches with IoU > 0.5",
    "sq": "sum of IoU / TP, the mean IoU of these matches",
    "rq": "TP / (TP + FP / 2 + FN / 2), of these matches",
}


@dataclasses.dataclass(frozen=True)
class ImageCounts:
    """What is counted in one image; every figure follows from these."""

    id: str
    pixels: PixelCounts
    instances: InstanceCounts


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The figures of a set of images, each counted once.

    Attributes:
        images: the counts of each image, in the order they came.
    """

    images: tuple[ImageCounts, ...]

    def summary(self) -> dict[str, Any]:
        """Returns the figures of all images together, from summed counts, as plain numbers.

        `dice`, `iou`, `ap50`, `ap` by threshold ("0.50" to "0.95"), `pq`, `sq`, `rq`, `num_images`,
        `num_instances` (true ones) and `num_predicted`. FORMULAS says what each is.
        """
        pixels = PixelCounts.total(image.pixels for image in self.images)
        instances = InstanceCounts.total(image.instances for image in self.images)
        return {
            "dice": pixels.dice,
            "iou": pixels.iou,
            "ap50": instances.ap[0],
            "ap": {
                f"{threshold:.2f}": ap
                for threshold, ap in zip(THRESHOLDS, instances.ap, strict=True)
            },
            "pq": instances.pq,
            "sq": instances.sq,
            "rq": instances.rq,
            "num_images": len(self.images),
            "num_instances": instances.num_truth,
            "num_predicted": instances.num_predicted,
        }

    @property
    def per_image(self) -> pd.DataFrame:
        """A row an image: counts of instances at IoU >= 0.50, and the figures of this image alone.

        The mean of a column is not the figure of the set, which comes from summed counts.
        """
        return pd.DataFrame([_row(image) for image in self.images])

    def as_table(self) -> str:
        """Returns the summary as lines of text, the formula beside each figure."""
        summary = self.summary()
        by_threshold = summary["ap"]
        values = summary | {"ap": sum(by_threshold.values()) / len(by_threshold)}
        thresholds = "".join(f"  {threshold:>6}" for threshold in by_threshold)
        aps = "".join(f"  {ap:6.4f}" for ap in by_threshold.values())
        return "\n".join(
            [
                f"{summary['num_images']} images, {summary['num_instances']} instances, "
                f"{summary['num_predicted']} predicted",
                *(f"{name:<6}  {values[name]:6.4f}  {text}" for name, text in FORMULAS.items()),
                "P: predicted, T: true; TP, FP, FN: instances matched, only predicted, missed",
                f"IoU >={thresholds}",
                f"ap    {aps}",
            ]
        )

    def write(self, folder: str | Path) -> None:
        """Writes summary.json and per_image.csv into `folder`, each whole or not at all.

        Raises:
            InputError: the folder cannot be written.
        """
        folder = Path(folder)
        summary = json.dumps(self.summary(), indent=2) + "\n"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _replace(
                folder / "summary.json", lambda path: path.write_text(summary, encoding="utf-8")
            )
            _replace(
                folder / "per_image.csv", lambda path: self.per_image.to_csv(path, index=False)
            )
        except OSError as error:
            raise InputError(
                f"{folder} cannot be written: {error.strerror}. Choose another folder."
            ) from error


def evaluate_pairs(pairs: Iterable[tuple[str, np.ndarray, np.ndarray]]) -> Evaluation:
    """Scores predicted id maps against true ones.

    Holds one pair at a time, and a few numbers of each image.

    Args:
        pairs: (image id, truth, prediction) each; both maps `[H, W]` of one size and any integer
            type, 0 = background, in the truth -1 = ignored.

    Raises:
        InputError: there are no pairs, or an image's maps cannot be compared; names the image.
    """
    images = tuple(_count(name, truth, prediction) for name, truth, prediction in pairs)
    if not images:
        raise InputError("There are no images to evaluate; give at least one pair of id maps.")
    return Evaluation(images)


def _count(name: str, truth: np.ndarray, prediction: np.ndarray) -> ImageCounts:
    try:
        table = overlaps(truth, prediction)
    except InputError as error:
        raise InputError(f"Image {name!r}: {error}") from None
    return ImageCounts(name, count_pixels(table), count_instances(table))


def _row(image: ImageCounts) -> dict[str, Any]:
    instances = image.instances
    matches = instances.true_positives[0]
    return {
        "id": image.id,
        "num_truth": instances.num_truth,
        "num_predicted": instances.num_predicted,
        "tp50": matches,
        "fp50": instances.num_predicted - matches,
        "fn50": instances.num_truth - matches,
        "ap50": instances.ap[0],
        "pq": instances.pq,
        "dice": image.pixels.dice,
        "iou": image.pixels.iou,
    }


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Lets `write` fill a file beside `path`, which then takes its place in one step."""
    partial = path.with_name(path.name + ".partial")
    try:
        write(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
