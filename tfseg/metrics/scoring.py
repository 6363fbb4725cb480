"""Scoring of pairs of id maps, one pair at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

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
    conventions, names = conventions or Conventions(), tuple(class_names)
    scored = (
        score(_as_pair(number, entry), conventions=conventions, class_names=names)
        for number, entry in enumerate(pairs)
    )
    return gathered(scored, conventions=conventions, class_names=names)


class Scored(NamedTuple):
    """The counts of one image, which add up with those of others; it holds no pixels.

    Attributes:
        id: of the image.
        counts: a row for all of its instances, and one for each class.
        outcomes: of its instances, by column.
        masks: its masks, if the conventions ask for COCO's metrics.
    """

    id: str
    counts: list[dict[str, Any]]
    outcomes: dict[str, np.ndarray]
    masks: coco.Masks | None


def score(pair: Pair, *, conventions: Conventions, class_names: tuple[str, ...]) -> Scored:
    """Counts one image; `evaluate_pairs` is `gathered` of all.

    Raises:
        InputError: the maps cannot be compared. The message names the image.
    """
    try:
        return _count(pair, conventions, class_names)
    except InputError as error:
        raise InputError(f"Image {pair.id!r}: {error}") from None


def gathered(
    scored: Iterable[Scored], *, conventions: Conventions, class_names: tuple[str, ...]
) -> Evaluation:
    """Returns the evaluation of images, in their order.

    Raises:
        InputError: there are no images, or two have the same id.
    """
    collector = coco.Collector(max(1, len(class_names))) if conventions.coco else None
    rows: list[dict[str, Any]] = []
    instances: dict[str, dict[str, np.ndarray]] = {}  # by the ids, in their order
    for image in scored:
        if image.id in instances:
            raise InputError(f"Image {image.id!r} occurs twice. Give every image once.")
        rows += image.counts
        instances[image.id] = image.outcomes
        if collector and image.masks:
            collector.add(image.masks)
    if not rows:
        raise InputError("There are no images to evaluate; give at least one pair of id maps.")
    return Evaluation(
        pd.DataFrame(rows),
        _table_of_instances(instances, class_names),
        conventions,
        class_names,
        collector.metrics() if collector else {},
    )


def _as_pair(number: int, entry: Any) -> Pair:
    if not isinstance(entry, tuple | list) or not 3 <= len(entry) <= len(Pair._fields):
        raise InputError(
            f"Pair {number} must be (image id, truth, prediction); got {shown(entry)}. Add "
            "the name of the image."
        )
    return Pair(*entry)


def _count(pair: Pair, conventions: Conventions, class_names: tuple[str, ...]) -> Scored:
    if isinstance(pair.prediction, tuple):
        raise InputError("The prediction must be an id map [H, W]; got a tuple. Give its labels.")
    if conventions.coco or conventions.boundary:
        _check_size(as_raster(pair.truth).shape)
    table = conventions.overlaps(pair.truth, pair.prediction)
    truth = prediction = np.zeros((0, 0), np.int32)
    if conventions.coco or conventions.boundary or METRICS or pair.masks is not None:
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
    masks = None
    if conventions.coco:
        class_of = (pair.truth_class_of, pair.predicted_class_of)
        masks = coco.masks_of(
            (truth, prediction),
            class_of,
            pair.scores,
            pair.masks,
            num_classes=max(1, len(class_names)),
        )
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
    return Scored(pair.id, rows, instance_outcomes(counted, pair), masks)


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
