"""Scoring of pairs of id maps that come one after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tfseg.checks import InputError
from tfseg.metrics import classes, coco
from tfseg.metrics.conventions import Conventions
from tfseg.metrics.counts import count_instances, count_pixels
from tfseg.metrics.evaluation import ALL, Evaluation


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
    collector = coco.Collector(max(1, len(class_names))) if conventions.coco else None
    seen: set[str] = set()
    rows: list[dict[str, Any]] = []
    for pair in pairs:
        pair = Pair(*pair)
        if pair.id in seen:
            raise InputError(f"Image {pair.id!r} comes twice. Give every image once.")
        seen.add(pair.id)
        try:
            rows.extend(_count(pair, conventions, tuple(class_names), collector))
        except InputError as error:
            raise InputError(f"Image {pair.id!r}: {error}") from None
        del pair  # before the next one is made
    if not rows:
        raise InputError("There are no images to evaluate; give at least one pair of id maps.")
    own = collector.figures() if collector else {}
    return Evaluation(pd.DataFrame(rows), conventions, tuple(class_names), own)


def _count(
    pair: Pair,
    conventions: Conventions,
    class_names: tuple[str, ...],
    collector: coco.Collector | None,
) -> Iterator[dict[str, Any]]:
    """Yields the row of all instances of an image, and that of each class."""
    truth, prediction = np.asarray(pair.truth), np.asarray(pair.prediction)
    truth, table = conventions.prepare(truth, prediction)
    if conventions.boundary:
        # Here, since what it needs of SciPy takes 0.2 seconds to import.
        from tfseg.metrics.boundary import count_boundaries
    keys = {"id": str(pair.id), "group": str(pair.group)}
    parts = {ALL: table} | classes.split(table, pair, class_names)
    if collector:
        own = (pair.truth_class_of, pair.predicted_class_of) if class_names else (None, None)
        collector.add(truth, prediction, own, pair.scores)
    for name, part in parts.items():
        counted = conventions.excuse(part, prediction)
        row: dict[str, Any] = keys | {"class": name} | count_pixels(part)
        row |= count_instances(counted, conventions.thresholds)
        if conventions.boundary:
            row |= count_boundaries(truth, prediction, counted, conventions.thresholds)
        yield row
