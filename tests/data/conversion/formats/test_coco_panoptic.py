"""COCO panoptic: what is found, read and refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tfseg.checks import InputError
from tfseg.data.conversion.formats import coco_panoptic
from tfseg.data.conversion.formats.base import Reading, refuse_faults
from tfseg.data.conversion.formats.detection import detect

CATEGORIES = [
    {"id": 200, "name": "rug", "isthing": 0},
    {"id": 18, "name": "dog", "isthing": 1},
    {"id": 1, "name": "person", "isthing": 1},
]
# ids of segments: void, 5, 300 = 44 + 256, 70000 = 112 + 17 * 256 + 65536, 9
SEGMENTS = np.array([[0, 5, 5, 300, 70000, 9]])
INFO = [
    {"id": 300, "category_id": 18, "iscrowd": 0},
    {"id": 5, "category_id": 1},
    {"id": 70000, "category_id": 200},
    {"id": 9, "category_id": 1, "iscrowd": 1},
]


def write_panoptic(png, path, *, segments=SEGMENTS, folder=None, name="a", **changes):
    colours = np.stack([segments % 256, segments // 256 % 256, segments // 65536], axis=-1)
    png(path.with_suffix("") / f"{name}.png", colours.astype(np.uint8))
    png((folder or path.parent) / f"{name}.jpg", np.zeros(segments.shape, np.uint8))
    content = {
        "images": [{"id": 7, "file_name": f"{name}.jpg", "height": 1, "width": 6}],
        "annotations": [{"image_id": 7, "file_name": f"{name}.png", "segments_info": INFO}],
        "categories": CATEGORIES,
    } | changes
    path.write_text(json.dumps(content), encoding="utf-8")


def test_things_are_instances_void_and_crowds_ignored_and_the_rest_background(tmp_path, png):
    files = tmp_path / "annotations"
    write_panoptic(png, files / "panoptic_train2017.json", folder=tmp_path / "train2017")
    write_panoptic(png, files / "panoptic_val2017.json", folder=tmp_path / "val2017", name="b")
    assert detect(tmp_path) == "coco_panoptic"
    index = coco_panoptic.find(tmp_path, Reading())
    assert index.class_names == ("person", "dog")  # in the order of the ids 1 and 18
    assert {split: [item.id for item in items] for split, items in index.splits.items()} == {
        "train": ["a"],
        "val": ["b"],
    }
    assert index.notes[-1] == "categories that are no things, and become background: 1"
    (tmp_path / "val2017" / "c.png").touch()
    assert coco_panoptic.find(tmp_path, Reading()).notes[-2:-1] == (
        "images that no JSON file lists, and left out: 1, such as val2017/c.png",
    )
    sample = coco_panoptic.read(index.splits["train"][0], Reading())
    # numbered as in the file: 300 is 1, 5 is 2
    assert sample.label.tolist() == [[-1, 2, 2, 1, 0, -1]]
    assert sample.class_of.tolist() == [2, 1]
    assert (sample.hidden_instances, sample.ignored_crowds) == (0, 1)
    crowd_too = coco_panoptic.read(index.splits["train"][0], Reading(crowd="instance"))
    assert crowd_too.label.tolist() == [[-1, 2, 2, 1, 0, 4]]
    assert (crowd_too.class_of.tolist(), crowd_too.ignored_crowds) == ([2, 1, 1], 0)


def test_numbers_and_flags_may_be_written_in_other_types(tmp_path, png):
    info = [{"id": 5.0, "category_id": 1.0, "iscrowd": False}, {"id": 300, "category_id": 18}]
    info += [{"id": 70000, "category_id": 200}, {"id": 9, "category_id": 1, "iscrowd": "1"}]
    write_panoptic(
        png,
        tmp_path / "train.json",
        images=[{"id": "a", "file_name": "a.jpg"}],
        annotations=[{"image_id": "a", "file_name": "a.png", "segments_info": info}],
        categories=[entry | {"isthing": bool(entry["isthing"])} for entry in CATEGORIES],
    )
    (item,) = coco_panoptic.find(tmp_path, Reading()).splits["train"]
    sample = coco_panoptic.read(item, Reading())
    assert sample.label.tolist() == [[-1, 1, 1, 2, 0, -1]]
    assert sample.ignored_crowds == 1


def test_a_listed_segment_without_a_pixel_is_counted(tmp_path, png):
    segments = np.where(SEGMENTS == 300, 70000, SEGMENTS)
    write_panoptic(png, tmp_path / "train.json", segments=segments)
    (item,) = coco_panoptic.find(tmp_path, Reading()).splits["train"]
    assert coco_panoptic.read(item, Reading()).hidden_instances == 1


WRONG = {
    "a number": ({"annotations": 3}, r"'annotations', a list; got 3"),
    "no things": ({"categories": CATEGORIES[:1]}, r"must have a category of things; got none"),
    "an unknown image": (
        {"annotations": [{"image_id": 8, "file_name": "a.png", "segments_info": []}]},
        r"has segments of the image 8, which it does not list",
    ),
    "no annotation": ({"annotations": []}, r"must have an annotation of a\.jpg; it has none"),
    "a missing map": (
        {"annotations": [{"image_id": 7, "file_name": "c.png", "segments_info": []}]},
        r"must have its images in \S+train; there is no c\.png\. Add",
    ),
    "a path out": (
        {"annotations": [{"image_id": 7, "file_name": "../../a.png", "segments_info": []}]},
        r"must name a file within the folder of the images; got .\.\./\.\./a\.png.",
    ),
    "an image path out": (
        {"images": [{"id": 7, "file_name": "/a.jpg"}]},
        r"must name a file within the folder of the images; got ./a\.jpg.",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_file_of_another_shape_is_refused(tmp_path, png, kind):
    changes, message = WRONG[kind]
    write_panoptic(png, tmp_path / "train.json", **changes)
    with pytest.raises(InputError, match=message):
        refuse_faults(coco_panoptic.find(tmp_path, Reading()).splits)


@pytest.mark.parametrize(
    ("segment", "message"),
    [
        ({"id": 5, "category_id": 2}, r"of a\.png in \S+ must have a category of the file; got 2"),
        ({"category_id": 1}, r"must have the entry 'id', a whole number; got none"),
        (
            {"id": 5, "category_id": 1, "iscrowd": "x"},
            r"must have 'iscrowd' 0 or 1; got .x.\. Correct",
        ),
        (3, r"must be an object; got 3"),
    ],
)
def test_a_fault_of_a_segment_is_one_of_its_image_alone(tmp_path, png, segment, message):
    annotations = [{"image_id": 7, "file_name": "a.png", "segments_info": [segment]}]
    write_panoptic(png, tmp_path / "train.json", annotations=annotations)
    splits = coco_panoptic.find(tmp_path, Reading()).splits
    with pytest.raises(InputError, match=message):
        refuse_faults(splits)


def test_a_segment_that_is_not_listed_and_a_map_in_grey_are_refused(tmp_path, png):
    write_panoptic(png, tmp_path / "train.json", segments=SEGMENTS + 1)
    (item,) = coco_panoptic.find(tmp_path, Reading()).splits["train"]
    with pytest.raises(InputError, match=r"a\.png has the segment 1, which the JSON file does not"):
        coco_panoptic.read(item, Reading())
    png(tmp_path / "train" / "a.png", np.zeros((1, 6), np.uint8))
    with pytest.raises(InputError, match=r"a\.png must be an RGB picture of 8 bits"):
        coco_panoptic.read(item, Reading())


def test_other_categories_in_another_file_are_refused(tmp_path, png):
    write_panoptic(png, tmp_path / "train.json")
    write_panoptic(png, tmp_path / "val.json", name="b", categories=CATEGORIES[1:])
    with pytest.raises(InputError, match=r"val\.json must have the categories of the other files"):
        coco_panoptic.find(tmp_path, Reading())
