"""Predictions in a COCO results file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfseg.checks import InputError
from tfseg.data.conversion.formats.shapes import polygon
from tfseg.evaluation.coco_results import results_pairs
from tfseg.metrics import evaluate_pairs
from tfseg.run_lengths import decode

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


def entry(segmentation=RUNS, **others) -> dict:
    return {"image_id": "b", "category_id": 1, "segmentation": segmentation, "score": 0.5} | others


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([entry(image_id=7)], "no label for the image_id 7"),
        ([{"image_id": "b"}], r'entry 0, must be a COCO results file, .*; got \{"image_id": "b"\}'),
        ([3], "entry 0, must be a COCO results file, .*; got 3"),
        ({}, "must be a COCO results file, .*; got an empty object"),
        ({"images": []}, "must be a COCO results file, .*; got an object with images"),
        ("[{", r"results\.json is not JSON"),
        ("[" * 100_000, r"results\.json is not JSON"),
        ([entry("x")], r'must have polygons or run lengths; got "segmentation": "x"'),
        ([entry([[1, 1, float("nan"), 1, 5, 4]])], "coordinates that are numbers up to"),
        ([entry([[1, 1, 1e18, 1, 5, 4]])], "coordinates that are numbers up to"),
        ([entry([[1, 1, 5, 4]])], "at least three corners"),
        (
            [entry({"size": [2, 2], "counts": [4]})],
            r"the size \[6, 8\] are needed; got the size \[",
        ),
        ([entry({"size": [10**6, 10**6], "counts": [10**12]})], r"run lengths that do not fit"),
        ([entry({"size": [6, 8], "counts": [10**12]})], r"counts must be whole numbers"),
        ([entry({"size": [6, 8], "counts": [7.5, 40.5]})], r"counts must be whole numbers"),
        ([entry({"size": [6, 8], "counts": [7]})], r"runs of 7 pixels for 6 x 8"),
        ([entry(score=float("nan"))], "must have a score from 0 to 1; got NaN"),
        ([entry(score=1.5)], "must have a score from 0 to 1; got 1.5"),
        ([entry(score=-0.1)], "must have a score from 0 to 1; got -0.1"),
        ([entry(score="1")], 'must have a score from 0 to 1; got "1"'),
        ([entry(score=True)], "must have a score from 0 to 1; got true"),
        ([entry(), entry(score=None)], "must have a score in every entry, or in none"),
    ],
)
def test_what_is_no_results_file_of_these_images_is_refused(labels, entries, message):
    with pytest.raises(InputError, match=message):
        pairs(labels, entries)


def test_a_missing_file_is_refused(labels, tmp_path):
    with pytest.raises(InputError, match=r"no\.json does not exist"):
        results_pairs(tmp_path / "no.json", labels)


def test_the_masks_are_kept_as_given_beside_the_map_that_cuts_them(labels):
    large, small = [[0, 0, 4, 0, 4, 4, 0, 4]], [[1, 1, 3, 1, 3, 3, 1, 3]]
    _, pair = pairs(labels, [entry(large, score=0.9), entry(small, score=0.4)])
    assert [decode(runs, (6, 8)).sum() for runs in pair.masks] == [16, 4]
    assert np.unique(pair.prediction).tolist() == [0, 1]
    summary = evaluate_pairs([pair]).summary()
    assert (summary["cut_predictions"], summary["hidden_predictions"]) == (0, 1)
    _, pair = pairs(labels, [entry(large, score=0.4), entry(small, score=0.9)])
    summary = evaluate_pairs([pair]).summary()
    assert (summary["cut_predictions"], summary["hidden_predictions"]) == (1, 0)


def test_polygons_have_the_pixels_that_conversion_gives_them(labels):
    rings = [np.random.default_rng(seed).uniform(0, 8, (7, 2)) for seed in range(3)]
    _, pair = pairs(labels, [entry([ring.ravel().tolist() for ring in rings])])
    converted = polygon(rings, (6, 8))
    expected = np.zeros((6, 8), bool)
    height, width = converted.mask.shape
    expected[converted.y : converted.y + height, converted.x : converted.x + width] = converted.mask
    np.testing.assert_array_equal(decode(pair.masks[0], (6, 8)), expected)


def test_a_predicted_polygon_without_area_is_no_error(labels):
    _, pair = pairs(labels, [entry([[1, 1, 3, 3, 5, 5]], score=0.4)])
    assert [decode(runs, (6, 8)).sum() for runs in pair.masks] == [0]


def test_classes_that_are_ignored_are_said(labels):
    with pytest.warns(UserWarning, match="category_id of .* is ignored, .*; got 5, 7"):
        pairs(labels, [entry(category_id=5), entry(category_id=7)])


def test_a_file_name_says_the_image_whatever_its_id(labels):
    _, pair = pairs(labels, [entry(image_id=139, file_name="b.tif")])
    assert pair.scores.tolist() == [0.5]


@pytest.mark.filterwarnings("default:category_id")
def test_the_command_takes_a_results_file(labels, tmp_path, capsys):
    from tfseg.cli import main

    pairs(labels, [{"image_id": name, "segmentation": RUNS, "score": 1} for name in ("139", "b")])
    given = ["--predictions", str(tmp_path / "results.json"), "--labels", str(labels)]
    assert main(["evaluate", *given, "--coco", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["pq"], result["out"]) == (1.0, str(tmp_path / "results-evaluation"))
    assert result["coco"]["ap"] == pytest.approx(1.0)
    entries = [entry(), entry(), entry(category_id=2)]
    (tmp_path / "results.json").write_text(json.dumps(entries))
    assert main(["evaluate", *given]) == 0
    printed = capsys.readouterr().err
    assert "of the predicted masks 0 lost some of theirs and 2 lost all" in printed
    assert "tfseg: warning: category_id of" in printed
