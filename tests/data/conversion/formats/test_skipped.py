"""With on_error="skip", every format leaves out an image that cannot be read, and names it."""

from __future__ import annotations

import csv
import json

import pytest
from sources import IMAGE, LEFT, WRITERS

from tfseg import InputError, convert
from tfseg.data.dataset.dataset import SKIPPED_FILE

TWO_CORNERS = {"shapes": [{"label": "cell", "points": [[1, 1], [5, 1]], "shape_type": "polygon"}]}
FAULTS = {
    "an image without a label": ("label_maps", ["images/b.png"]),
    "a label without an image": ("label_maps", ["labels/b.png"]),
    "an image without ids": ("cellpose", ["b.png"]),
    "ids without an image": ("cellpose", ["b_masks.png"]),
    "a folder without masks": ("instance_masks", ["b/images/b.png"]),
    "two images of one": ("instance_masks", ["b/images/b.png", "b/images/c.png", "b/masks/1.png"]),
    "a frame without ids": ("cityscapes", ["leftImg8bit/train/ulm/b_leftImg8bit.png"]),
    "an object without an image": ("pascal_voc", ["SegmentationObject/b.png"]),
    "no JSON": ("labelme", ["b.png"]),
    "a JSON without an image": ("labelme", ["b.json"]),
    "a polygon of two corners": ("labelme", ["b.png", "b.json"]),
    "an image that is not listed": ("cvat", ["images/b.png"]),
    "a text without an image": ("yolo", ["labels/train/b.txt"]),
    "a text that is no polygon": ("yolo", ["images/train/b.png", "labels/train/b.txt"]),
    "an image without a mask": ("semantic", ["images/b.png"]),
    "a mask without an image": ("semantic", ["labels/b.png"]),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_one_image_is_skipped_and_named(tmp_path, png, kind):
    name, files = FAULTS[kind]
    WRITERS[name](tmp_path / "files", png)
    for file in files:
        path = tmp_path / "files" / file
        if path.suffix == ".png":
            png(path, LEFT if "label" in file or "mask" in file or "Obj" in file else IMAGE)
        else:
            path.write_text(json.dumps(TWO_CORNERS) if path.suffix == ".json" else "0 0 0 1 1 1")
    with pytest.raises(InputError, match=r"b(_\w+)?(\.|/|;| must| has)"):
        convert(tmp_path / "files", tmp_path / "data", format=name)
    assert not (tmp_path / "data").exists()
    options = {"format": name, "on_error": "skip"}
    info = convert(tmp_path / "files", tmp_path / "data", **options).info
    assert (info.skipped_images, info.splits["train"].num_images) == (1, 1)
    with (tmp_path / "data" / SKIPPED_FILE).open(encoding="utf-8", newline="") as file:
        (_, (skipped, reason)) = csv.reader(file)
    assert skipped.split("/")[-1].startswith("b")
    assert str(tmp_path) not in reason


def test_every_format_with_files_of_images_is_here():
    assert {name for name, _ in FAULTS.values()} == WRITERS.keys() - {"coco", "coco_panoptic"}


@pytest.mark.parametrize("name", ["=1+1", "+b", "-b", "@b", 'b,"c"'])
def test_names_stand_in_the_table_as_they_are(tmp_path, png, name):
    WRITERS["label_maps"](tmp_path / "files", png)
    png(tmp_path / "files" / "images" / f"{name}.png", IMAGE)
    dataset = convert(tmp_path / "files", tmp_path / "data", on_error="skip")
    with (dataset.path / SKIPPED_FILE).open(encoding="utf-8", newline="") as file:
        (_, (skipped, _)) = csv.reader(file)
    assert skipped == f"images/{name}.png"
