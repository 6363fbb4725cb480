"""Predictions in a COCO results file, paired with the labels in a folder.

The file holds a list of {"image_id", "segmentation", "score"}: run lengths, compressed or not, or
polygons. An `image_id` is the name of a label map without suffix, or its number: 139 and "139" are
000000000139.png; a `file_name`, as `tfseg predict` adds it, names the label map before all.

The masks are kept as given for COCO's metrics. For all others they become an id map, which has one
instance per pixel: where masks overlap, the higher score wins.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfseg.checks import InputError, listed
from tfseg.data.conversion.formats.coco_outlines import outline, pack_counts, region
from tfseg.data.conversion.formats.coco_values import is_whole
from tfseg.data.conversion.formats.parsing import read_json, shortened
from tfseg.data.conversion.formats.shapes import Region
from tfseg.data.files.tables import read_groups
from tfseg.evaluation.label_folders import find_maps, read_ids
from tfseg.ids import IGNORE
from tfseg.metrics import Pair
from tfseg.run_lengths import encode

_RULE = "must be a COCO results file, a list of objects with image_id, segmentation and score"


class _Prediction(NamedTuple):
    """The outline of an entry, see `coco_outlines`, its score, and which entry it is."""

    outline: Any
    score: float | None
    context: str


def results_pairs(
    predictions: str | Path, labels: str | Path, *, groups: str | Path | None = None
) -> Iterator[Pair]:
    """Returns pairs of the label maps in a folder and the predictions in a results file.

    Classes are ignored, as label maps have none; a warning says so where the file has several.

    Args:
        predictions: COCO results file; an image without an entry has no prediction.
        labels: folder of true id maps.
        groups: CSV file with the columns `id` and `group`, a row for every image.

    Raises:
        InputError: the file is no results file or names an image without a label, or the labels or
            groups are wrong (`label_folders.folder_pairs`).
    """
    true = find_maps(labels)
    entries = _read(Path(predictions), true)
    group_of = read_groups(groups, true) if groups else {}

    def pair(name: str) -> Pair:
        truth = read_ids(true[name], low=IGNORE)
        made = entries.pop(name)
        has_scores = all(entry.score is not None for entry in made)
        ranked = sorted(made, key=lambda entry: -(entry.score or 0.0))
        painted, masks = np.zeros(truth.shape, np.int32), []
        for number, entry in reversed(list(enumerate(ranked, start=1))):
            mask, y, x = pixels = region(entry.outline, truth.shape, entry.context)
            painted[y : y + mask.shape[0], x : x + mask.shape[1]][mask] = number
            masks.append(_runs(pixels, truth.shape))
        scores = np.array([entry.score for entry in ranked], float) if has_scores else None
        group = group_of.get(name, "")
        return Pair(name, truth, painted, scores=scores, group=group, masks=masks[::-1])

    return map(pair, sorted(true))


def _runs(pixels: Region, shape: tuple[int, int]) -> np.ndarray:
    if not pixels.mask.any():
        return np.array([shape[0] * shape[1]], np.int64)
    return encode(pixels.mask, y=pixels.y, x=pixels.x, shape=shape)


def _read(path: Path, names: dict[str, Path]) -> dict[str, list[_Prediction]]:
    """Returns the predictions of each image, by the name of its label map."""
    content = read_json(path, pack_counts)
    if not isinstance(content, list):
        raise InputError(f"{path} {_RULE}; got {_kind(content)}. Give the results.")
    numbered = {str(int(name)): name for name in names if name.isdecimal()}
    predictions: dict[str, list[_Prediction]] = {name: [] for name in names}
    categories: dict[Any, None] = {}
    for number, entry in enumerate(content):
        context = f"{path}, entry {number},"
        if not isinstance(entry, dict) or not {"image_id", "segmentation"} <= entry.keys():
            raise InputError(f"{context} {_RULE}; got {shortened(entry)}. Write it again.")
        prediction = _Prediction(
            outline(entry["segmentation"], context), _score(entry, context), context
        )
        predictions[_name(entry, path, names, numbered)].append(prediction)
        category = shortened(entry["category_id"]) if "category_id" in entry else "none"
        categories.setdefault(category)
    made = [prediction for entries in predictions.values() for prediction in entries]
    if 0 < sum(prediction.score is None for prediction in made) < len(made):
        raise InputError(f"{path} must have a score in every entry, or in none. Write it again.")
    if len(categories) > 1:
        warnings.warn(
            f"category_id of {path} is ignored, because label maps have no classes; got "
            f"{listed(list(categories))}.",
            stacklevel=3,
        )
    return predictions


def _kind(content: Any) -> str:
    if not isinstance(content, dict):
        return shortened(content)
    return f"an object with {listed(list(content))}" if content else "an empty object"


def _name(entry: dict, path: Path, names: dict[str, Path], numbered: dict[str, str]) -> str:
    """Returns the name of the label map that an entry is for."""
    stem, id = Path(str(entry.get("file_name", ""))).stem, entry["image_id"]
    key = str(int(id)) if is_whole(id) else str(id)
    if stem in names:
        return stem
    if key not in names and key not in numbered:
        raise InputError(
            f"{path} must have predictions for labelled images only; there is no label for the "
            f"image_id {shortened(id)}, but for {listed(sorted(names))}. Add it, remove the "
            "entries, or give both the same names."
        )
    return key if key in names else numbered[key]


def _score(entry: dict, context: str) -> float | None:
    score = entry.get("score")
    if score is None:
        return None
    is_number = isinstance(score, int | float) and not isinstance(score, bool)
    if not is_number or math.isnan(score) or not 0 <= score <= 1:
        raise InputError(
            f"{context} must have a score from 0 to 1; got {shortened(score)}. Write it again."
        )
    return float(score)
