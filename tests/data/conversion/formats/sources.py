"""A small source of every format, all of the same image and instance.

A writer takes the outline of the instance in each image, by its name; formats of pixels draw `LEFT`
in its place, and formats of run lengths take other outlines than `RING` as damaged counts.
"""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
from PIL import Image
from roifile import ImagejRoi

IMAGE = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
LEFT = np.zeros((4, 6), np.uint8)
LEFT[:, :2] = 1
RING = [0, 0, 2, 0, 2, 4, 0, 4]
SOUND = {"a": RING}
FLAT = np.zeros((4, 6, 3), np.uint8)
FLAT[..., 0] = LEFT  # the colour of the segment 1


def corners(ring):
    return np.reshape(ring, (-1, 2)).tolist()


def runs(ring):
    """Returns the run lengths of `LEFT`, by columns, or those of no image."""
    return {"size": [4, 6], "counts": [0, 8, 16] if ring == RING else [3, 3]}


def label_maps(source, png, rings=SOUND):
    for name in rings:
        png(source / "images" / f"{name}.png", IMAGE)
        png(source / "labels" / f"{name}.png", LEFT)


def cellpose(source, png, rings=SOUND):
    for name in rings:
        png(source / f"{name}.png", IMAGE)
        png(source / f"{name}_masks.png", LEFT)


def instance_masks(source, png, rings=SOUND):
    for name in rings:
        png(source / name / "images" / f"{name}.png", IMAGE)
        png(source / name / "masks" / "1.png", LEFT)


