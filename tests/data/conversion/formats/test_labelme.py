"""LabelMe: what is found, read and refused."""

from __future__ import annotations

import base64
import json

import imagecodecs
import numpy as np
import pytest

from tfseg.checks import InputError
from tfseg.data.conversion.formats import labelme
from tfseg.data.conversion.formats.base import Reading, refuse_faults
from tfseg.data.conversion.formats.detection import detect

LEFT = [[0, 0], [2, 0], [2, 4], [0, 4]]  # columns 0 and 1 of 4 rows


def shape(points, label="cell", **others):
    return {"label": label, "points": points, "group_id": None, "shape_type": "polygon"} | others


def write_labelme(png, path, shapes, **changes):
    png(path.with_suffix(".png"), np.zeros((4, 6), np.uint8))
    content = {
        "version": "5.4.1",
        "flags": {},
        "shapes": shapes,
        "imagePath": "..\\..\\elsewhere\\a.png",
        "imageData": None,
        "imageHeight": 4,
        "imageWidth": 6,
    } | changes
    path.write_text(json.dumps(content), encoding="utf-8")


def read_one(source, **choices):
    index = labelme.find(source, Reading())
    return index.class_names, labelme.read(index.splits["train"][0], Reading(**choices))


def test_images_are_found_beside_their_files_wherever_these_say_they_are(tmp_path, png):
    for name in ("train/b c", "train/ä", "val/c"):
        write_labelme(png, tmp_path / f"{name}.json", [shape(LEFT)])
    assert detect(tmp_path) == "labelme"
    index = labelme.find(tmp_path, Reading())
    assert index.class_names == ("cell",)
    assert {split: [item.id for item in items] for split, items in index.splits.items()} == {
        "train": ["b c", "ä"],
        "val": ["c"],
    }
    assert index.splits["val"][0].image == tmp_path / "val" / "c.png"


def test_labels_are_classes_in_alphabetical_order_over_all_files(tmp_path, png):
    write_labelme(png, tmp_path / "a.json", [shape(LEFT, "dog")])
    write_labelme(png, tmp_path / "b.json", [shape(LEFT, "cat"), shape([[3, 0], [6, 0], [6, 4]])])
    index = labelme.find(tmp_path, Reading())
    assert index.class_names == ("cat", "cell", "dog")
    samples = [labelme.read(item, Reading()) for item in index.splits["train"]]
    assert [sample.class_of.tolist() for sample in samples] == [[3], [1, 2]]


def test_rectangles_circles_and_masks_have_their_pixels(tmp_path, png):
    mask = base64.b64encode(imagecodecs.png_encode(np.array([[0, 1], [1, 1]], np.uint8) * 255))
    shapes = [
        shape([[2, 1], [0, 0]], shape_type="rectangle"),  # rows 0 of columns 0, 1
        shape([[3.5, 0.5], [3.5, 0.9]], shape_type="circle"),  # the pixel (0, 3) alone
        shape([[4, 3], [5, 4]], shape_type="mask", mask=mask.decode()),  # its last row is outside
        shape([[0, 2], [1, 2], [1, 3], [0, 3]], shape_type="rectangle"),
    ]
    write_labelme(png, tmp_path / "a.json", shapes)
    _, sample = read_one(tmp_path)
    assert sample.label.tolist() == [
        [1, 1, 0, 2, 0, 0],
        [0, 0, 0, 0, 0, 0],
        [4, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 3],
    ]
    assert sample.hidden_instances == 0


@pytest.mark.parametrize("kind", ["oriented_rectangle", "rotation", "quadrilateral"])
def test_shapes_of_four_corners_are_polygons(tmp_path, png, kind):
    diamond = [[2, 0], [4, 2], [2, 4], [0, 2]]
    write_labelme(png, tmp_path / "a.json", [shape(diamond, shape_type=kind)])
    _, sample = read_one(tmp_path)
    # The centre (x, y) of a pixel lies inside where |x - 2| + |y - 2| < 2.
    y, x = np.mgrid[:4, :6] + 0.5
    inside = np.abs(x - 2) + np.abs(y - 2) < 2
    assert (sample.label[inside] == 1).all()
    assert (sample.label[np.abs(x - 2) + np.abs(y - 2) > 2] == 0).all()
    write_labelme(png, tmp_path / "a.json", [shape(diamond[:3], shape_type=kind)])
    with pytest.raises(InputError, match=rf'got "{kind}", and 3 points\. Draw it as a polygon'):
        refuse_faults(labelme.find(tmp_path, Reading()).splits)


