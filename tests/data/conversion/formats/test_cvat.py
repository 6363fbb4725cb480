"""CVAT for images: what is found, read and refused."""

from __future__ import annotations

import contextlib
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfseg import InputError, convert
from tfseg.data.conversion.formats import cvat
from tfseg.data.conversion.formats.base import Reading, refuse_faults

SQUARE = '<polygon label="cell" points="0,0;2,0;2,2;0,2" group_id="0"/>'
SIZE = 'width="6" height="4"'
CELL = "<label><name>cell</name></label>"


def write_cvat(png, folder, images, labels=CELL, pixels=(4, 6)):
    """Writes annotations.xml with images, given as (attributes, shapes) by name."""
    text = ""
    for name, (attributes, shapes) in images.items():
        png(folder / "images" / name, np.zeros(pixels, np.uint8))
        text += f'<image name="{name.split("/")[-1]}" {attributes}>{shapes}</image>'
    path = folder / "annotations.xml"
    path.write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>'
        f"<meta><task><labels>{labels}</labels></task></meta>{text}</annotations>"
    )
    return path


def write_one(png, folder, shapes, attributes=SIZE, labels=CELL):
    return write_cvat(png, folder, {"a.png": (attributes, shapes)}, labels)


def read_one(source, **choices):
    index = cvat.find(source, Reading())
    refuse_faults(index.splits)
    return index, cvat.read(index.splits["train"][0], Reading(**choices))


