"""Evaluation of a network on a split."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tfseg.evaluation.evaluate import evaluate
from tfseg.metrics import Conventions


class Split:
    """The samples of a data set, with a truth of one instance in the first rows."""

    info = SimpleNamespace(class_names=("object",))

    def __init__(self, heights: list[int]) -> None:
        self.heights = heights

    def split(self, split: str) -> SimpleNamespace:
        return SimpleNamespace(shards=())

    def shard_paths(self, split: str) -> list[Path]:
        return []

    def samples(self, split: str) -> Split:
        assert split == "test"
        return self

    def as_numpy_iterator(self):
        for height in self.heights:
            label = np.zeros((height, 4), np.int32)
            label[:2] = 1
            image = (label * 200).astype(np.uint8)[..., None]
            yield {"id": f"né{height}".encode(), "image": image, "label": label}


def finding(predict: Callable[[np.ndarray], SimpleNamespace]) -> SimpleNamespace:
    return SimpleNamespace(predict=predict, class_names=("object",))


def threshold(image: np.ndarray) -> SimpleNamespace:
    """Finds the bright pixels, but nothing in an image of five rows."""
    label = (image[..., 0] > 100).astype(np.int32) * (len(image) != 5)
    return SimpleNamespace(label=label, scores=np.ones(label.max(), np.float32))


def test_every_sample_is_scored_once_at_its_own_size():
    evaluation = evaluate(finding(threshold), Split([3, 5, 7]), "test")
    assert evaluation.per_image.id.tolist() == ["né3", "né5", "né7"]
    assert evaluation.per_image.ap50.tolist() == [1.0, 0.0, 1.0]
    # 16 of 24 true pixels found: Dice = 2 x 16 / (24 + 16)
    assert evaluation.summary()["dice"] == 0.8
    assert evaluation.summary()["ap50"] == 2 / 3


def with_a_false_one(image: np.ndarray) -> SimpleNamespace:
    """Finds the bright pixels as instance 1, and the last pixel as instance 2, of higher score."""
    label = (image[..., 0] > 100).astype(np.int32)
    label[-1, -1] = 2
    return SimpleNamespace(label=label, scores=np.array([0.6, 0.9], np.float32))


def test_conventions_and_scores_reach_the_metrics():
    pytest.importorskip("pycocotools")
    conventions = Conventions(coco=True)
    summary = evaluate(
        finding(with_a_false_one), Split([5, 7]), "test", conventions=conventions
    ).summary()
    # the false ones come first: precision 2 / 4 at every recall; without scores it would be 1
    assert summary["coco"]["ap"] == pytest.approx(0.5)
    assert summary["conventions"]["coco"] is True
