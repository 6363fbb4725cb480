"""COCO's metrics: worked out by hand, and equal to pycocotools on masks and a results file."""

from __future__ import annotations

import contextlib
import io
import json
import sys

import numpy as np
import pytest
from PIL import Image

from tfseg.checks import InputError
from tfseg.evaluation.coco_results import results_pairs
from tfseg.metrics import Conventions, Evaluation, Pair, evaluate_pairs

coco = pytest.importorskip("pycocotools.coco")
cocoeval = pytest.importorskip("pycocotools.cocoeval")
mask = pytest.importorskip("pycocotools.mask")


def metrics(*pairs: Pair, class_names=(), **conventions) -> dict[str, float]:
    settings = Conventions(coco=True, **conventions)
    return evaluate_pairs(pairs, conventions=settings, class_names=class_names).summary()["coco"]


def scene(seed: int, size: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Rectangles, and the same moved and with some left out; areas from 16 to 2500 pixels."""
    draw = np.random.default_rng(seed)
    truth, prediction = np.zeros((2, size, size), np.int32)
    for index in range(1, 13):
        side = draw.integers(4, 50)
        y, x = draw.integers(0, size - side, 2)
        truth[y : y + side, x : x + side] = index
        if draw.random() < 0.8:
            y, x = y + draw.integers(0, 3), x + draw.integers(0, 3)
            prediction[y : y + side, x : x + side] = index
    return truth, prediction


def reference(pairs: list[Pair], tmp_path) -> list[float]:
    """The twelve numbers of pycocotools, from binary masks and a results file, with its maxDets."""
    images, truths, results = [], [], []
    for number, pair in enumerate(pairs, start=1):
        images.append({"id": number, "height": pair.truth.shape[0], "width": pair.truth.shape[1]})
        for kind, ids in (("truth", pair.truth), ("found", pair.prediction)):
            for name in np.unique(ids[ids != 0]):
                rle = mask.encode(np.asfortranarray(ids == name, np.uint8))
                rle["counts"] = rle["counts"].decode()
                entry = {"image_id": number, "category_id": 1, "segmentation": rle}
                if kind == "truth":
                    area = float((ids == name).sum())
                    extra = {"id": len(truths) + 1, "area": area, "iscrowd": int(name < 0)}
                    truths.append(entry | extra | {"bbox": [0, 0, 1, 1]})
                else:
                    results.append(entry | {"score": float(pair.scores[name - 1])})
    dataset = {"images": images, "annotations": truths, "categories": [{"id": 1, "name": "a"}]}
    for file, content in (("truth.json", dataset), ("results.json", results)):
        (tmp_path / file).write_text(json.dumps(content), encoding="utf-8")
    return of_files(tmp_path)


def as_text(plane: np.ndarray) -> dict:
    rle = mask.encode(np.asfortranarray(plane, np.uint8))
    return rle | {"counts": rle["counts"].decode()}


def of_files(tmp_path) -> list[float]:
    """The twelve numbers of truth.json and results.json."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco.COCO(str(tmp_path / "truth.json"))
        evaluator = cocoeval.COCOeval(truth, truth.loadRes(str(tmp_path / "results.json")), "segm")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return evaluator.stats.tolist()


@pytest.mark.parametrize("ignored", [False, True])
def test_the_metrics_are_those_of_pycocotools_where_its_limit_cuts_nothing(tmp_path, ignored):
    draw = np.random.default_rng(5)
    pairs = []
    for index in range(4):
        truth, prediction = scene(index)
        if ignored:
            truth[60:, :40] = -1
        pairs.append(Pair(str(index), truth, prediction, scores=draw.random(12)))
    stats = reference(pairs, tmp_path)
    ours = metrics(*pairs)
    expected = dict(zip(("ap", "ap50", "ap75", "ap_small", "ap_medium"), stats, strict=False))
    expected |= dict(zip(("ar", "ar_small", "ar_medium"), stats[8:], strict=False))
    assert {name: ours[name] for name in expected} == pytest.approx(expected, rel=1e-12)
    assert 0.2 < ours["ap"] < 1.0
    assert ours["ap_large"] is None  # none of 96 x 96 pixels
    assert ours["max_dets"] == max(len(np.unique(pair.prediction)) - 1 for pair in pairs)


def test_a_false_prediction_of_higher_score_halves_the_precision():
    truth = np.array([[1, 1, 0, 0, 0, 0]])
    prediction = np.array([[1, 1, 0, 2, 2, 0]])
    # ranked: the false one (0.9), the right one (0.8): precision 1/2 at every recall
    assert metrics(Pair("a", truth, prediction, scores=[0.8, 0.9]))["ap"] == pytest.approx(0.5)
    assert metrics(Pair("a", truth, prediction, scores=[0.9, 0.8]))["ap"] == pytest.approx(1.0)


def test_more_than_a_hundred_instances_are_all_counted():
    truth = np.arange(1, 401, dtype=np.int32).reshape(20, 20)
    ours = metrics(Pair("dense", truth, truth, scores=np.ones(400)))
    assert ours["max_dets"] == 400
    assert ours["ap"] == ours["ar"] == pytest.approx(1.0)


def test_classes_are_scored_apart_and_averaged():
    truth = np.array([[1, 1, 0, 2, 2]])
    pair = Pair("a", truth, truth, truth_class_of=[1, 2], predicted_class_of=[1, 1], scores=[1, 1])
    # class 1: a right one and a false one of the same score, the right one first: 1; class 2: 0
    assert metrics(pair, class_names=("a", "b"))["ap"] == pytest.approx(0.5)
    right = pair._replace(predicted_class_of=[1, 2])
    assert metrics(right, class_names=("a", "b"))["ap"] == pytest.approx(1.0)


def test_nothing_predicted_is_0_and_nothing_to_find_is_not_defined():
    empty, one = np.zeros((3, 4), np.int32), np.eye(3, 4, dtype=np.int32)
    assert metrics(Pair("a", one, empty))["ap"] == 0.0
    assert metrics(Pair("a", empty, one))["ap"] is None


def test_without_scores_there_is_no_ap_and_recall_does_not_need_them():
    truth, prediction = np.array([[1, 1, 0, 0, 0]]), np.array([[1, 1, 0, 2, 2]])
    ours = metrics(Pair("a", truth, prediction))
    assert {ours[name] for name in ("ap", "ap50", "ap75", "ap_small")} == {None}
    assert ours["ar"] == 1.0
    assert metrics(Pair("a", truth, np.zeros_like(truth)))["ap"] == 0.0  # nothing to rank


def test_masks_that_overlap_are_scored_as_given(tmp_path):
    draw = np.random.default_rng(3)
    truth = np.zeros((60, 60), np.int32)
    truth[5:25, 5:25], truth[5:25, 30:50], truth[40:50, 10:20] = 1, 2, 3
    planes, scores = [], []
    for number in (1, 1, 2, 3, 3):  # duplicates
        planes.append(np.roll(truth == number, draw.integers(0, 3, 2), (0, 1)))
        scores.append(draw.random())
    annotations = [
        {"id": number, "image_id": 1, "category_id": 1, "iscrowd": 0, "bbox": [0, 0, 1, 1]}
        | {"area": float((truth == number).sum()), "segmentation": as_text(truth == number)}
        for number in (1, 2, 3)
    ]
    image = {"id": 1, "height": 60, "width": 60}
    dataset = {"images": [image], "annotations": annotations, "categories": [{"id": 1}]}
    results = [
        {"image_id": 1, "category_id": 1, "segmentation": as_text(plane), "score": score}
        for plane, score in zip(planes, scores, strict=True)
    ]
    (tmp_path / "truth.json").write_text(json.dumps(dataset))
    (tmp_path / "results.json").write_text(json.dumps(results))
    stats = of_files(tmp_path)
    Image.fromarray(truth.astype(np.uint8)).save(tmp_path / "1.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "1.png").rename(tmp_path / "labels" / "1.png")
    pairs = results_pairs(tmp_path / "results.json", tmp_path / "labels")
    summary = evaluate_pairs(pairs, conventions=Conventions(coco=True)).summary()
    names = ("ap", "ap50", "ap75", "ap_small")
    assert [summary["coco"][name] for name in names] == pytest.approx(stats[:4], rel=1e-12)
    assert summary["coco"]["ar"] == pytest.approx(stats[8], rel=1e-12)
    assert summary["coco"]["ap"] < 0.9  # of the id map it is 1 where the shift is 0
    assert summary["cut_predictions"] + summary["hidden_predictions"] == 2


def test_they_are_written_and_read_back(tmp_path):
    truth, prediction = scene(1)
    conventions = Conventions(coco=True)
    evaluation = evaluate_pairs([("a", truth, prediction)], conventions=conventions)
    evaluation.write(tmp_path)
    assert Evaluation.read(tmp_path).summary()["coco"] == evaluation.summary()["coco"]
    assert "max_dets predictions" in evaluation.summary()["formulas"]["coco"]


def test_a_prediction_without_a_score_is_refused():
    truth = np.array([[0, 3]])
    with pytest.raises(InputError, match="^Image 'a': every id must have a score; got the id 3"):
        metrics(Pair("a", truth, truth, scores=[0.5]))


def test_a_missing_pycocotools_is_said_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocotools.mask", None)
    with pytest.raises(InputError, match=r"need pycocotools, .* pip install 'tfseg\[coco\]'"):
        metrics(Pair("a", np.eye(3, dtype=int), np.eye(3, dtype=int)))