def test_polygons_and_masks_have_their_pixels_and_labels_their_order(tmp_path, png):
    # The runs of a window of 2 x 3 pixels in rows: one outside, two inside, one outside, ...
    mask = '<mask label="dust" rle="1, 2, 1, 1, 1" left="3" top="2" width="3" height="2"/>'
    labels = "<label><name>dust</name><type>any</type></label>" + CELL
    labels += "<label><name>frame</name><type>rectangle</type></label>"
    write_one(png, tmp_path, SQUARE + mask, labels=labels)
    index, sample = read_one(tmp_path)
    assert index.class_names == ("dust", "cell")
    assert sample.label.tolist() == [
        [1, 1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [0, 0, 0, 0, 2, 2],
        [0, 0, 0, 0, 2, 0],
    ]
    assert sample.class_of.tolist() == [2, 1]


@pytest.mark.parametrize("degrees", [0, 30, 90, 270])
def test_an_ellipse_is_turned_clockwise(tmp_path, png, degrees):
    shape = '<ellipse label="cell" cx="20" cy="16" rx="12" ry="5" rotation="{}"/>'
    attributes = 'width="40" height="32"'
    write_cvat(png, tmp_path, {"a.png": (attributes, shape.format(degrees))}, pixels=(32, 40))
    _, sample = read_one(tmp_path)
    angle = np.radians(degrees)
    y, x = np.mgrid[:32, :40] + 0.5 - np.reshape([16, 20], (2, 1, 1))
    along = x * np.cos(angle) + y * np.sin(angle)  # rows run downward: clockwise is positive
    across = y * np.cos(angle) - x * np.sin(angle)
    squares = (along / 12) ** 2 + (across / 5) ** 2
    assert (sample.label[squares < 0.97] == 1).all()  # 64 corners lie within 0.5 % of the radius
    assert (sample.label[squares > 1] == 0).all()


def test_shapes_of_one_group_and_label_are_one_instance(tmp_path, png):
    grouped = SQUARE.replace('id="0"', 'id="1"')
    shapes = grouped + grouped.replace("0,0;2,0;2,2;0,2", "4,0;6,0;6,1;4,1")
    shapes += SQUARE.replace("0,0;2,0;2,2;0,2", "0,3;1,3;1,4;0,4")
    shapes += SQUARE.replace("0,0;2,0;2,2;0,2", "5,3;6,3;6,4;5,4")
    write_one(png, tmp_path, shapes)
    _, sample = read_one(tmp_path)
    assert sample.label[:, [0, 4, 5]].tolist() == [[1, 1, 1], [1, 0, 0], [0, 0, 0], [2, 0, 3]]


def test_subsets_are_splits_and_other_subsets_and_tags_are_said(tmp_path, png):
    images = {
        "Train/a.png": (f'{SIZE} subset="Train"', SQUARE),
        "Validation/a.png": (f'{SIZE} subset="Validation"', '<tag label="cell"/>' + SQUARE),
        "night/b.png": (f'{SIZE} subset="night"', ""),
        "c.png": (SIZE, SQUARE),
    }
    write_cvat(png, tmp_path, images)
    info = convert(tmp_path, tmp_path / "data").info
    counts = {name: split.num_images for name, split in info.splits.items()}
    assert counts == {"train": 3, "val": 1}
    assert info.notes == (
        "annotations.xml: 1 tags of whole images are left out",
        "annotations.xml: the subset night is no split and taken as train",
    )


def test_folders_of_splits_have_a_file_each(tmp_path, png):
    write_one(png, tmp_path / "train", SQUARE)
    write_one(png, tmp_path / "valid", SQUARE.replace("cell", "dust"), labels="")
    index = cvat.find(tmp_path, Reading())
    assert index.class_names == ("cell", "dust")
    assert [item.image for items in index.splits.values() for item in items] == [
        tmp_path / split / "images" / "a.png" for split in ("train", "valid")
    ]


MASK = '<mask label="cell" rle="{}" left="{}" top="0" width="2" height="2"/>'
WRONG_SHAPES = {
    '<box label="cell" xtl="0" ytl="0" xbr="2" ybr="2"/>': r"box 1 must be a polygon.*no outline",
    '<points label="cell" points="1,1"/>': r"points 1 must be a polygon, .* no outline\. Draw",
    '<polygon label="cell" points="0,0;2,0"/>': r"polygon 1 must have at least three corners",
    '<polygon label="cell" points="0,0;2,x;2,2"/>': r"must have numbers as points; got .0,0;2,x",
    '<polygon label="cell" points="0,0;2,1e9;2,2"/>': r"numbers up to 1e\+06 pixels; got",
    '<polygon label="cell"/>': r"a\.png, polygon 1 must have the attribute points; got none",
    '<polygon points="0,0;2,0;2,2"/>': r"must have the attribute label; got none\. Export",
    MASK.format("0, 3", 0): r"mask 1 has run lengths .*runs of 3 pixels for 2 x 2",
    MASK.format("0, 4", 5): r"do not fit its image \(2 x 2 from row 0 and column 5 on\)",
    MASK.format("-1, 5", 0): r"do not fit its image \(a run of -1 pixels\)",
    MASK.format("0.5, 3.5", 0): r"do not fit its image \(counts must be whole numbers\)",
    MASK.format("0, nan", 0): r'must have numbers as rle; got "0, nan"',
    MASK.format("4", "1,5"): r"mask 1 must have one number as left; got 2",
    MASK.format("4", "-1"): r"mask 1 must have a whole number as left; got -1",
}


@pytest.mark.parametrize("shape", WRONG_SHAPES)
def test_a_wrong_shape_is_a_fault_of_its_image(tmp_path, png, shape):
    write_cvat(png, tmp_path / "in", {"a.png": (SIZE, shape), "b.png": (SIZE, SQUARE)})
    with pytest.raises(InputError, match=WRONG_SHAPES[shape]) as caught:
        convert(tmp_path / "in", tmp_path / "data")
    assert "\n" not in str(caught.value)
    info = convert(tmp_path / "in", tmp_path / "data", on_error="skip").info
    assert (info.skipped_images, info.splits["train"].num_images) == (1, 1)


IMAGE = f'<image name="{{}}" {SIZE}>{SQUARE}</image>'
BOMB = "".join(f'<!ENTITY e{level} "{f"&e{level - 1};" * 100}">' for level in range(1, 10))
WRONG_FILES = {
    "cut": ("<annotations><image", r"annotations\.xml is not XML \(.*\)\. Export it again"),
    "deep": ("<annotations><image " + "<a>" * 10**5, r"is not XML"),
    "expanding": (
        f'<!DOCTYPE x [<!ENTITY e0 "{"x" * 1000}">{BOMB}]><annotations><image>&e9;</image>',
        r"is not XML \(limit on input amplification",
    ),
    "an encoding": ('<?xml version="1.0" encoding="x"?><annotations><image/>', r"is not XML"),
    "no images": ("<annotations/>", r"must list images; it has none"),
    "no name": ("<annotations><image/></annotations>", r"must have the attribute name"),
    "another folder": (
        f"<annotations>{IMAGE.format('../a.png')}</annotations>",
        r"must name a file within the folder of the images; got .\.\./a\.png.",
    ),
    "no image": (
        f"<annotations>{IMAGE.format('A.png')}</annotations>",
        r"there is no A\.png\. Add it, or take it out of the file\. Faults are in a\.png too",
    ),
    "two of one name": (
        f"<annotations>{2 * IMAGE.format('a.png')}</annotations>",
        r"are both the image a of train\. Keep one",
    ),
}


@pytest.mark.parametrize("kind", WRONG_FILES)
def test_a_file_of_another_kind_is_refused(tmp_path, png, kind):
    text, message = WRONG_FILES[kind]
    write_one(png, tmp_path / "in", SQUARE).write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        convert(tmp_path / "in", tmp_path / "data", format="cvat")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_an_image_of_another_size_and_a_source_without_labels_are_refused(tmp_path, png):
    write_one(png, tmp_path / "a", SQUARE, attributes='width="7" height="4"')
    with pytest.raises(InputError, match=r"a\.png must have the size in annotations\.xml, 4 x 7"):
        read_one(tmp_path / "a")
    write_one(png, tmp_path / "b", "", labels="")
    with pytest.raises(InputError, match=r"has no label of polygons, ellipses or masks\. Annotate"):
        cvat.find(tmp_path / "b", Reading())


TEXT = f"<annotations>{IMAGE.format('a.png').replace('</image>', '')}"
TEXT += '<ellipse label="cell" cx="2" cy="2" rx="1" ry="1"/>' + MASK.format("1, 3", 0)
TEXT += "</image></annotations>"
VALUES = list(re.finditer(r'"[^"]*"|<\w+|/>', TEXT))
ANYTHING = [
    '""',
    '"-1"',
    '"1e308"',
    '"nan"',
    '"x"',
    '"0"',
    '"1,2"',
    '"../a"',
    '"&#x0;"',
    "<tag",
    ">",
]


@given(part=st.sampled_from(VALUES), value=st.sampled_from(ANYTHING))
def test_a_file_with_anything_anywhere_is_read_or_refused(png, part, value):
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(InputError):
        text = TEXT[: part.start()] + value + TEXT[part.end() :]
        write_one(png, Path(folder), SQUARE).write_text(text)
        _, sample = read_one(Path(folder))
        assert sample.label.shape == (4, 6)
        assert len(sample.class_of) == len(np.unique(sample.label[sample.label > 0]))
