"""With on_error="skip", every format leaves out an image that cannot be used, and names it."""

from __future__ import annotations

import csv
import re
import shutil

import pytest
from sources import IMAGE, LEFT, RING, WRITERS

from tfseg import InputError, convert
from tfseg.cli import main
from tfseg.data.dataset.info import SKIPPED_FILE

IMAGES = {  # of the image b in the source of every format
    "label_maps": "images/b.png",
    "cellpose": "b.png",
    "instance_masks": "b/images/b.png",
    "coco": "train2017/b.png",
    "coco_panoptic": "train2017/b.png",
    "cityscapes": "leftImg8bit/train/ulm/b_leftImg8bit.png",
    "pascal_voc": "JPEGImages/b.jpg",
    "labelme": "b.png",
    "cvat": "images/b.png",
    "yolo": "images/train/b.png",
    "semantic": "images/b.png",
    "label_studio": "images/b.png",
    "via": "b.png",
    "geojson": "b.png",
    "imagej_rois": "b.png",
    "segment_anything": "b.png",
    "cell_tracking": "01/t001.tif",
    "nnunet": "imagesTr/b_0000.png",
    "coco_results": "images/b.png",
    "predictions": "images/b.png",
}
ANNOTATIONS = {  # of the same image, in formats with a file for each image
    "label_maps": "labels/b.png",
    "cellpose": "b_masks.png",
    "instance_masks": "b/masks/1.png",
    "coco_panoptic": "annotations/panoptic_train2017/b.png",
    "cityscapes": "gtFine/train/ulm/b_gtFine_instanceIds.png",
    "pascal_voc": "SegmentationClass/b.png",
    "labelme": "b.json",
    "semantic": "labels/b.png",
    "yolo": "labels/train/b.txt",
    "geojson": "b.geojson",
    "imagej_rois": "b.zip",
    "segment_anything": "b.json",
    "cell_tracking": "01_GT/SEG/man_seg001.tif",
    "nnunet": "labelsTr/b.png",
    "predictions": "labels/b.png",
}
EMPTY_WITHOUT = {"instance_masks", "yolo"}  # an image without annotation has no instances there
OUTLINES = ["coco", "labelme", "cvat", "yolo", "label_studio", "via", "geojson", "imagej_rois"]
RUNS = ["segment_anything", "coco_results"]
FAULTS = [
    *(("an outline of two corners", name) for name in [*OUTLINES, *RUNS]),
    *(("an outline without area", name) for name in OUTLINES),
    *(("a missing image", name) for name in IMAGES),
    *(("a damaged image", name) for name in IMAGES),
    *(("a damaged annotation", name) for name in ANNOTATIONS),
    *(
        ("a missing annotation", name)
        for name in ANNOTATIONS
        if name not in EMPTY_WITHOUT | {"cell_tracking"}  # which annotates some frames
    ),
]
RINGS = {"an outline of two corners": [1, 1, 5, 1], "an outline without area": [0, 0, 2, 2, 4, 4]}


def write(source, png, kind, name):
    """Writes the source of a format with the images a and b, and a fault of b."""
    WRITERS[name](source, png, {"a": RING, "b": RINGS.get(kind, RING)})
    path = source / (ANNOTATIONS if "annotation" in kind else IMAGES).get(name, "")
    if "damaged" in kind:
        path.write_bytes(b"\xff" * 40)
    elif "missing" in kind:
        path.unlink()


def test_every_format_is_in_the_table():
    assert IMAGES.keys() == WRITERS.keys()


@pytest.mark.parametrize(("kind", "name"), FAULTS)
def test_one_image_is_skipped_and_named(tmp_path, png, kind, name):
    source = tmp_path / "files"
    write(source, png, kind, name)
    with pytest.raises(InputError) as caught:
        convert(source, tmp_path / "data", format=name)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "data").exists()
    info = convert(source, tmp_path / "data", format=name, on_error="skip").info
    assert (info.skipped_images, info.splits["train"].num_images) == (1, 1)
    with (tmp_path / "data" / SKIPPED_FILE).open(encoding="utf-8", newline="") as file:
        (_, (skipped, reason)) = csv.reader(file)
    assert re.search(r"(\b|/)(b|b_\w+|t001|man_seg001)(\.\w+)?$", skipped)
    assert str(tmp_path) not in reason


@pytest.mark.parametrize("name", ["coco", "label_maps"])
def test_the_exit_code_is_1_and_the_others_are_converted(tmp_path, png, capsys, name):
    write(tmp_path / "files", png, "a missing image", name)
    given = [str(tmp_path / "files"), str(tmp_path / "data")]
    assert main(["convert", *given]) == 2
    assert main(["convert", *given, "--on_error", "skip"]) == 1
    assert "skipped images, listed in" in capsys.readouterr().err


FURTHER = {
    "two images of one": ("instance_masks", "b/images/c.png", IMAGE),
    "an image that is not listed": ("cvat", "images/c.png", IMAGE),
    "a JSON without an image": ("labelme", "c.json", None),
    "a text without an image": ("yolo", "labels/train/c.txt", None),
    "a label without an image": ("label_maps", "labels/c.png", LEFT),
}


@pytest.mark.parametrize("kind", FURTHER)
def test_a_file_without_a_partner_is_skipped(tmp_path, png, kind):
    name, file, pixels = FURTHER[kind]
    WRITERS[name](tmp_path / "files", png, {"a": RING, "b": RING})
    path = tmp_path / "files" / file
    if pixels is None:
        shutil.copy(tmp_path / "files" / file.replace("c.", "b."), path)
    else:
        png(path, pixels)
    with pytest.raises(InputError):
        convert(tmp_path / "files", tmp_path / "data", format=name)
    info = convert(tmp_path / "files", tmp_path / "data", format=name, on_error="skip").info
    assert info.skipped_images == 1
    assert info.splits["train"].num_images == (1 if name == "instance_masks" else 2)


@pytest.mark.parametrize("name", ["=1+1", "+b", "-b", "@b", 'b,"c"'])
def test_names_stand_in_the_table_as_they_are(tmp_path, png, name):
    WRITERS["label_maps"](tmp_path / "files", png)
    png(tmp_path / "files" / "images" / f"{name}.png", IMAGE)
    dataset = convert(tmp_path / "files", tmp_path / "data", on_error="skip")
    with (dataset.path / SKIPPED_FILE).open(encoding="utf-8", newline="") as file:
        (_, (skipped, _)) = csv.reader(file)
    assert skipped == f"images/{name}.png"
