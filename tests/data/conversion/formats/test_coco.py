"""COCO instances: what is found, read and refused."""

from __future__ import annotations

import json

import imagecodecs
import numpy as np
import pytest
from pycocotools import mask as pycoco

from tfseg.checks import InputError
from tfseg.data.conversion.formats import coco
from tfseg.data.conversion.formats.base import Reading, refuse_faults
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


def test_crowds_are_counted_and_instances_where_asked(tmp_path):
    brushed = [annotation({"size": [4, 6], "counts": [at, 2, 22 - at]}, iscrowd=1) for at in (0, 8)]
    write_coco(tmp_path / "a.json", [*brushed, annotation([LEFT])], names=("b.png",))
    assert read_one(tmp_path).ignored_crowds == 2
    sample = read_one(tmp_path, crowd="instance")
    # the first has rows 0, 1 of column 0, the second those of column 2
    assert sample.label.tolist() == [[1, 3, 2, 0, 0, 0]] * 2 + [[3, 3, 0, 0, 0, 0]] * 2
    assert (sample.class_of.tolist(), sample.ignored_crowds) == ([1, 1, 1], 0)
    (note,) = coco.find(tmp_path, Reading()).notes
    assert note.startswith("a.json: 2 of 2 crowds (iscrowd 1) have another of their class in their")
    assert coco.find(tmp_path, Reading(crowd="instance")).notes == ()


def test_one_crowd_of_a_class_in_an_image_is_what_coco_means(tmp_path):
    crowds = [annotation([LEFT], iscrowd=1, category_id=id) for id in (3, 90)]
    write_coco(tmp_path / "a.json", crowds, names=("b.png",))
    assert coco.find(tmp_path, Reading()).notes == ()


@pytest.mark.parametrize(
    ("value", "ignored"),
    [*((no, 0) for no in (0, 0.0, False, None, "0")), *((yes, 1) for yes in (1, 1.0, True, "1"))],
)
def test_a_crowd_may_be_written_in_any_type(tmp_path, value, ignored):
    made = annotation([LEFT], iscrowd=value, category_id=3.0)
    write_coco(tmp_path / "a.json", [made], names=("b.png",))
    sample = read_one(tmp_path)
    assert (sample.ignored_crowds, len(sample.class_of)) == (ignored, 1 - ignored)


def test_one_polygon_may_stand_without_its_list(tmp_path):
    write_coco(tmp_path / "a.json", [annotation(LEFT)], names=("b.png",))
    assert read_one(tmp_path).label.tolist() == [[1, 1, 0, 0, 0, 0]] * 4


@pytest.mark.parametrize(("id", "named"), [("cell0", "cell0"), (7, "7"), (7.0, 7), ("0", 0)])
def test_an_image_may_have_a_text_as_id(tmp_path, id, named):
    images = [{"id": id, "file_name": "b.png", "height": 4, "width": 6}]
    made = annotation([LEFT], image_id=named)
    write_coco(tmp_path / "a.json", [made], names=("b.png",), images=images)
    assert read_one(tmp_path).label.sum() == 8


def test_a_size_of_minus_one_as_via_writes_it_is_that_of_the_image(tmp_path):
    images = [{"id": 1, "file_name": "b.png", "height": -1, "width": -1}]
    write_coco(tmp_path / "a.json", [annotation([LEFT])], names=("b.png",), images=images)
    assert read_one(tmp_path).label.tolist() == [[1, 1, 0, 0, 0, 0]] * 4


@pytest.mark.parametrize(
    "path",
    ["../upload/1/b.png", "/data/b.png", "C:\\data\\b.png", "x\\..\\..\\b.png", "s3://a/b.png"],
)
def test_a_path_out_of_the_source_is_looked_for_by_its_last_name(tmp_path, path):
    write_coco(tmp_path / "files" / "a.json", [annotation([LEFT])], names=("b.png",))
    content = json.loads((tmp_path / "files" / "a.json").read_text())
    content["images"][0]["file_name"] = path
    (tmp_path / "files" / "a.json").write_text(json.dumps(content))
    (tmp_path / "b.png").write_bytes(b"outside of the source")
    index = coco.find(tmp_path / "files", Reading())
    (item,) = index.splits["train"]
    assert (item.id, item.image) == ("b", tmp_path / "files" / "b.png")
    assert index.notes == (
        f"a.json: 1 paths of images lead out of the source, such as {path}: looked for by their "
        "last names",
    )


