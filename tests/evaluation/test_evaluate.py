"""Evaluation of a network on a split."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tfseg.checks import InputError
from tfseg.data.dataset.stored_image import StoredImage
from tfseg.evaluation.evaluate import evaluate
from tfseg.metrics import Conventions


class Dataset:
    """The samples of a data set, with a truth of one instance in the first rows."""

    path = Path("data")

    def __init__(self, heights: list[int], class_names: tuple[str, ...] = ("object",)) -> None:
        self.heights = heights
        self.info = SimpleNamespace(class_names=class_names, channel_names=(), is_grey_or_rgb=True)

    def split(self, split: str) -> SimpleNamespace:
        return SimpleNamespace(shards=(), num_images=len(self.heights))

    def shard_paths(self, split: str) -> list[Path]:
        return []

    def images(self, split: str) -> Iterator[StoredImage]:
        assert split == "test"
        for height in self.heights:
            label = np.zeros((height, 4), np.int32)
            label[:2] = 1
            image = (label * 200).astype(np.uint8)[..., None]
            classes = np.full(1, len(self.info.class_names), np.int32)  # the last one
            yield StoredImage(f"né{height}", image.shape, image, label, classes)


class Segmenter(SimpleNamespace):
    """Predicts by a function."""

    num_approximate = 0

    def factor(self, pixel_size: None) -> float:
        return 1.0


def finding(predict: Callable[[np.ndarray], SimpleNamespace], *class_names: str) -> Segmenter:
    names = class_names or ("object",)
    model = SimpleNamespace(class_names=names, channels=1, channel_names=())

    def predict_with_doubt(
        image: np.ndarray, *, pixel_size: None, folder: None
    ) -> tuple[SimpleNamespace, str]:
        assert pixel_size is None  # those of the data sets are not known
        return predict(image), ""

    return Segmenter(predict_with_doubt=predict_with_doubt, model_config=model, pixel_size=0.0)


def threshold(image: np.ndarray) -> SimpleNamespace:
    """Finds the bright pixels, but nothing in an image of five rows."""
    label = (image[..., 0] > 100).astype(np.int32) * (len(image) != 5)
    return SimpleNamespace(labels=label, scores=np.ones(label.max(), np.float32))


def test_every_sample_is_scored_once_at_its_own_size():
    evaluation = evaluate(finding(threshold), Dataset([3, 5, 7]), "test")
    assert evaluation.to_pandas().id.tolist() == ["né3", "né5", "né7"]
    assert evaluation.to_pandas().ap50.tolist() == [1.0, 0.0, 1.0]
    # 16 of 24 true pixels found: Dice = 2 x 16 / (24 + 16)
    assert evaluation.summary()["dice"] == 0.8
    assert evaluation.summary()["ap50"] == 2 / 3


def with_a_false_one(image: np.ndarray) -> SimpleNamespace:
    """Finds the bright pixels as instance 1, and the last pixel as instance 2, of higher score."""
    label = (image[..., 0] > 100).astype(np.int32)
    label[-1, -1] = 2
    return SimpleNamespace(labels=label, scores=np.array([0.6, 0.9], np.float32))


def test_conventions_and_scores_reach_the_metrics():
    pytest.importorskip("pycocotools")
    conventions = Conventions(coco=True)
    summary = evaluate(
        finding(with_a_false_one), Dataset([5, 7]), "test", conventions=conventions
    ).summary()
    # the false ones come first: precision 2 / 4 at every recall; without scores it would be 1
    assert summary["coco"]["ap"] == pytest.approx(0.5)
    assert summary["conventions"]["coco"] is True


def of_class(number: int) -> Callable[[np.ndarray], SimpleNamespace]:
    """Returns a network that finds the bright pixels as an instance of class `number`."""

    def predict(image: np.ndarray) -> SimpleNamespace:
        label = (image[..., 0] > 100).astype(np.int32)
        return SimpleNamespace(labels=label, scores=np.ones(1), classes=np.array([number]))

    return predict


@pytest.mark.parametrize(
    ("known", "labelled"),
    [
        (("object",), ("square", "box")),
        (("square",), ("square", "box")),
        (("square",), ("box",)),
        (("square", "box"), ("object",)),
        ((), ("square", "box")),
    ],
)
def test_classes_that_one_side_does_not_tell_apart_are_ignored_and_it_is_said(known, labelled):
    network = finding(of_class(1), *known)
    network.model_config.class_names = known
    with pytest.warns(UserWarning, match="Classes are ignored: .*data has " + ", ".join(labelled)):
        evaluation = evaluate(network, Dataset([3], labelled), "test")
    assert evaluation.class_names == ()
    assert evaluation.summary()["ap50"] == 1.0
    assert "classes" not in evaluation.summary()


@pytest.mark.parametrize("known", [("object",), ()])
def test_one_class_on_both_sides_needs_no_word(known):
    network = finding(of_class(1))
    network.model_config.class_names = known
    assert evaluate(network, Dataset([3]), "test").class_names == ()


def test_classes_in_another_order_are_matched_by_name():
    # The truth is a box, which is class 3 of the data and class 1 of the network.
    labelled, known = ("ring", "square", "box"), ("box", "ring", "square")
    for number, ap in ((1, 1.0), (3, 0.0)):
        evaluation = evaluate(finding(of_class(number), *known), Dataset([3], labelled), "test")
        assert evaluation.class_names == known
        assert evaluation.summary()["classes"]["box"]["ap50"] == ap
        assert evaluation.summary()["ap50"] == 1.0  # of all instances, ignoring their class


def test_a_class_that_the_data_lacks_is_said_and_its_predictions_are_false():
    network = finding(of_class(1), "box", "square")
    with pytest.warns(UserWarning, match="Predictions of box are false in the metrics of classes"):
        classes = evaluate(network, Dataset([3], ("square",)), "test").summary()["classes"]
    assert classes["box"]["num_predicted"] == classes["square"]["num_truth"] == 1
    assert classes["square"]["ap50"] == 0.0


def test_classes_that_the_network_does_not_know_are_refused():
    network = finding(of_class(1), "square", "box")
    with pytest.raises(InputError, match="data has square, ring; got ring. Convert data"):
        evaluate(network, Dataset([3], ("square", "ring")), "test")


class Gaps(Dataset):
    """One image with the instances 3 and 70,000, of the classes 2 and 1."""

    def images(self, split: str) -> Iterator[StoredImage]:
        label = np.array([[0, 3, 3, 0, 70_000]], np.int32)
        image = (label > 0).astype(np.uint8)[..., None] * 200
        yield StoredImage("a", image.shape, image, label, np.array([2, 1]))


def test_the_classes_of_ids_with_gaps_are_in_the_order_of_the_ids():
    def predict(image: np.ndarray) -> SimpleNamespace:
        label = np.array([[0, 1, 1, 0, 2]], np.int32)
        return SimpleNamespace(labels=label, scores=np.ones(2), classes=np.array([2, 2]))

    split = Gaps([1], ("square", "box"))
    classes = evaluate(finding(predict, "square", "box"), split, "test").summary()["classes"]
    assert classes["box"]["ap50"] == 1 / 2  # 3 is right, 2 is not
    assert (classes["square"]["num_truth"], classes["square"]["ap50"]) == (1, 0.0)
