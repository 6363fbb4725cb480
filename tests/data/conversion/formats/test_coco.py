"""COCO instances: what is found, read and refused."""

from __future__ import annotations

import json

import imagecodecs
import numpy as np
import pytest
from pycocotools import mask as pycoco

from tfseg.checks import InputError
from tfseg.data.conversion.formats import coco
from tfseg.data.conversion.formats.base import Reading
from tfseg.data.conversion.formats.detection import detect

CATEGORIES = [{"id": 90, "name": "car"}, {"id": 3, "name": "cell"}]
LEFT = [0, 0, 2, 0, 2, 4, 0, 4]  # columns 0 and 1 of 4 rows


def annotation(segmentation, *, image_id=1, category_id=3, **others):
    return {
        "id": 17,
        "image_id": image_id,
        "category_id": category_id,
        "segmentation": segmentation,
        "bbox": [-5, -5, 99, 99],
        **others,
    }


def write_coco(path, annotations, *, names=("a.jpg",), folder=None, **changes):
    """Writes a JSON file, and images of 4 x 6 pixels in `folder`."""
    folder = folder or path.parent
    content = {
        "info": {"segmentation": "no annotation"},
        "images": [
            {"id": index + 1, "file_name": name, "height": 4, "width": 6}
            for index, name in enumerate(names)
        ],
        "annotations": annotations,
        "categories": CATEGORIES,
    } | changes
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(imagecodecs.png_encode(np.zeros((4, 6), np.uint8)))
    return path


def read_one(source, **choices):
    (item,) = coco.find(source, Reading()).splits["train"]
    return coco.read(item, Reading(**choices))


def test_the_layout_of_the_published_data_is_found(tmp_path):
    files = tmp_path / "annotations"
    write_coco(
        files / "instances_train2017.json",
        [annotation([LEFT], image_id=2)],
        names=("b.jpg", "a.jpg"),
        folder=tmp_path / "train2017",
    )
    write_coco(files / "instances_val2017.json", [], names=("c.jpg",), folder=tmp_path / "val2017")
    for other in ("captions_train2017", "person_keypoints_val2017", "panoptic_val2017"):
        (files / f"{other}.json").write_text("{}")
    assert detect(tmp_path) == "coco"
    index = coco.find(tmp_path, Reading())
    assert list(index.splits) == ["train", "val"]
    assert [item.id for item in index.splits["train"]] == ["a", "b"]
    assert index.splits["val"][0].image == tmp_path / "val2017" / "c.jpg"
    assert index.class_names == ("cell", "car")  # in the order of the ids 3 and 90
    first, second = (coco.read(item, Reading()) for item in index.splits["train"])
    assert first.label.tolist() == [[1, 1, 0, 0, 0, 0]] * 4
    assert not second.label.any()


@pytest.mark.parametrize(
    ("file", "folder", "split"),
    [
        ("annotations.json", "images", "train"),
        ("annotations/anything.json", "images", "train"),
        ("valid/_annotations.coco.json", "valid", "val"),
        ("test/annotations.json", "test/images", "test"),
        ("annotations/val.json", "images/val", "val"),
        ("my test.json", ".", "test"),
    ],
)
def test_other_usual_folders_are_found(tmp_path, file, folder, split):
    source = tmp_path / "train"  # the name of the source says nothing about the split
    write_coco(source / file, [annotation([LEFT])], folder=source / folder)
    assert detect(source) == "coco"
    index = coco.find(source, Reading())
    assert list(index.splits) == [split]
    assert index.splits[split][0].image == source / folder / "a.jpg"


def test_two_parts_are_one_instance_and_a_hole_is_left_out(tmp_path):
    outer, hole = [0, 0, 4, 0, 4, 4, 0, 4], [1, 1, 1, 3, 3, 3, 3, 1]
    apart = [5, 0, 6, 0, 6, 1, 5, 1]
    write_coco(tmp_path / "a.json", [annotation([outer, hole, apart])], names=("b.png",))
    sample = read_one(tmp_path)
    assert sample.label.tolist() == [
        [1, 1, 1, 1, 0, 1],
        [1, 0, 0, 1, 0, 0],
        [1, 0, 0, 1, 0, 0],
        [1, 1, 1, 1, 0, 0],
    ]
    assert sample.class_of.tolist() == [1]


def test_run_lengths_are_read_compressed_and_not(tmp_path):
    mask = np.zeros((4, 6), np.uint8)
    mask[1:3, 2:5], mask[2, 3] = 1, 0
    text = pycoco.encode(np.asfortranarray(mask))["counts"].decode()
    # down the columns: 9 out; rows 1, 2 of column 2; row 1 of column 3; rows 1, 2 of column 4
    plain = [9, 2, 2, 1, 3, 2, 5]
    for counts in (text, plain):
        segmentation = {"size": [4, 6], "counts": counts}
        write_coco(tmp_path / "a.json", [annotation(segmentation)], names=("b.png",))
        assert read_one(tmp_path).label.tolist() == mask.tolist()


