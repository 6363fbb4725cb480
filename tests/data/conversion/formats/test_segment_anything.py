"""Segment Anything's data: masks in run lengths, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools import mask as pycoco

from tfseg import InputError, convert
from tfseg.data.conversion.formats import labelme, segment_anything
from tfseg.data.conversion.formats.base import Reading, refuse_faults

SIZE = {"image_id": 1, "width": 6, "height": 4, "file_name": "sa_1.jpg"}


def annotation(mask):
    runs = pycoco.encode(np.asfortranarray(mask, dtype=np.uint8))
    counts = {"size": [4, 6], "counts": runs["counts"].decode()}
    return {"id": 1, "segmentation": counts, "bbox": [0, 0, 1, 1], "predicted_iou": 0.9}


def write(png, folder, content):
    png(folder / "sa_1.jpg", np.zeros((4, 6), np.uint8))
    (folder / "sa_1.json").write_text(json.dumps(content))
    return folder


def test_masks_are_instances_and_the_smaller_one_wins(tmp_path, png):
    left = np.indices((4, 6))[1] < 3
    corner = np.zeros((4, 6), bool)
    corner[:2, :2] = True
    write(png, tmp_path, {"image": SIZE, "annotations": [annotation(corner), annotation(left)]})
    assert segment_anything.matches(tmp_path) and not labelme.matches(tmp_path)
    index = segment_anything.find(tmp_path, Reading())
    refuse_faults(index.splits)
    (item,) = index.splits["train"]
    sample = segment_anything.read(item, Reading())
    np.testing.assert_array_equal(sample.label, np.where(corner, 1, 2 * left))
    assert (index.class_names, sample.overlap_pixels) == ((), 4)


WRONG = {
    "another size": ({"image": SIZE | {"width": 7}, "annotations": []}, r"sa_1\.json, 4 x 7 \(hei"),
    "no size": ({"image": {}, "annotations": []}, r"must have the entry 'height', a whole number"),
    "runs": (
        {"image": SIZE, "annotations": [{"segmentation": {"size": [4, 6], "counts": [3]}}]},
        r"annotation 1, has run lengths that do not fit its image \(runs of 3 pixels for 4 x 6\)",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_cannot_be_read_is_a_fault_of_its_image(tmp_path, png, kind):
    content, message = WRONG[kind]
    write(png, tmp_path / "files", content)
    sound = {"image": SIZE, "annotations": [annotation(np.eye(4, 6))]}
    (tmp_path / "files" / "a.json").write_text(json.dumps(sound))
    png(tmp_path / "files" / "a.png", np.zeros((4, 6), np.uint8))
    with pytest.raises(InputError, match=message):
        convert(tmp_path / "files", tmp_path / "data")
    info = convert(tmp_path / "files", tmp_path / "data", on_error="skip").info
    assert (info.skipped_images, info.splits["train"].num_images) == (1, 1)
