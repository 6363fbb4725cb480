"""A small source of every format, all of the same image and instance."""

from __future__ import annotations

import json

import numpy as np

IMAGE = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
LEFT = np.zeros((4, 6), np.uint8)
LEFT[:, :2] = 1
RING = [0, 0, 2, 0, 2, 4, 0, 4]


def label_maps(source, png):
    png(source / "images" / "a.png", IMAGE)
    png(source / "labels" / "a.png", LEFT)


def cellpose(source, png):
    png(source / "a.png", IMAGE)
    png(source / "a_masks.png", LEFT)


def instance_masks(source, png):
    png(source / "a" / "images" / "a.png", IMAGE)
    png(source / "a" / "masks" / "1.png", LEFT)


def coco(source, png):
    png(source / "train2017" / "a.png", IMAGE)
    content = {
        "images": [{"id": 1, "file_name": "a.png", "height": 4, "width": 6}],
        "annotations": [{"image_id": 1, "category_id": 5, "segmentation": [RING]}],
        "categories": [{"id": 5, "name": "cell"}],
    }
    (source / "annotations").mkdir(exist_ok=True)
    (source / "annotations" / "instances_train2017.json").write_text(json.dumps(content))


def coco_panoptic(source, png):
    png(source / "train2017" / "a.png", IMAGE)
    png(source / "annotations/panoptic_train2017/a.png", np.stack([LEFT, 0 * LEFT, 0 * LEFT], -1))
    segments = [{"id": 1, "category_id": 5}]
    content = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [{"image_id": 1, "file_name": "a.png", "segments_info": segments}],
        "categories": [{"id": 5, "name": "cell"}],
    }
    (source / "annotations" / "panoptic_train2017.json").write_text(json.dumps(content))


def cityscapes(source, png):
    png(source / "leftImg8bit" / "train" / "ulm" / "a_leftImg8bit.png", IMAGE)
    ids = np.where(LEFT, 26001, 7).astype(np.uint16)
    png(source / "gtFine" / "train" / "ulm" / "a_gtFine_instanceIds.png", ids)


def pascal_voc(source, png):
    png(source / "JPEGImages" / "a.jpg", IMAGE)
    for kind in ("Object", "Class"):
        png(source / f"Segmentation{kind}" / "a.png", LEFT)
    (source / "class_names.txt").write_text("background\ncell\n")


def labelme(source, png):
    png(source / "a.png", IMAGE)
    shapes = [{"label": "cell", "points": np.reshape(RING, (-1, 2)).tolist()}]
    (source / "a.json").write_text(json.dumps({"shapes": shapes}))


def cvat(source, png):
    png(source / "images" / "a.png", IMAGE)
    (source / "annotations.xml").write_text(
        "<annotations><meta><task><labels><label><name>cell</name></label></labels></task></meta>"
        '<image id="0" name="a.png" width="6" height="4">'
        '<polygon label="cell" points="0.0,0.0;2.0,0.0;2.0,4.0;0.0,4.0" z_order="0"/>'
        "</image></annotations>"
    )


def yolo(source, png):
    png(source / "images" / "train" / "a.png", IMAGE)
    (source / "labels" / "train").mkdir(parents=True)
    (source / "labels" / "train" / "a.txt").write_text("0 0 0 0.3333333333 0 0.3333333333 1 0 1\n")
    (source / "data.yaml").write_text("names: [cell]\n")


def semantic(source, png):
    label_maps(source, png)
    (source / "codes.txt").write_text("background\ncell\n")


WRITERS = {
    writer.__name__: writer
    for writer in (
        label_maps,
        cellpose,
        instance_masks,
        coco,
        coco_panoptic,
        cityscapes,
        pascal_voc,
        labelme,
        cvat,
        yolo,
        semantic,
    )
}
