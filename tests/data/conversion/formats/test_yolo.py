"""Ultralytics YOLO segmentation: what is found, read and refused."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.checks import InputError
from tfseg.data.conversion.formats import yolo
from tfseg.data.conversion.formats.base import Reading, refuse_faults
from tfseg.data.conversion.formats.detection import detect

LEFT = "0 0 0.5 0 0.5 1 0 1"  # the left half


def write_image(png, images, labels, text, name="a"):
    png(images / f"{name}.jpg", np.zeros((4, 6), np.uint8))
    labels.mkdir(parents=True, exist_ok=True)
    if text is not None:
        (labels / f"{name}.txt").write_text(text, encoding="utf-8")


def write_yaml(source, text="path: /elsewhere\ntrain: ../../images\nnames:\n  0: cell\n  1: dog\n"):
    (source / "data.yaml").write_text(text, encoding="utf-8")


def read_one(source, **choices):
    return yolo.read(yolo.find(source, Reading()).splits["train"][0], Reading(**choices))


@pytest.mark.parametrize("order", ["{kind}/{split}", "{split}/{kind}"])
def test_both_orders_of_the_folders_are_found(tmp_path, png, order):
    for split in ("train", "valid"):
        folders = [tmp_path / order.format(kind=kind, split=split) for kind in ("images", "labels")]
        write_image(png, *folders, f"1 {LEFT}\n", name="a b é")
    write_yaml(tmp_path)
    assert detect(tmp_path) == "yolo"
    index = yolo.find(tmp_path, Reading())
    assert (list(index.splits), index.class_names) == (["train", "val"], ("cell", "dog"))
    for items in index.splits.values():
        sample = yolo.read(items[0], Reading())
        assert (items[0].id, sample.class_of.tolist()) == ("a b é", [2])
        assert sample.label.tolist() == [[1, 1, 1, 0, 0, 0]] * 4


def test_folders_without_splits_and_names_in_a_list(tmp_path, png):
    write_image(png, tmp_path / "images", tmp_path / "labels", f"0 {LEFT}")
    write_yaml(tmp_path, "nc: 1\nnames: ['blood cell']\n")
    assert detect(tmp_path) == "yolo"
    assert yolo.find(tmp_path, Reading()).class_names == ("blood cell",)


def test_names_stay_texts_and_classes_may_be_written_as_floats(tmp_path, png):
    write_image(png, tmp_path / "images", tmp_path / "labels", f"1.0 {LEFT}\n")
    write_yaml(tmp_path, "nc: 5\nnames: [no, yes, on, null, 1.50, 0x10]\n")
    index = yolo.find(tmp_path, Reading())
    assert index.class_names == ("no", "yes", "on", "null", "1.50", "0x10")
    assert read_one(tmp_path).class_of.tolist() == [2]
    (tmp_path / "labels" / "a.txt").write_text(f"0.000000 {LEFT}\n")
    assert read_one(tmp_path).class_of.tolist() == [1]
    write_yaml(tmp_path, "names: {0: no, 1: yes}\n")
    assert yolo.find(tmp_path, Reading()).class_names == ("no", "yes")


@pytest.mark.parametrize(
    "paths",
    [
        "path: .\ntrain: images/train2017\nval: images/val2017\n",
        "path: /data/coco\ntrain: /data/coco/images/train2017\nval: ../coco/images/val2017/\n",
        # As in coco128-seg: one folder for both is one split.
        "train: images/train2017\nval: images/train2017\ntest: images/val2017\n",
    ],
)
def test_folders_of_other_names_are_those_that_data_yaml_names(tmp_path, png, paths):
    for folder in ("train2017", "val2017"):
        write_image(
            png, tmp_path / "images" / folder, tmp_path / "labels" / folder, f"0 {LEFT}", folder
        )
    write_yaml(tmp_path, f"{paths}names: [cell]\n")
    assert detect(tmp_path) == "yolo"
    splits = yolo.find(tmp_path, Reading()).splits
    second = "test" if "test" in paths else "val"
    assert {split: [item.id for item in items] for split, items in splits.items()} == {
        "train": ["train2017"],
        second: ["val2017"],
    }
    assert yolo.read(splits[second][0], Reading()).label.max() == 1


def test_an_image_without_a_text_or_with_an_empty_one_has_no_instances(tmp_path, png):
    for name, text in {"a": "", "b": None, "c": f"0 {LEFT}\n\n"}.items():
        write_image(png, tmp_path / "images", tmp_path / "labels", text, name=name)
    write_yaml(tmp_path)
    index = yolo.find(tmp_path, Reading())
    labels = [yolo.read(item, Reading()).label for item in index.splits["train"]]
    assert [label.max() for label in labels] == [0, 0, 1]
    assert index.notes == ("images without a text file, and so without instances: 1",)
    (tmp_path / "labels" / "b.txt").write_text("")
    assert yolo.find(tmp_path, Reading()).notes == ()


def test_polygons_past_the_border_stay_and_overlaps_are_decided(tmp_path, png):
    text = f"0 {LEFT}\n1 -0.2 -0.2 0.17 -0.2 0.17 1.2 -0.2 1.2\n"  # 0.17 x 6 = 1.02: one column
    write_image(png, tmp_path / "images", tmp_path / "labels", text)
    write_yaml(tmp_path)
    sample = read_one(tmp_path)
    assert sample.label.tolist() == [[2, 1, 1, 0, 0, 0]] * 4
    assert (sample.class_of.tolist(), sample.overlap_pixels) == ([1, 2], 4)
    assert read_one(tmp_path, overlap="first").hidden_instances == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2 0 0 1 0 1 1", r'a\.txt, line 2, must begin with a class from 0 to 1; got "2"'),
        ("-1 0 0 1 0 1 1", r'must begin with a class from 0 to 1; got "-1"'),
        ("9" * 5000 + " 0 0 1 0 1 1", r'must begin with a class from 0 to 1; got "999'),
        ("dog 0 0 1 0 1 1", r'must begin with a class from 0 to 1; got "dog"'),
        ("0 0.5 0.5 0.2 0.2", r"line 2, must have a polygon; it has the box of an object"),
        ("0.5 0 0 1 0 1 1", r'must begin with a class from 0 to 1; got "0\.5"'),
        (
            "0 0 0 1 0 1 1 0.93",
            r'pairs of x and y after the class; got 7 numbers\. If the last one, "0\.93", is',
        ),
        ("0 0 0 1 0 1", r"line 2, must have at least three corners x, y; got 5 numbers"),
        ("0", r"line 2, must have at least three corners x, y; got 0 numbers"),
        ("0 0 0 1 0 1 nan", r"line 2, must have coordinates that are numbers"),
        ("0 0 0 1 0 1 inf", r"line 2, must have coordinates that are numbers"),
        ("0 0 0 1 0 1 x", r"line 2, must have coordinates that are numbers"),
        ("0 0 0 300 0 1 200", r"shares of width and height, in \[0, 1\]; got 300\. Divide them"),
    ],
)
def test_a_line_that_is_no_polygon_is_refused(tmp_path, png, line, message):
    write_image(png, tmp_path / "images", tmp_path / "labels", f"0 {LEFT}\n{line}\n")
    write_yaml(tmp_path)
    with pytest.raises(InputError, match=message):
        read_one(tmp_path)


LAUGHS = "a: &a [x, x]\nb: &b [*a, *a]\n" + "".join(
    f"{name}: &{name} [*{before}, *{before}]\n"
    for before, name in zip("bcdefghijklmnopqr", "cdefghijklmnopqrs", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("names: 3\n", r"data\.yaml must have names, a list of texts or 0: NAME"),
        ("names: {1: cell}\n", r"data\.yaml must have names"),
        ("names: []\n", r"data\.yaml must have names"),
        ("names: [[cell]]\n", r"data\.yaml must have names"),
        ("- names\n", r"data\.yaml must have names"),
        ("", r"data\.yaml must have names"),
        (f"{LAUGHS}names: *s\n", r"data\.yaml must have names"),
        ("names: [\n", r"data\.yaml is not YAML \("),
        ("names: !!python/object/apply:os.getcwd []\n", r"data\.yaml must have names"),
    ],
)
def test_names_of_another_form_are_refused(tmp_path, png, text, message):
    write_image(png, tmp_path / "images", tmp_path / "labels", f"0 {LEFT}")
    write_yaml(tmp_path, text)
    with pytest.raises(InputError, match=message):
        refuse_faults(yolo.find(tmp_path, Reading()).splits)


def test_images_beside_the_folders_of_the_splits_are_refused(tmp_path, png):
    write_image(png, tmp_path / "images" / "train", tmp_path / "labels" / "train", f"0 {LEFT}")
    png(tmp_path / "images" / "b.png", np.zeros((4, 6), np.uint8))
    write_yaml(tmp_path)
    with pytest.raises(InputError, match=r"images must have b\.png or split folders, not both"):
        refuse_faults(yolo.find(tmp_path, Reading()).splits)


def test_missing_names_and_texts_without_an_image_are_refused(tmp_path, png):
    write_image(png, tmp_path / "images", tmp_path / "labels", f"0 {LEFT}")
    with pytest.raises(
        InputError, match=r"must have one \.yaml file with the names of .* got none"
    ):
        refuse_faults(yolo.find(tmp_path, Reading()).splits)
    write_yaml(tmp_path)
    (tmp_path / "labels" / "b.txt").write_text("")
    with pytest.raises(InputError, match=r"b\.txt must have an image .* there is none\."):
        refuse_faults(yolo.find(tmp_path, Reading()).splits)


def test_the_names_may_be_lines_of_classes_txt(tmp_path, png):
    write_image(png, tmp_path / "images", tmp_path / "labels", f"1 {LEFT}\n")
    (tmp_path / "classes.txt").write_text("cell\nblood cell\n\n")
    (tmp_path / "notes.json").write_text('{"categories": [{"id": 0, "name": "cell"}]}')
    assert detect(tmp_path) == "yolo"
    assert yolo.find(tmp_path, Reading()).class_names == ("cell", "blood cell")
    assert read_one(tmp_path).class_of.tolist() == [2]
    write_yaml(tmp_path)  # says more
    assert yolo.find(tmp_path, Reading()).class_names == ("cell", "dog")


def test_caches_of_ultralytics_are_left_out(tmp_path, png):
    write_image(png, tmp_path / "images" / "train", tmp_path / "labels" / "train", LEFT)
    write_yaml(tmp_path)
    for file in ("images/train/a.npy", "labels/train.cache", "labels/train/a.cache"):
        (tmp_path / file).write_bytes(b"")
    assert [item.id for item in yolo.find(tmp_path, Reading()).splits["train"]] == ["a"]


@pytest.mark.parametrize("line", ["./images/{}.jpg", "/data/set/images/{}.jpg", "images\\{}.jpg"])
def test_text_files_that_data_yaml_names_list_the_images_of_the_splits(tmp_path, png, line):
    for name in ("a", "b", "c", "d"):
        text = None if name == "b" else f"0 {LEFT}\n"
        write_image(png, tmp_path / "images", tmp_path / "labels", text, name=name)
    (tmp_path / "train.txt").write_text(line.format("a") + "\n" + line.format("b") + "\n\n")
    (tmp_path / "val.txt").write_text(line.format("c") + "\n" + line.format("a") + "\n")
    write_yaml(tmp_path, "path: ../set\ntrain: train.txt\nval: set/val.txt\nnames: [cell]\n")
    index = yolo.find(tmp_path, Reading())
    splits = {split: [item.id for item in items] for split, items in index.splits.items()}
    assert splits == {"train": ["a", "b"], "val": ["c"]}  # the first that has an image gets it
    assert index.notes == (
        "images without a text file, and so without instances: 1",
        "images in no list of data.yaml, left out: 1",
    )


def test_a_list_with_an_image_that_is_missing_is_refused(tmp_path, png):
    write_image(png, tmp_path / "images", tmp_path / "labels", f"0 {LEFT}\n")
    (tmp_path / "train.txt").write_text("images/a.jpg\nimages/no.jpg\n")
    write_yaml(tmp_path, "train: train.txt\nnames: [cell]\n")
    with pytest.raises(InputError, match=r"train\.txt names images/no\.jpg, which is not in"):
        refuse_faults(yolo.find(tmp_path, Reading()).splits)


def test_a_split_may_have_several_folders(tmp_path, png):
    for folder in ("one2017", "two2017"):
        write_image(
            png, tmp_path / "images" / folder, tmp_path / "labels" / folder, LEFT, name=folder
        )
    write_yaml(tmp_path, "train: [images/one2017, images/two2017]\nnames: [cell]\n")
    index = yolo.find(tmp_path, Reading())
    assert [item.id for item in index.splits["train"]] == ["one2017", "two2017"]
