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
from typing import Any

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


class Collector:
    """Gathers images one by one, and computes the metrics of all of them.

    Args:
        num_classes: number of classes; 1 where the instances have none.

    Raises:
        InputError: pycocotools is not installed.
    """

    def __init__(self, num_classes: int) -> None:
        self._tools = tools("mask")
        self._num_classes = num_classes
        self._images: list[dict[str, Any]] = []
        self._truth: list[dict[str, Any]] = []
        self._predicted: list[dict[str, Any]] = []
        self._is_ranked = True

    def add(
        self,
        truth: np.ndarray,
        prediction: np.ndarray,
        classes: tuple[np.ndarray | None, np.ndarray | None],
        scores: np.ndarray | None,
        masks: Sequence[np.ndarray] | None = None,
    ) -> None:
        """Adds an image.

        Args:
            truth: `[H, W]` integer ids, -1 = ignored.
            prediction: `[H, W]` integer ids.
            classes: of the true and of the predicted instances, the class of id i at i - 1.
            scores: of the predicted instances, the score of id i at i - 1; without them there is no
                AP: its value would be that of the order of the ids.
            masks: run lengths of the predicted instances, of the id i at i - 1, which may overlap;
                without them those of `prediction`.

        Raises:
            InputError: an instance has no class or no score.
        """
        image = {"id": len(self._images) + 1, "height": truth.shape[0], "width": truth.shape[1]}
        self._images.append(image)
        for name, mask in self._encoded(encode_ids(truth), truth.shape):
            all_classes = range(1, self._num_classes + 1)
            for category in [_entry("class", classes[0], name, 1)] if name > 0 else all_classes:
                self._truth.append(mask | {"category_id": int(category), "iscrowd": int(name < 0)})
        runs = encode_ids(prediction) if masks is None else enumerate(masks, start=1)
        for name, mask in self._encoded(runs, truth.shape):
            category = int(_entry("class", classes[1], name, 1))
            score = float(_entry("score", scores, name, 1.0))
            self._predicted.append(mask | {"category_id": category, "iscrowd": 0, "score": score})
            self._is_ranked &= scores is not None

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

    def _encoded(
        self, runs: Iterable[tuple[int, np.ndarray]], shape: tuple[int, ...]
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yields the id, mask and area of every instance, and of the ignored pixels."""
        height, width = shape
        for name, counts in runs:
            rle = {"counts": counts.tolist(), "size": [height, width]}
            mask = self._tools.frPyObjects(rle, height, width)
            area = float(self._tools.area(mask))
            yield name, {"image_id": len(self._images), "segmentation": mask, "area": area}

    def _index(self, annotations: list[dict[str, Any]]) -> Any:
        api = tools("coco").COCO()
        # Numbered from 1 on: to COCOeval an id of 0 is no match.
        numbered = [entry | {"id": number} for number, entry in enumerate(annotations, start=1)]
        categories = [{"id": number} for number in range(1, self._num_classes + 1)]
        api.dataset = {"images": self._images, "annotations": numbered, "categories": categories}
        with contextlib.redirect_stdout(io.StringIO()):
            api.createIndex()
        return api


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
