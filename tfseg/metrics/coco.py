"""COCO's mask AP and AR, by pycocotools itself.

Unlike AP elsewhere in tfseg, predictions are ranked by score, matched greedily in that order, and
precision is averaged over 101 recalls. COCO's limit of 100 predictions per image, which cuts dense
images, is raised to the largest number of predictions in an image. Ignored pixels are a crowd
region of every class.

Source:
    Lin et al. 2014, Microsoft COCO, section 4, and pycocotools/cocoeval.py.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from tfseg.checks import InputError
from tfseg.run_lengths import encode_ids

_AREAS = ("all", "small", "medium", "large")  # below 32^2, below 96^2 pixels, the rest


def tools(name: str) -> ModuleType:
    """Returns the module `name` of pycocotools.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module(f"pycocotools.{name}")
    except ImportError as error:
        raise InputError(
            "COCO's masks and metrics need pycocotools, which is not installed. "
            "Install it with: pip install 'tfseg[coco]'"
        ) from error


class Masks(NamedTuple):
    """The masks of one image, as COCO's annotations without the number of the image.

    Attributes:
        size: height and width, pixels.
        truth: of the true instances and of the ignored pixels.
        predicted: of the predicted instances.
        is_ranked: whether these have scores.
    """

    size: tuple[int, int]
    truth: list[dict[str, Any]]
    predicted: list[dict[str, Any]]
    is_ranked: bool


def masks_of(
    maps: tuple[np.ndarray, np.ndarray],
    classes: tuple[np.ndarray | None, np.ndarray | None],
    scores: np.ndarray | None,
    masks: Sequence[np.ndarray] | None = None,
    *,
    num_classes: int,
) -> Masks:
    """Returns the masks of an image.

    Args:
        maps: the true ids `[H, W]`, -1 = ignored, and the predicted ones.
        classes: of the true and of the predicted instances, the class of id i at i - 1.
        scores: of the predicted instances, the score of id i at i - 1; without them there is no AP:
            its value would be that of the order of the ids.
        masks: run lengths of the predicted instances, of the id i at i - 1, which may overlap;
            without them those of the map.
        num_classes: number of classes; 1 where the instances have none.

    Raises:
        InputError: an instance has no class or no score, or pycocotools is not installed.
    """
    truth, predicted = [], []
    (height, width), all_classes = maps[0].shape, range(1, num_classes + 1)
    for name, mask in _encoded(encode_ids(maps[0]), maps[0].shape):
        for category in [_entry("class", classes[0], name, 1)] if name > 0 else all_classes:
            truth.append(mask | {"category_id": int(category), "iscrowd": int(name < 0)})
    runs = encode_ids(maps[1]) if masks is None else enumerate(masks, start=1)
    for name, mask in _encoded(runs, maps[0].shape):
        category = int(_entry("class", classes[1], name, 1))
        score = float(_entry("score", scores, name, 1.0))
        predicted.append(mask | {"category_id": category, "iscrowd": 0, "score": score})
    return Masks((height, width), truth, predicted, scores is not None or not predicted)


class Collector:
    """Gathers the masks of images one by one, and computes the metrics of all of them.

    Args:
        num_classes: number of classes; 1 where the instances have none.

    Raises:
        InputError: pycocotools is not installed.
    """

    def __init__(self, num_classes: int) -> None:
        tools("mask")
        self._num_classes = num_classes
        self._images: list[dict[str, Any]] = []
        self._truth: list[dict[str, Any]] = []
        self._predicted: list[dict[str, Any]] = []
        self._is_ranked = True

    def add(self, image: Masks) -> None:
        """Adds an image."""
        number = {"image_id": len(self._images) + 1}
        height, width = image.size
        self._images.append({"id": number["image_id"], "height": height, "width": width})
        self._truth += [mask | number for mask in image.truth]
        self._predicted += [mask | number for mask in image.predicted]
        self._is_ranked &= image.is_ranked

    def metrics(self) -> dict[str, float]:
        """Returns `ap`, `ap50`, `ap75`, `ar`, `ap_small` ... and `max_dets`; NaN if undefined."""
        evaluator = self.evaluator()
        with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
            evaluator.evaluate()
            evaluator.accumulate()
        # [threshold, recall, class, area, 1] and [threshold, class, area, 1]; -1 = no such truth
        precision, recall = evaluator.eval["precision"], evaluator.eval["recall"]
        values = {"ap50": _mean(precision[0, :, :, 0]), "ap75": _mean(precision[5, :, :, 0])}
        for index, area in enumerate(_AREAS):
            end = "" if area == "all" else f"_{area}"
            values[f"ap{end}"] = _mean(precision[:, :, :, index])
            values[f"ar{end}"] = _mean(recall[:, :, index])
        if not self._is_ranked:
            values |= {name: math.nan for name in values if name.startswith("ap")}
        return values | {"max_dets": evaluator.params.maxDets[0]}

    def evaluator(self) -> Any:
        """Returns a COCOeval of all images, before it evaluates; no instance is left out."""
        numbers = [annotation["image_id"] for annotation in self._predicted]
        max_dets = max(np.bincount(numbers).max() if numbers else 1, 1)
        evaluator = tools("cocoeval").COCOeval(
            self._index(self._truth), self._index(self._predicted), "segm"
        )
        evaluator.params.maxDets = [int(max_dets)]
        return evaluator

    def _index(self, annotations: list[dict[str, Any]]) -> Any:
        api = tools("coco").COCO()
        # Numbered from 1 on: to COCOeval an id of 0 is no match.
        numbered = [entry | {"id": number} for number, entry in enumerate(annotations, start=1)]
        categories = [{"id": number} for number in range(1, self._num_classes + 1)]
        api.dataset = {"images": self._images, "annotations": numbered, "categories": categories}
        with contextlib.redirect_stdout(io.StringIO()):
            api.createIndex()
        return api


def _encoded(
    runs: Iterable[tuple[int, np.ndarray]], shape: tuple[int, ...]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields the id, mask and area of every instance, and of the ignored pixels."""
    height, width = shape
    api = tools("mask")
    for name, counts in runs:
        rle = {"counts": counts.tolist(), "size": [height, width]}
        mask = api.frPyObjects(rle, height, width)
        yield name, {"segmentation": mask, "area": float(api.area(mask))}


def _entry(kind: str, values: np.ndarray | None, name: int, default: float) -> float:
    """Returns the class or the score of the id `name`."""
    if values is None:
        return default
    if name > len(values):
        raise InputError(
            f"every id must have a {kind}; got the id {name} and {len(values)} values."
        )
    return values[name - 1]


def _mean(values: np.ndarray) -> float:
    defined = values[values > -1]
    return float(defined.mean()) if defined.size else float("nan")
