"""COCO files: pycocotools reads exactly the predicted instances from them."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from pycocotools import mask as tools
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tfseg.data.conversion.formats import coco
from tfseg.data.conversion.formats.base import Reading
from tfseg.inference import json_stream
from tfseg.inference.coco import annotation_file, image_ids, results
from tfseg.inference.instances import Instances
from tfseg.run_lengths import decompress

SCORES = np.linspace(0.9, 0.1, 5).astype(np.float32)
CLASSES = np.array([1, 2, 1, 2, 2], np.int32)


def entries(label: np.ndarray, image_id: int = 7) -> list[dict]:
    """Returns the entries as they are read from the file."""
    table = Instances(label, SCORES, CLASSES).to_pandas()
    return json.loads(json.dumps(list(results(label, table, image_id, "a.png"))))


def write_annotations(path: Path, images: list[dict], predicted: list[dict]) -> None:
    json_stream.write(path, annotation_file(images, predicted, class_names=("cell", "dust")))


def test_an_entry_worked_out_by_hand():
    label = np.array([[0, 1, 1], [0, 1, 0]], np.int32)
    (entry,) = entries(label)
    # column by column: 2 pixels outside, 3 inside, 1 outside
    assert decompress(entry["segmentation"]["counts"]).tolist() == [2, 3, 1]
    assert entry["segmentation"]["size"] == [2, 3]
    assert (entry["bbox"], entry["area"], entry["score"]) == ([1, 0, 2, 2], 3, 0.9)
    assert (entry["image_id"], entry["category_id"]) == (7, 1)


@given(arrays(np.int32, (6, 7), elements=st.integers(0, 5)))
def test_pycocotools_decodes_exactly_the_pixels_and_writes_the_same_string(label):
    for entry, id in zip(entries(label), np.unique(label[label > 0]), strict=True):
        mask = label == id
        np.testing.assert_array_equal(tools.decode(entry["segmentation"]), mask)
        expected = tools.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
        assert entry["segmentation"]["counts"] == expected.decode()
        assert entry["bbox"] == tools.toBbox(entry["segmentation"]).tolist()
        assert entry["area"] == mask.sum()


@pytest.mark.parametrize("names", [("0012.png", "7.tif"), ("a.png", "7.png"), ("7.png", "07.tif")])
def test_pycocotools_scores_the_results_against_the_annotations(names, tmp_path):
    label = np.zeros((40, 50), np.int32)
    label[3:20, 5:30], label[25:38, 10:48], label[22, 0] = 1, 2, 3
    ids = image_ids(names)
    predicted = [entry for name in names for entry in entries(label, ids[name])]
    images = [{"id": ids[name], "file_name": name, "height": 40, "width": 50} for name in names]
    write_annotations(tmp_path / "truth.json", images, predicted)
    (tmp_path / "predicted.json").write_text(json.dumps(predicted))
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(tmp_path / "truth.json")
        evaluator = COCOeval(truth, truth.loadRes(str(tmp_path / "predicted.json")), "segm")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    assert evaluator.stats[0] == pytest.approx(1.0)
    assert len(truth.getAnnIds()) == 6
    np.testing.assert_array_equal(truth.annToMask(truth.anns[2]), label == 2)


def test_an_image_id_is_the_number_when_all_names_are_different_numbers():
    assert image_ids(["0012.png", "7.tif"]) == {"0012.png": 12, "7.tif": 7}


def test_an_image_id_is_the_position_among_other_names():
    assert image_ids(["a.png", "7.png"]) == {"a.png": 1, "7.png": 2}
    assert image_ids(["7.png", "07.png"]) == {"7.png": 1, "07.png": 2}


def test_conversion_reads_the_annotations_again(tmp_path):
    label = np.zeros((40, 50), np.int32)
    label[3:20, 5:30], label[25:38, 10:48] = 1, 2
    images = [{"id": 1, "file_name": "a.png", "height": 40, "width": 50}]
    write_annotations(tmp_path / "coco.json", images, entries(label, 1))
    Image.fromarray(label.astype(np.uint8)).save(tmp_path / "a.png")
    index = coco.find(tmp_path, Reading())
    sample = coco.read(index.splits["train"][0], Reading())
    np.testing.assert_array_equal(sample.label, label)
    assert (index.class_names, sample.class_of.tolist()) == (("cell", "dust"), [1, 2])