def test_shapes_of_one_group_and_label_are_one_instance(tmp_path, png):
    right = [[5, 1], [9, 1], [9, 2], [5, 2]]
    shapes = [
        shape(LEFT, group_id=1),
        shape(right, group_id=1),
        shape([[2, 3], [3, 3], [3, 4], [2, 4]], "dog", group_id=1),
        shape([[3, 3], [4, 3], [4, 4], [3, 4]]),
        shape([[4, 3], [5, 3], [5, 4], [4, 4]]),
    ]
    write_labelme(png, tmp_path / "a.json", shapes)
    names, sample = read_one(tmp_path)
    assert sample.label.tolist() == [
        [1, 1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 1],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 2, 3, 4, 0],
    ]
    assert [names[index - 1] for index in sample.class_of] == ["cell", "dog", "cell", "cell"]


def test_ignored_and_background_labels_are_no_classes(tmp_path, png):
    shapes = [
        shape(LEFT),
        shape([[1, 0], [4, 0], [4, 4], [1, 4]], "__ignore__"),
        shape([[4, 0], [6, 0], [6, 4], [4, 4]], "_background_"),
    ]
    write_labelme(png, tmp_path / "a.json", shapes)
    write_labelme(png, tmp_path / "b.json", [*shapes[2:], *shapes[2:]])
    names, sample = read_one(tmp_path, overlap="error")
    assert names == ("cell",)
    assert sample.label[0].tolist() == [1, 1, -1, -1, 0, 0]
    assert labelme.find(tmp_path, Reading()).notes == (
        "shapes with the label __ignore__, which are ignored: 1",
        "shapes with the label _background_, which are left out: 3",
    )


WRONG = {
    "a list": ([], r"a\.json must be an object; got \[\]"),
    "no shapes": ({"shapes": 3}, r"'shapes', a list; got 3"),
    "a shape without label": (
        {"shapes": [{"points": LEFT}]},
        r"Shape 1 of \S+ must have the entry",
    ),
    "no label at all": ({"shapes": []}, r"has no shape with a label\. Annotate"),
    "a point": (
        {"shapes": [shape(LEFT), shape([[1, 1]], shape_type="point")]},
        r"Shape 2 of \S+a\.json must be a polygon, .*; got .point., which has no",
    ),
    "one corner": ({"shapes": [shape([[1, 1]], shape_type="rectangle")]}, r"two points; got 1"),
    "two corners": ({"shapes": [shape(LEFT[:2])]}, r"at least three corners x, y; got 4 numbers"),
    "not a number": ({"shapes": [shape([*LEFT, [float("nan"), 1]])]}, r"coordinates that are num"),
    "a corner of text": ({"shapes": [shape([*LEFT, "x"])]}, r"coordinates that are numbers"),
    "a mask of text": (
        {"shapes": [shape(LEFT[:2], shape_type="mask", mask="é")]},
        r"Shape 1 of \S+a\.json has a mask that is not base64",
    ),
    "a mask of other bytes": (
        {"shapes": [shape(LEFT[:2], shape_type="mask", mask="AAAA")]},
        r"must be a PNG, JPEG, TIFF, BMP or WebP image",
    ),
    "a group of groups": ({"shapes": [shape(LEFT, group_id=[1])]}, r"a number as group_id; got \["),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_file_of_another_shape_is_refused(tmp_path, png, kind):
    changes, message = WRONG[kind]
    if isinstance(changes, dict):
        write_labelme(png, tmp_path / "a.json", **({"shapes": []} | changes))
    else:
        write_labelme(png, tmp_path / "a.json", [])
        (tmp_path / "a.json").write_text(json.dumps(changes))
    with pytest.raises(InputError, match=message):
        refuse_faults(labelme.find(tmp_path, Reading()).splits)


def test_files_beside_split_folders_are_refused(tmp_path, png):
    for name in ("train/a", "b"):
        (tmp_path / "train").mkdir(exist_ok=True)
        write_labelme(png, tmp_path / f"{name}.json", [shape(LEFT)])
    with pytest.raises(InputError, match=r"must have b\.png or split folders, not both"):
        refuse_faults(labelme.find(tmp_path, Reading()).splits)


def test_an_image_of_another_size_and_files_without_a_partner_are_refused(tmp_path, png):
    write_labelme(png, tmp_path / "a.json", [shape(LEFT)], imageWidth=7)
    with pytest.raises(InputError, match=r"a\.png must have the size in a\.json, 4 x 7 .* 6"):
        read_one(tmp_path)
    png(tmp_path / "b.png", np.zeros((4, 6), np.uint8))
    with pytest.raises(
        InputError, match=r"b\.png must have a JSON file .* none\. Add it, or take the image"
    ):
        refuse_faults(labelme.find(tmp_path, Reading()).splits)
    (tmp_path / "b.png").unlink()
    (tmp_path / "a.png").unlink()
    with pytest.raises(
        InputError, match=r"a\.json must have an image .* none\. Add it, or take the JSON"
    ):
        refuse_faults(labelme.find(tmp_path, Reading()).splits)