def coco(source, png, rings=SOUND):
    images, annotations = [], []
    for id, (name, ring) in enumerate(rings.items(), start=1):
        png(source / "train2017" / f"{name}.png", IMAGE)
        images.append({"id": id, "file_name": f"{name}.png", "height": 4, "width": 6})
        annotations.append({"image_id": id, "category_id": 5, "segmentation": [ring]})
    categories = [{"id": 5, "name": "cell"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (source / "annotations").mkdir(exist_ok=True)
    (source / "annotations" / "instances_train2017.json").write_text(json.dumps(content))


def coco_panoptic(source, png, rings=SOUND):
    images, annotations = [], []
    for id, name in enumerate(rings, start=1):
        file = f"{name}.png"
        png(source / "train2017" / file, IMAGE)
        png(source / "annotations" / "panoptic_train2017" / file, FLAT)
        images.append({"id": id, "file_name": file})
        segments = [{"id": 1, "category_id": 5}]
        annotations.append({"image_id": id, "file_name": file, "segments_info": segments})
    categories = [{"id": 5, "name": "cell"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (source / "annotations" / "panoptic_train2017.json").write_text(json.dumps(content))


def cityscapes(source, png, rings=SOUND):
    for name in rings:
        png(source / "leftImg8bit" / "train" / "ulm" / f"{name}_leftImg8bit.png", IMAGE)
        ids = np.where(LEFT, 26001, 7).astype(np.uint16)
        png(source / "gtFine" / "train" / "ulm" / f"{name}_gtFine_instanceIds.png", ids)


def pascal_voc(source, png, rings=SOUND):
    for name in rings:
        png(source / "JPEGImages" / f"{name}.jpg", IMAGE)
        for kind in ("Object", "Class"):
            png(source / f"Segmentation{kind}" / f"{name}.png", LEFT)
    (source / "class_names.txt").write_text("background\ncell\n")


def labelme(source, png, rings=SOUND):
    for name, ring in rings.items():
        png(source / f"{name}.png", IMAGE)
        shapes = [{"label": "cell", "points": corners(ring)}]
        (source / f"{name}.json").write_text(json.dumps({"shapes": shapes}))


def cvat(source, png, rings=SOUND):
    images = ""
    for name, ring in rings.items():
        png(source / "images" / f"{name}.png", IMAGE)
        points = ";".join(f"{x}.0,{y}.0" for x, y in corners(ring))
        images += (
            f'<image id="0" name="{name}.png" width="6" height="4">'
            f'<polygon label="cell" points="{points}" z_order="0"/></image>'
        )
    (source / "annotations.xml").write_text(
        "<annotations><meta><task><labels><label><name>cell</name></label></labels></task></meta>"
        f"{images}</annotations>"
    )


def yolo(source, png, rings=SOUND):
    (source / "labels" / "train").mkdir(parents=True)
    for name, ring in rings.items():
        png(source / "images" / "train" / f"{name}.png", IMAGE)
        shares = np.array(corners(ring)) / (6, 4)
        line = " ".join(f"{share:.10f}" for share in shares.ravel())
        (source / "labels" / "train" / f"{name}.txt").write_text(f"0 {line}\n")
    (source / "data.yaml").write_text("names: [cell]\n")


def semantic(source, png, rings=SOUND):
    label_maps(source, png, rings)
    (source / "codes.txt").write_text("background\ncell\n")


def label_studio(source, png, rings=SOUND):
    tasks = []
    for id, (name, ring) in enumerate(rings.items(), start=1):
        png(source / "images" / f"{name}.png", IMAGE)
        percent = (np.array(corners(ring)) * 100 / (6, 4)).tolist()
        region = {
            "original_width": 6,
            "original_height": 4,
            "image_rotation": 0,
            "value": {"points": percent, "closed": True, "polygonlabels": ["cell"]},
            "type": "polygonlabels",
        }
        tasks.append(
            {
                "id": id,
                "annotations": [{"id": id, "was_cancelled": False, "result": [region]}],
                "file_upload": f"0f3c2a1b-{name}.png",
                "data": {"image": f"/data/upload/1/0f3c2a1b-{name}.png"},
            }
        )
    (source / "project-1-at-2026-05-01.json").write_text(json.dumps(tasks))


def via(source, png, rings=SOUND):
    content = {}
    for name, ring in rings.items():
        png(source / f"{name}.png", IMAGE)
        shape = {"name": "polygon", "all_points_x": ring[::2], "all_points_y": ring[1::2]}
        region = {"shape_attributes": shape, "region_attributes": {"kind": "cell"}}
        content[f"{name}.png99"] = {
            "filename": f"{name}.png",
            "size": 99,
            "regions": [region],
            "file_attributes": {},
        }
    (source / "via_region_data.json").write_text(json.dumps(content))


def geojson(source, png, rings=SOUND):
    for name, ring in rings.items():
        png(source / f"{name}.png", IMAGE)
        points = corners(ring)
        feature = {
            "type": "Feature",
            "id": "f1c3c0b8-0000-4000-8000-000000000001",
            "geometry": {"type": "Polygon", "coordinates": [[*points, points[0]]]},
            "properties": {
                "objectType": "annotation",
                "classification": {"name": "cell", "color": [200, 0, 0]},
            },
        }
        content = {"type": "FeatureCollection", "features": [feature]}
        (source / f"{name}.geojson").write_text(json.dumps(content))


def imagej_rois(source, png, rings=SOUND):
    for name, ring in rings.items():
        png(source / f"{name}.png", IMAGE)
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr("0002-0001.roi", ImagejRoi.frompoints(corners(ring)).tobytes())
        (source / f"{name}.zip").write_bytes(data.getvalue())


def segment_anything(source, png, rings=SOUND):
    for name, ring in rings.items():
        png(source / f"{name}.png", IMAGE)
        image = {"image_id": 1, "width": 6, "height": 4, "file_name": f"{name}.png"}
        annotation = {"id": 1, "segmentation": runs(ring), "bbox": [0, 0, 2, 4], "area": 8}
        content = {"image": image, "annotations": [annotation]}
        (source / f"{name}.json").write_text(json.dumps(content))


def cell_tracking(source, png, rings=SOUND):
    for number, _ in enumerate(rings):
        for path, pixels in (
            (source / "01" / f"t{number:03d}.tif", IMAGE),
            (source / "01_GT" / "SEG" / f"man_seg{number:03d}.tif", LEFT),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)


def nnunet(source, png, rings=SOUND):
    for name in rings:
        png(source / "imagesTr" / f"{name}_0000.png", IMAGE)
        png(source / "labelsTr" / f"{name}.png", LEFT)
    content = {
        "channel_names": {"0": "R", "1": "G", "2": "B"},
        "labels": {"background": 0, "cell": 1},
        "numTraining": len(rings),
        "file_ending": ".png",
    }
    (source / "dataset.json").write_text(json.dumps(content))


def coco_results(source, png, rings=SOUND):
    results = []
    for id, (name, ring) in enumerate(rings.items(), start=1):
        png(source / "images" / f"{name}.png", IMAGE)
        named = {"image_id": id, "file_name": f"{name}.png", "category_id": 1}
        results.append({**named, "segmentation": runs(ring), "score": 0.9})
    (source / "coco_results.json").write_text(json.dumps(results))


def predictions(source, png, rings=SOUND):
    label_maps(source, png, rings)
    rows = [f"{name}.png,1,8,0.9,1" for name in rings]
    (source / "instances.csv").write_text("\n".join(["image,id,area,score,class_id", *rows]) + "\n")


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
        label_studio,
        via,
        geojson,
        imagej_rois,
        segment_anything,
        cell_tracking,
        nnunet,
        coco_results,
        predictions,
    )
}
WITHOUT_CLASSES = {
    "label_maps",
    "cellpose",
    "instance_masks",
    "imagej_rois",
    "segment_anything",
    "cell_tracking",
    "coco_results",
    "predictions",
}