def test_a_crowd_is_ignored_where_no_instance_is(tmp_path):
    crowd = annotation([[1, 0, 4, 0, 4, 4, 1, 4]], iscrowd=1)
    write_coco(tmp_path / "a.json", [crowd, annotation([LEFT])], names=("b.png",))
    sample = read_one(tmp_path)
    assert sample.label.tolist() == [[1, 1, -1, -1, 0, 0]] * 4
    assert (sample.class_of.tolist(), sample.overlap_pixels) == ([1], 0)


def test_instances_past_the_border_stay_and_those_without_a_pixel_are_counted(tmp_path):
    past = annotation([[4, -9, 400, -9, 400, 900, 4, 900]], category_id=90)
    outside = annotation([[40, 40, 41, 40, 41, 41]])
    write_coco(tmp_path / "a.json", [past, outside], names=("b.png",))
    sample = read_one(tmp_path)
    assert sample.label.tolist() == [[0, 0, 0, 0, 1, 1]] * 4
    assert (sample.class_of.tolist(), sample.hidden_instances) == ([2], 1)


def test_overlaps_are_decided_as_asked(tmp_path):
    large = annotation([[0, 0, 4, 0, 4, 4, 0, 4]])
    write_coco(tmp_path / "a.json", [large, annotation([LEFT])], names=("b.png",))
    assert read_one(tmp_path).label[0].tolist() == [2, 2, 1, 1, 0, 0]
    assert read_one(tmp_path).overlap_pixels == 8
    assert read_one(tmp_path, overlap="first").label[0].tolist() == [1, 1, 1, 1, 0, 0]
    with pytest.raises(InputError, match=r"b\.png must not overlap"):
        read_one(tmp_path, overlap="error")


def test_categories_of_one_name_are_one_class_whatever_their_ids_in_the_files(tmp_path):
    for split, used, categories in (
        ("train", 7, [{"id": 7, "name": "cell"}, {"id": 1, "name": "cell"}]),
        ("val", 2, [{"id": 1, "name": "car"}, {"id": 2, "name": "cell"}]),
    ):
        made = annotation([LEFT], category_id=used)
        write_coco(tmp_path / split / "a.json", [made], names=("b.png",), categories=categories)
    index = coco.find(tmp_path, Reading())
    assert index.class_names == ("cell", "car")
    for items in index.splits.values():
        assert coco.read(items[0], Reading()).class_of.tolist() == [1]


def test_names_with_spaces_and_letters_of_all_kinds_and_in_folders(tmp_path):
    names = ("a b/ä 图.png", "c\\d.e.png")
    write_coco(tmp_path / "annotations.json", [], names=names[:1])
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "d.e.png").write_bytes((tmp_path / names[0]).read_bytes())
    content = json.loads((tmp_path / "annotations.json").read_text(encoding="utf-8"))
    content["images"].append(content["images"][0] | {"id": 2, "file_name": names[1]})
    (tmp_path / "annotations.json").write_text(json.dumps(content), encoding="utf-8")
    items = coco.find(tmp_path, Reading()).splits["train"]
    assert [item.id for item in items] == ["a b/ä 图", "c/d.e"]


