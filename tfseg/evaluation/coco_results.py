"""Predictions in a COCO results file as id maps, paired with the labels in a folder.

The file holds a list of {"image_id", "segmentation", "score"}: run lengths, compressed or not, or
polygons. An `image_id` is the name of a label map without suffix, or its number: 139 and "139" are
000000000139.png. An id map has one instance per pixel: where masks overlap, the higher score wins.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tfseg.checks import InputError
from tfseg.evaluation.label_folders import find_maps, read_groups, read_ids
from tfseg.ids import IGNORE
from tfseg.metrics import Pair
from tfseg.metrics.coco import tools


def results_pairs(
    predictions: str | Path, labels: str | Path, *, groups: str | Path | None = None
) -> Iterator[Pair]:
    """Returns pairs of the label maps in a folder and the predictions in a results file.

    Args:
        predictions: COCO results file; an image without an entry has no prediction.
        labels: folder of true id maps.
        groups: CSV file with the columns `id` and `group`, a row for every image.

    Raises:
        InputError: pycocotools is not installed, the file is no results file or names an image
            without a label, or the labels or groups are wrong (`label_folders.folder_pairs`).
    """
    mask, true = tools("mask"), find_maps(labels)
    entries = _read(Path(predictions), true)
    group_of = read_groups(groups, true) if groups else {}

    def pair(name: str) -> Pair:
        truth = read_ids(true[name], low=IGNORE)
        ranked = sorted(entries[name], key=lambda entry: -entry["score"])
        painted = np.zeros(truth.shape, np.int32)
        for number, entry in reversed(list(enumerate(ranked, start=1))):
            painted[_decode(mask, entry["segmentation"], truth.shape, name)] = number
        scores = np.array([entry["score"] for entry in ranked], float)
        return Pair(name, truth, painted, scores=scores, group=group_of.get(name, ""))

    return map(pair, sorted(true))


def _read(path: Path, names: dict[str, Path]) -> dict[str, list[dict[str, Any]]]:
    """Returns the entries of each image, by the name of its label map."""
    numbered = {str(int(name)): name for name in names if name.isdecimal()}
    entries: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    try:
        for entry in json.loads(path.read_text(encoding="utf-8")):
            key = str(entry["image_id"])
            name = key if key in names else numbered.get(key)
            if name is None:
                raise InputError(
                    f"{path} must have predictions for labelled images only; there is no label "
                    f"for the image_id {key}. Add it, or remove the entries."
                )
            score = float(entry.get("score", 1.0))
            entries[name].append({"segmentation": entry["segmentation"], "score": score})
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}. Check the path.") from error
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"no entry {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(
            f"{path} must be a COCO results file, a list of objects with image_id, segmentation "
            f"and score; {reason.rstrip('.')}."
        ) from error
    return entries


def _decode(mask: Any, segmentation: Any, shape: tuple[int, int], name: str) -> np.ndarray:
    """Returns the mask `[H, W]` bool of run lengths or polygons."""
    try:
        if isinstance(segmentation, list):
            segmentation = mask.merge(mask.frPyObjects(segmentation, *shape))
        elif isinstance(segmentation["counts"], list):
            segmentation = mask.frPyObjects(segmentation, *segmentation["size"])
        pixels = mask.decode(segmentation).astype(bool)
    except Exception as error:  # pycocotools raises many types for a bad one
        raise InputError(
            f"Image {name!r} has a segmentation that is neither run lengths nor polygons "
            f"({error}). Write the results again."
        ) from error
    if pixels.shape != shape:
        raise InputError(
            f"Image {name!r} has a segmentation of {pixels.shape} pixels for a label of {shape}. "
            "Give the results of this image at its full size."
        )
    return pixels
