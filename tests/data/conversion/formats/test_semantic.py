"""Semantic masks and their tables of classes: what is found, read and refused."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from tfseg.checks import InputError
from tfseg.data.conversion.formats import semantic
from tfseg.data.conversion.formats.base import Reading, refuse_faults
from tfseg.data.conversion.formats.detection import detect

INDICES = np.array([[0, 1, 1, 2], [1, 0, 3, 2], [0, 0, 0, 255]], np.uint8)
COLOURS = {0: (0, 0, 0), 1: (64, 0, 128), 2: (0, 0, 192), 3: (64, 64, 0), 255: (9, 9, 9)}
TABLES = {
    "codes.txt": "background\ncar\ntree\nvoid\n",
    "classes.csv": "name,index\nbackground,0\ncar,1\ntree,2\nvoid,3\n",
    "class_dict.csv": "name, r, g, b\nBackground,0,0,0\ncar,64,0,128\ntree,0,0,192\nVoid,64,64,0\n"
    "Ignore,9,9,9\n",
    "label_colors.txt": "0 0 0\tbackground\n64 0 128\tcar\n0 0 192\ttree\n64 64 0\tunlabelled\n"
    "9 9 9\tvoid\n",
}


def write_masks(png, source, table, *, images="images/a.png", masks="labels/a.png"):
    values = INDICES if "index" in TABLES[table] or table == "codes.txt" else None
    if values is None:
        values = np.array([[COLOURS[value] for value in row] for row in INDICES.tolist()], np.uint8)
    png(source / images, np.zeros((3, 4, 3), np.uint8))
    png(source / masks, values)
    (source / table).write_text(TABLES[table], encoding="utf-8")


def read_one(source, **choices):
    index = semantic.find(source, Reading(**choices))
    return index.class_names, semantic.read(index.splits["train"][0], Reading(**choices))


@pytest.mark.parametrize("table", TABLES)
def test_colours_and_indices_of_every_table_give_the_same_classes(tmp_path, png, table):
    write_masks(png, tmp_path, table)
    assert detect(tmp_path) == "semantic"
    names, sample = read_one(tmp_path)
    assert names == ("car", "tree")
    assert sample.label.tolist() == [[0, 1, 1, 2], [1, 0, -1, 2], [0, 0, 0, -1]]
    assert sample.class_of.tolist() == [1, 2]
    ignored = {"codes.txt": ["void"], "classes.csv": ["void"], "class_dict.csv": ["Void", "Ignore"]}
    assert semantic.find(tmp_path, Reading()).notes == tuple(
        f"{table}: pixels of {name} are ignored"
        for name in ignored.get(table, ["unlabelled", "void"])
    )


@pytest.mark.parametrize("table", TABLES)
def test_parts_that_touch_at_a_side_or_a_corner_are_one_instance_when_asked(tmp_path, png, table):
    write_masks(png, tmp_path, table)
    _, sample = read_one(tmp_path, components=True)
    # the car at (1, 0) touches the one at (0, 1) at a corner
    assert sample.label.tolist() == [[0, 1, 1, 2], [1, 0, -1, 2], [0, 0, 0, -1]]
    apart = np.array([[1, 0, 1, 2], [1, 0, 2, 1], [0, 0, 0, 0]], np.uint8)
    if table in ("codes.txt", "classes.csv"):
        png(tmp_path / "labels" / "a.png", apart)
        _, sample = read_one(tmp_path, components=True)
        # the cars at (0, 2) and (1, 3), and the trees at (0, 3) and (1, 2), touch at a corner
        assert sample.label.tolist() == [[1, 0, 2, 3], [1, 0, 3, 2], [0, 0, 0, 0]]
        assert sample.class_of.tolist() == [1, 1, 2]


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("images/a b.jpg", "labels/a b_P.png"),
        ("train/images/a.png", "train/masks/a.png"),
        ("train/a.png", "train_labels/a_L.png"),
        ("train/a.png", "trainannot/a.png"),
    ],
)
def test_the_folders_and_names_of_the_copies_of_camvid_are_found(tmp_path, png, images, masks):
    write_masks(png, tmp_path, "codes.txt", images=images, masks=masks)
    assert detect(tmp_path) == "semantic"
    (item,) = semantic.find(tmp_path, Reading()).splits["train"]
    assert (item.image, item.annotations.file) == (tmp_path / images, tmp_path / masks)


def test_every_split_has_its_folder_of_masks(tmp_path, png):
    for split in ("train", "val"):
        write_masks(png, tmp_path, "codes.txt", images=f"{split}/{split}.png",
                    masks=f"{split}_labels/{split}_L.png")  # fmt: skip
    index = semantic.find(tmp_path, Reading())
    assert {split: [item.id for item in items] for split, items in index.splits.items()} == {
        "train": ["train"],
        "val": ["val"],
    }


def test_a_value_that_the_table_does_not_have_is_refused_with_its_pixels(tmp_path, png):
    write_masks(png, tmp_path, "codes.txt")
    png(tmp_path / "labels" / "a.png", np.where(INDICES == 2, 7, INDICES).astype(np.uint8))
    with pytest.raises(
        InputError, match=r"a\.png must have the values .*; 2 pixels have 7\. Add it"
    ):
        read_one(tmp_path)
    (tmp_path / "codes.txt").unlink()
    write_masks(png, tmp_path, "class_dict.csv")
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\ncar,64,0,128\n")
    with pytest.raises(InputError, match=r"; \d pixels have colour \(0, 0, 0\)\. Add it"):
        read_one(tmp_path)


def test_a_mask_of_another_kind_than_the_table_is_refused(tmp_path, png):
    write_masks(png, tmp_path, "class_dict.csv")
    png(tmp_path / "labels" / "a.png", INDICES)
    with pytest.raises(
        InputError, match=r"a\.png must be an RGB picture of 8 bits, since the table"
    ):
        read_one(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "class_dict.csv",
            "name,r,g,b\ncar,1,2,300\n",
            r'class 1 has "car" and \["1", "2", "300"\]',
        ),
        ("class_dict.csv", "name,r,g,b\ncar,1,2\n", r'class 1 has "car" and \["1", "2", ""\]'),
        ("class_dict.csv", "name,r,g,b\ncar,1,2,3\nbus,1,2,3\n", r'class 2 has "bus"'),
        ("class_dict.csv", "car,1,2,3\n", r"at least one class that is not background"),
        ("classes.csv", "name,index\n,1\n", r'class 1 has "" and \["1"\]'),
        ("label_colors.txt", "1 2 3\n", r'class 1 has "3" and \["1", "2"\]'),
        ("label_colors.txt", "1 x 3 car\n", r'class 1 has "car" and \["1", "x", "3"\]'),
        ("label_colors.txt", "1 2 3 car\n4 bus\n", r"for all of them a colour, or an index"),
        (
            "class_dict.csv",
            "name,r,g,b\n" + "x" * 200_000,
            r"be CSV \(field larger than field limit",
        ),
        ("label_colors.txt", f"1 2 {'x' * 10**5}\n", r'class 1 has "x{56}\.\.\. and \["1", "2"\]'),
        ("codes.txt", "", r"at least one class that is not background"),
        ("codes.txt", "background\nvoid\n", r"at least one class that is not background"),
    ],
)
def test_a_table_of_another_form_is_refused(tmp_path, png, name, text, message):
    write_masks(png, tmp_path, name)
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=rf"{name} must .*{message}"):
        refuse_faults(semantic.find(tmp_path, Reading()).splits)


def test_images_and_masks_without_a_partner_and_a_missing_table_are_refused(tmp_path, png):
    write_masks(png, tmp_path, "codes.txt")
    png(tmp_path / "images" / "b.png", INDICES)
    with pytest.raises(InputError, match=r"b\.png must have a mask .* there is none\. Add"):
        refuse_faults(semantic.find(tmp_path, Reading()).splits)
    png(tmp_path / "labels" / "b.png", INDICES)
    png(tmp_path / "labels" / "b_L.png", INDICES)
    with pytest.raises(InputError, match=r"b\.png and \S+b_L\.png are masks of one image"):
        refuse_faults(semantic.find(tmp_path, Reading()).splits)
    (tmp_path / "labels" / "b_L.png").unlink()
    (tmp_path / "test").mkdir()
    with pytest.raises(InputError, match=r"has no table of classes, or no masks\. Expected"):
        refuse_faults(semantic.find(tmp_path, Reading()).splits)
    write_masks(png, tmp_path, "codes.txt", images="train/images/a.png", masks="train/masks/a.png")
    with pytest.raises(InputError, match=r"must have images/ or split folders, not both"):
        refuse_faults(semantic.find(tmp_path, Reading()).splits)
    for kind in ("images", "labels"):
        shutil.rmtree(tmp_path / kind)
    with pytest.raises(InputError, match=r"has no masks of test\. Expected"):
        refuse_faults(semantic.find(tmp_path, Reading()).splits)
    (tmp_path / "codes.txt").unlink()
    with pytest.raises(InputError, match=r"has no table of classes, or no masks\. Expected"):
        refuse_faults(semantic.find(tmp_path, Reading()).splits)


def write_roboflow(
    png, folder, table="Pixel Value, Class\n0, background\n1, leaf\n2, blood cell\n"
):
    values = np.zeros((4, 6), np.uint8)
    values[:, :2], values[0, 5] = 2, 1
    png(folder / "a_jpg.rf.0f3c.jpg", np.full((4, 6), 9, np.uint8))
    png(folder / "a_jpg.rf.0f3c_mask.png", values)
    (folder / "_classes.csv").write_text(table)
    return values


def test_masks_of_roboflow_lie_beside_their_images(tmp_path, png):
    for split in ("train", "valid"):
        values = write_roboflow(png, tmp_path / split)
    (tmp_path / "README.dataset.txt").write_text("leaves")
    assert detect(tmp_path) == "semantic"
    index = semantic.find(tmp_path, Reading())
    assert (list(index.splits), index.class_names) == (["train", "val"], ("leaf", "blood cell"))
    (item,) = index.splits["val"]
    np.testing.assert_array_equal(semantic.read(item, Reading()).label, values)
    write_roboflow(png, tmp_path / "valid", "Pixel Value, Class\n0, background\n1, leaf\n2, dog\n")
    with pytest.raises(
        InputError, match=r"_classes\.csv must have the classes of \S+train\S+_classes"
    ):
        semantic.find(tmp_path, Reading())