@pytest.mark.parametrize(
    ("unused", "kept"),
    [
        ({"id": 0, "name": "project-x", "supercategory": "none"}, ("leaf",)),
        ({"id": 0, "name": "_background_"}, ("leaf",)),
        ({"id": 0, "name": "stem"}, ("stem", "leaf")),
    ],
)
def test_a_category_without_annotations_that_is_no_class_is_left_out(tmp_path, unused, kept):
    categories = [unused, {"id": 1, "name": "leaf", "supercategory": "project-x"}]
    made = annotation([LEFT], category_id=1)
    write_coco(tmp_path / "a.json", [made], names=("b.png",), categories=categories)
    index = coco.find(tmp_path, Reading())
    assert index.class_names == kept
    assert [unused["name"] in note for note in index.notes] == [True] * (2 - len(kept))
    assert read_one(tmp_path).class_of.tolist() == [len(kept)]
    used = annotation([LEFT], category_id=0)  # then it is a class
    write_coco(tmp_path / "a.json", [made, used], names=("b.png",), categories=categories)
    assert coco.find(tmp_path, Reading()).class_names == (unused["name"], "leaf")


def test_json_is_coco_when_it_has_images_and_annotations(tmp_path):
    path = write_coco(tmp_path / "train" / "via_region_data.json", [], names=("b.png",))
    assert coco.matches(tmp_path)
    path.write_text('{"b.png12": {"filename": "b.png", "regions": []}}')
    assert not coco.matches(tmp_path)
    for damaged in ("", '{"images": ', "[" * 100_000):
        path.write_text(damaged)
        with pytest.raises(InputError, match=r"via_region_data\.json is not JSON"):
            coco.find(tmp_path, Reading())
        assert coco.matches(tmp_path)
    path.write_text('{"b.png12": {"filename": "b.png", "regions": []}}')
    with pytest.raises(
        InputError, match=r"data\.json must be a file of COCO, .*; got b\.png12\. Ex"
    ):
        coco.find(tmp_path, Reading())


def test_an_image_of_another_folder_is_not_taken_for_one_of_a_split(tmp_path):
    write_coco(
        tmp_path / "annotations" / "all.json", [], names=("1.png",), folder=tmp_path / "images"
    )
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "1.png").write_bytes(b"of another set")
    (item,) = coco.find(tmp_path, Reading()).splits["train"]
    assert item.image == tmp_path / "images" / "1.png"


def test_images_that_no_file_lists_are_counted(tmp_path):
    for split, name in {"train": "in/a.jpg", "val": "b.jpg"}.items():
        path = tmp_path / "annotations" / f"instances_{split}.json"
        write_coco(path, [], names=(name,), folder=tmp_path / "images")
    assert coco.find(tmp_path, Reading()).notes == ()
    (tmp_path / "images" / "c.PNG").touch()
    (tmp_path / "images" / "d.txt").touch()
    assert coco.find(tmp_path, Reading()).notes == (
        "images that no JSON file lists, and left out: 1, such as images/c.PNG",
    )