IMAGE = {"id": 1, "file_name": "b.png", "height": 4, "width": 6}
WRONG = {
    "a list": ([], r"a\.json must be an object; got \[\]"),
    "a number": (3, r"a\.json must be an object; got 3"),
    "no categories": ({"categories": None}, r"the entry 'categories', a list; got None"),
    "empty categories": ({"categories": []}, r"at least one category; got none"),
    "categories of numbers": ({"categories": [3]}, r"A category in \S+ must be an object; got 3"),
    "a category without name": ({"categories": [{"id": 1}]}, r"the entry 'name', a text; got none"),
    "images as an object": ({"images": {}}, r"the entry 'images', a list; got \{\}"),
    "no images": ({"images": [], "annotations": []}, r"a\.json lists no images"),
    "an image without name": ({"images": [{"id": 1}]}, r"'file_name', a text; got none"),
    "an image without size": (
        {"images": [{"id": 1, "file_name": "b.png"}]},
        r"b\.png in \S+a\.json must have the entry 'height', a whole number; got none",
    ),
    "a missing image": (
        {"images": [IMAGE | {"file_name": "no.png"}]},
        r"a\.json must have its images in \S+; there is no no\.png\. Add them",
    ),
    "a path out": (
        {"images": [IMAGE | {"file_name": "../b.png"}]},
        r"a\.json must name a file within the folder of the images; got '\.\./b\.png'",
    ),
    "a path out with backslashes": (
        {"images": [IMAGE | {"file_name": "x\\..\\..\\b.png"}]},
        r"must name a file within the folder of the images",
    ),
    "an absolute path": (
        {"images": [IMAGE | {"file_name": "/etc/passwd"}]},
        r"must name a file within the folder of the images; got '/etc/passwd'",
    ),
    "a drive": (
        {"images": [IMAGE | {"file_name": "C:\\b.png"}]},
        r"must name a file within the folder of the images",
    ),
    "a name too long": ({"images": [IMAGE | {"file_name": "x" * 5000}]}, r"there is no xxx"),
    "an image twice": ({"images": [IMAGE, IMAGE | {"id": 2}]}, r"has the image b twice"),
    "an id twice": ({"images": [IMAGE, IMAGE]}, r"has several images of the id 1"),
    "annotations of numbers": ({"annotations": [5]}, r"annotations with a segmentation; got 5"),
    "no segmentation": (
        {"annotations": [{"image_id": 1, "category_id": 3}]},
        r"must have annotations with a segmentation; got \{'image_id'",
    ),
    "an empty segmentation": ({"annotations": [annotation([])]}, r"17 must have annotations with"),
    "an unknown image": (
        {"annotations": [annotation([LEFT], image_id=9)]},
        r"annotations of images that it does not list, such as image_id 9",
    ),
    "an unknown category": (
        {"annotations": [annotation([LEFT], category_id=9)]},
        r"annotation 17 must have one of the categories 3, 90; got 9",
    ),
    "not a number": (
        {"annotations": [annotation([[0, 0, 1, float("nan"), 2, 2]])]},
        r"annotation 17 must have coordinates that are numbers up to 1e\+06 pixels; got \[0, 0",
    ),
    "infinite": ({"annotations": [annotation([[0, 0, float("inf"), 0, 2, 2]])]}, r"17 must have c"),
    "gigantic": ({"annotations": [annotation([[0, 0, 10**400, 0, 2, 2]])]}, r"17 must have coord"),
    "text": ({"annotations": [annotation([["a", "b"]])]}, r"17 must have coordinates"),
    "two corners": (
        {"annotations": [annotation([[0, 0, 1, 1]])]},
        r"annotation 17 must have at least three corners x, y; got 4 numbers",
    ),
    "an odd corner": ({"annotations": [annotation([[*LEFT, 1]])]}, r"got 9 numbers"),
    "negative run lengths": (
        {"annotations": [annotation({"size": [4, 6], "counts": [-1, 25]})]},
        r"run lengths must be whole numbers from 0 on",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_file_of_another_shape_is_refused(tmp_path, kind):
    content, message = WRONG[kind]
    changes = content if isinstance(content, dict) else {}
    (tmp_path / "b.png").write_bytes(b"outside of the source")
    path = write_coco(tmp_path / "files" / "a.json", [annotation([LEFT])], names=("b.png",))
    if changes:
        write_coco(path, **({"annotations": [], "names": ("b.png",)} | changes))
    else:
        path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        coco.find(tmp_path / "files", Reading())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"a\.json is not JSON \(it is empty\)"),
        (b'{"images": [', r"a\.json is not JSON \(Expecting value"),
        (b'{"images": \xff}', r"a\.json must be text in UTF-8"),
        (b"[" * 100_000, r"a\.json is not JSON \(maximum recursion depth"),
        (b'{"images": ' + b"9" * 5000 + b"}", r"a\.json is not JSON \(Exceeds the limit"),
    ],
)
def test_a_file_that_is_no_json_is_refused(tmp_path, data, message):
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(InputError, match=message):
        coco.find(tmp_path, Reading())


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        ({"size": [4, 6], "counts": [3, 4]}, r"runs of 7 pixels for 4 x 6"),
        ({"size": [4, 6], "counts": [100_000**2]}, None),
        ({"size": [6, 4], "counts": [24]}, r"counts and the size \[4, 6\] are needed"),
        ({"size": [4, 6], "counts": "~~"}, r"not a run length string"),
        ({"size": [4, 6], "counts": "é"}, r"ascii"),
        ({"size": [4, 6], "counts": 24}, r"counts and the size"),
        ({"counts": [24]}, r"counts and the size"),
        ("text", r"counts and the size"),
    ],
)
def test_run_lengths_that_do_not_fit_the_image_are_refused(tmp_path, segmentation, reason):
    write_coco(tmp_path / "a.json", [annotation(segmentation)], names=("b.png",))
    message = rf"annotation 17 has run lengths that do not fit its image \(.*{reason}.*\)\. Export"
    with pytest.raises(InputError, match=message if reason else "run lengths must be whole number"):
        read_one(tmp_path)


def test_an_image_of_another_size_than_the_file_says_is_refused(tmp_path):
    write_coco(tmp_path / "a.json", [], names=("b.png",))
    (tmp_path / "b.png").write_bytes(imagecodecs.png_encode(np.zeros((6, 4), np.uint8)))
    with pytest.raises(InputError, match=r"b\.png must have the size .* 4 x 6 .* got 6 x 4\. G"):
        read_one(tmp_path)


def test_two_files_of_one_split_are_refused(tmp_path):
    for year in (2014, 2017):
        write_coco(tmp_path / f"annotations/instances_val{year}.json", [])
    with pytest.raises(
        InputError, match=r"val2014\.json and \S+val2017\.json are both the split v"
    ):
        coco.find(tmp_path, Reading())
