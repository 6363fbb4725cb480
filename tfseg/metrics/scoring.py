"""Scoring of pairs of id maps, one pair at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tfseg import calls
from tfseg.checks import InputError, shown
from tfseg.large_arrays import as_raster
from tfseg.metrics import classes, coco
from tfseg.metrics.conventions import Conventions
from tfseg.metrics.counts import count_instances, count_lost, count_pixels
from tfseg.metrics.evaluation import ALL_CLASSES, Evaluation
from tfseg.metrics.outcomes import instance_outcomes
from tfseg.metrics.pair import Pair
from tfseg.metrics.registered import METRICS, counts_of

_MOST_PIXELS = 10**8  # of maps whose outlines or run lengths are compared: 5 GB with their copies


@calls.check
def evaluate_pairs(
    pairs: Iterable[Pair | tuple[str, np.ndarray, np.ndarray]],
    *,
    conventions: Conventions | None = None,
    class_names: Sequence[str] = (),
) -> Evaluation:
    """Scores predicted id maps against true ones.

    Keeps one pair in memory at a time, and a few numbers per image and instance.

    Args:
        pairs: (image id, truth, prediction), or `Pair` if there are classes or groups; both maps
            `[H, W]` of the same size and any integer type, 0 = background, and -1 = ignored in the
            truth.
        conventions: what is counted; `Conventions()` by default.
        class_names: of the classes 1, 2, ...; every pair then needs the classes of its instances.

    Raises:
        InputError: there are no pairs, two have the same id, or the maps of an image cannot be
            compared. The message names the image.

    Examples:
        >>> truth, prediction = np.array([[1, 1, 0, 2]]), np.array([[1, 1, 0, 0]])
        >>> evaluation = tfseg.evaluate_pairs([("first", truth, prediction)])
        >>> float(evaluation.metrics()["ap_0.50"])
        0.5
    """
    conventions = conventions or Conventions()
    collector = coco.Collector(max(1, len(class_names))) if conventions.coco else None
    ids: dict[str, None] = {}  # in their order
    rows: list[dict[str, Any]] = []
    instances: list[dict[str, np.ndarray]] = []
    for number, entry in enumerate(pairs):
        if not isinstance(entry, tuple | list) or not 3 <= len(entry) <= len(Pair._fields):
            raise InputError(
                f"Pair {number} must be (image id, truth, prediction); got {shown(entry)}. Add "
                "the name of the image."
            )
        pair = Pair(*entry)
        if pair.id in ids:
            raise InputError(f"Image {pair.id!r} occurs twice. Give every image once.")
        ids[pair.id] = None
        try:
            counts, outcomes = _count(pair, conventions, tuple(class_names), collector)
        except InputError as error:
            raise InputError(f"Image {pair.id!r}: {error}") from None
        rows += counts
        instances.append(outcomes)
        del pair  # frees it before the next one is made
    if not rows:
        raise InputError("There are no images to evaluate; give at least one pair of id maps.")
    return Evaluation(
        pd.DataFrame(rows),
        _table_of_instances(dict(zip(ids, instances, strict=True)), class_names),
        conventions,
        tuple(class_names),
        collector.metrics() if collector else {},
    )


def _count(
    pair: Pair,
    conventions: Conventions,
    class_names: tuple[str, ...],
    collector: coco.Collector | None,
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Returns a row for all instances of an image, a row for each class, and the outcomes."""
    if isinstance(pair.prediction, tuple):
        raise InputError("The prediction must be an id map [H, W]; got a tuple. Give its labels.")
    if collector or conventions.boundary:
        _check_size(as_raster(pair.truth).shape)
    table = conventions.overlaps(pair.truth, pair.prediction)
    truth = prediction = np.zeros((0, 0), np.int32)
    if collector or conventions.boundary or METRICS or pair.masks is not None:
        # These take all pixels at once.
        truth = conventions.without_edge_instances(np.asarray(pair.truth))
        prediction = np.asarray(pair.prediction)
    if conventions.boundary:
        # Imported when used: its parts of SciPy take 0.2 seconds to import.
        from tfseg.metrics.boundary import count_boundaries
    if not class_names:
        pair = pair._replace(truth_class_of=None, predicted_class_of=None)
    keys = {"id": str(pair.id), "group": str(pair.group)}
    parts = {ALL_CLASSES: table} | classes.split(table, pair, class_names)
    if collector:
        class_of = (pair.truth_class_of, pair.predicted_class_of)
        collector.add(truth, prediction, class_of, pair.scores, pair.masks)
    rows = []
    for name, part in parts.items():
        counted = conventions.without_void_predictions(part, pair.prediction)
        row: dict[str, Any] = keys | {"class": name} | count_pixels(part)
        row |= count_instances(counted, conventions.thresholds)
        if pair.masks is not None and name == ALL_CLASSES:
            row |= count_lost(prediction, pair.masks)
        if conventions.boundary:
            row |= count_boundaries(truth, prediction, counted, conventions.thresholds)
        if METRICS:
            row |= counts_of(truth, prediction, counted)
        rows.append(row)
    counted = conventions.without_void_predictions(table, pair.prediction)
    return rows, instance_outcomes(counted, pair)


def _check_size(shape: tuple[int, ...]) -> None:
    if math.prod(shape) > _MOST_PIXELS:
        raise InputError(
            f"boundary and coco take maps of at most {_MOST_PIXELS} pixels, since they take all at "
            f"once; got {shape[0]} x {shape[1]} (height x width). Leave them out for such images."
        )


def _table_of_instances(
    outcomes: Mapping[str, Mapping[str, np.ndarray]], class_names: Sequence[str]
) -> pd.DataFrame:
    """Returns the outcomes of all images, by their ids, with the names of the classes."""
    images = [str(id) for id in outcomes]
    numbers = [len(columns["kind"]) for columns in outcomes.values()]
    first = next(iter(outcomes.values()))
    joined = {
        name: np.concatenate([columns[name] for columns in outcomes.values()]) for name in first
    }
    names = np.array(["", *class_names], object)
    for name in ("true_class", "predicted_class"):
        joined[name] = names[joined[name]]
    return pd.DataFrame({"image": np.repeat(np.array(images, object), numbers)} | joined)