def test_a_file_in_the_folder_of_a_split_has_its_images_there(tmp_path):
    path = write_coco(tmp_path / "val" / "1.json", [], names=("1.png",), folder=tmp_path / "images")
    assert coco.matches(tmp_path)  # images/1.png is not what val/1.json is of
    with pytest.raises(InputError, match=r"there is no 1\.png"):
        refuse_faults(coco.find(tmp_path, Reading()).splits)
    write_coco(path, [], names=("c.png",))
    (item,) = coco.find(tmp_path, Reading()).splits["val"]
    assert item.image == tmp_path / "val" / "c.png"


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
    "no categories": ({"categories": None}, r"the entry 'categories', a list; got null"),
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
        r"a\.json must have its images in \S+; there is no no\.png\. Add it",
    ),
    "a path out to no image": (
        {"images": [IMAGE | {"file_name": "/etc/passwd"}]},
        r"there is no /etc/passwd\. Add it",
    ),
    "a path to a folder": (
        {"images": [IMAGE | {"file_name": "../.."}]},
        r"must name a file within the folder of the images; got .\.\..",
    ),
    "a name too long": ({"images": [IMAGE | {"file_name": "x" * 5000}]}, r"there is no xxx"),
    "an image twice": ({"images": [IMAGE, IMAGE | {"id": 2}]}, r"has the image b twice"),
    "an id twice": ({"images": [IMAGE, IMAGE]}, r"has several images of the id 1"),
    "annotations of numbers": ({"annotations": [5]}, r"a\.json must be an object; got 5"),
    "another tool's entries": (
        {"images": None, "annotations": None},
        r"must have the entry 'annotations', a list; got null",
    ),
    "an unknown image": (
        {"annotations": [annotation([LEFT], image_id=9)]},
        r"annotations of images that it does not list, such as image_id 9",
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
        refuse_faults(coco.find(tmp_path / "files", Reading()).splits)


FAULTY = {
    "no segmentation": (
        {"id": 17, "image_id": 1, "category_id": 3},
        r"a\.json, annotation 17 must have a segmentation; got none\. Draw",
    ),
    "a box alone": (
        annotation([]),
        r'annotation 17 must have polygons .*; got "segmentation": \[\]',
    ),
    "null": (annotation(None), r'got "segmentation": null\. Draw its outline, or take the'),
    "a text": (annotation("text"), r'got "segmentation": "text"\. Draw'),
    "a crowd of 2": (annotation([LEFT], iscrowd=2), r"must have 'iscrowd' 0 or 1; got 2\. Correct"),
    "half a category": (annotation([LEFT], category_id=3.5), r"a whole number; got 3\.5"),
    "an unknown category": (
        annotation([LEFT], category_id=9),
        r"annotation 17 must have one of the categories 3, 90; got 9",
    ),
    "not a number": (
        annotation([[0, 0, 1, float("nan"), 2, 2]]),
        r"annotation 17 must have coordinates that are numbers up to 1e\+06 pixels; got \[0, 0",
    ),
    "infinite": (annotation([[0, 0, float("inf"), 0, 2, 2]]), r"17 must have c"),
    "gigantic": (annotation([[0, 0, 10**400, 0, 2, 2]]), r"17 must have coord"),
    "text": (annotation([["a", "b"]]), r"17 must have coordinates"),
    "two corners": (
        annotation([[0, 0, 1, 1]]),
        r"annotation 17 must have at least three corners x, y; got 4 numbers",
    ),
    "an odd corner": (annotation([[*LEFT, 1]]), r"got 9 numbers"),
}


@pytest.mark.parametrize("kind", FAULTY)
def test_a_fault_of_an_annotation_is_one_of_its_image_alone(tmp_path, kind):
    fault, message = FAULTY[kind]
    sound = annotation([LEFT], image_id=2)
    write_coco(tmp_path / "a.json", [fault, sound], names=("b.png", "c.png"))
    first, second = coco.find(tmp_path, Reading()).splits["train"]
    with pytest.raises(InputError, match=message):
        refuse_faults({"train": [first, second]})
    assert coco.read(second, Reading()).label.max() == 1


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
        ({"size": [4, 6], "counts": [100_000**2]}, r"counts must be whole numbers from 0 on"),
        ({"size": [4, 6], "counts": [-1, 25]}, r"counts must be whole numbers from 0 on"),
        ({"size": [4, 6], "counts": [0.5, 23.5]}, r"counts must be whole numbers from 0 on"),
        ({"size": [6, 4], "counts": [24]}, r"counts and the size \[4, 6\] are needed"),
        ({"size": [4, 6], "counts": "~~"}, r"not a run length string"),
        ({"size": [4, 6], "counts": "é"}, r"ascii"),
        ({"size": [4, 6], "counts": 24}, r"counts and the size"),
        ({"counts": [24]}, r"counts and the size"),
    ],
)
def test_run_lengths_that_do_not_fit_the_image_are_refused(tmp_path, segmentation, reason):
    write_coco(tmp_path / "a.json", [annotation(segmentation)], names=("b.png",))
    message = rf"annotation 17 has run lengths that do not fit its image \(.*{reason}.*\)\. Export"
    with pytest.raises(InputError, match=message):
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
