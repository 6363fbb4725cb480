"""Predictions in a COCO results file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfseg.checks import InputError
from tfseg.evaluation.coco_results import results_pairs

mask = pytest.importorskip("pycocotools.mask")

TRUTH = np.zeros((6, 8), np.uint16)
TRUTH[1:4, 1:5] = 3
PLANE = TRUTH > 0
COMPRESSED = mask.encode(np.asfortranarray(PLANE, np.uint8))
COMPRESSED["counts"] = COMPRESSED["counts"].decode()
# down the columns: 7 outside, 3 inside, four times, with 3 outside between
RUNS = {"size": [6, 8], "counts": [7, 3, 3, 3, 3, 3, 3, 3, 20]}
POLYGON = [[1, 1, 5, 1, 5, 4, 1, 4]]


@pytest.fixture
def labels(tmp_path) -> Path:
    (tmp_path / "labels").mkdir()
    for name in ("000000000139", "b"):
        Image.fromarray(TRUTH).save(tmp_path / "labels" / f"{name}.png")
    return tmp_path / "labels"


def pairs(labels: Path, entries: object) -> list:
    path = labels.parent / "results.json"
    text = entries if isinstance(entries, str) else json.dumps(entries)
    path.write_text(text, encoding="utf-8")
    return list(results_pairs(path, labels))


@pytest.mark.parametrize(
    "segmentation", [COMPRESSED, RUNS, POLYGON], ids=["rle", "runs", "polygon"]
)
@pytest.mark.parametrize("image_id", [139, "139", "000000000139"])
def test_masks_of_every_kind_become_ids_of_the_image(labels, segmentation, image_id):
    entry = {"image_id": image_id, "category_id": 1, "segmentation": segmentation, "score": 0.5}
    numbered, other = pairs(labels, [entry])
    assert (numbered.id, numbered.scores.tolist()) == ("000000000139", [0.5])
    np.testing.assert_array_equal(numbered.prediction, PLANE)
    np.testing.assert_array_equal(numbered.truth, TRUTH)
    assert (other.id, other.scores.tolist(), other.prediction.max()) == ("b", [], 0)


def test_the_higher_score_has_the_pixels_that_both_claim(labels):
    entries = [
        {"image_id": "b", "segmentation": [[0, 0, 4, 0, 4, 4, 0, 4]], "score": 0.4},
        {"image_id": "b", "segmentation": [[2, 2, 6, 2, 6, 6, 2, 6]], "score": 0.9},
    ]
    for given in (entries, entries[::-1]):
        _, pair = pairs(labels, given)
        assert pair.scores.tolist() == [0.9, 0.4]
        assert pair.prediction[3, 3] == 1
        assert [(pair.prediction == number).sum() for number in (1, 2)] == [16, 12]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([{"image_id": 7, "segmentation": POLYGON}], "no label for the image_id 7"),
        ([{"image_id": "b"}], "must be a COCO results file, .*; no entry 'segmentation'"),
        ({"images": []}, "must be a COCO results file"),
        ("[{", "must be a COCO results file"),
        ([{"image_id": "b", "segmentation": "x"}], "Image 'b' has a segmentation that is neither"),
        (
            [{"image_id": "b", "segmentation": {"size": [2, 2], "counts": [4]}}],
            r"Image 'b' has a segmentation of \(2, 2\) pixels for a label of \(6, 8\)",
        ),
    ],
)
def test_what_is_no_results_file_of_these_images_is_refused(labels, entries, message):
    with pytest.raises(InputError, match=message):
        pairs(labels, entries)


def test_a_missing_file_is_refused(labels, tmp_path):
    with pytest.raises(InputError, match="no.json cannot be read: No such file"):
        results_pairs(tmp_path / "no.json", labels)


def test_the_command_takes_a_results_file(labels, tmp_path, capsys):
    from tfseg.cli import main

    pairs(labels, [{"image_id": name, "segmentation": RUNS, "score": 1} for name in ("139", "b")])
    given = ["--predictions", str(tmp_path / "results.json"), "--labels", str(labels)]
    assert main(["evaluate", *given, "--coco", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["pq"], result["out"]) == (1.0, str(tmp_path / "results-evaluation"))
    assert result["coco"]["ap"] == pytest.approx(1.0)
