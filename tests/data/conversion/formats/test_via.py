"""VGG Image Annotator: all generations, the class, and what is refused."""

from __future__ import annotations

import functools
import json

import numpy as np
import one_image
import pytest

from tfseg import InputError, convert
from tfseg.data.conversion.formats import via
from tfseg.data.conversion.formats.base import Reading

LEFT = {"name": "polygon", "all_points_x": [0, 2, 2, 0], "all_points_y": [0, 0, 4, 4]}
RIGHT = {"name": "polygon", "all_points_x": [4, 6, 6, 4], "all_points_y": [0, 0, 4, 4]}


def region(shape=LEFT, **attributes):
    return {"shape_attributes": shape, "region_attributes": attributes}


def image(regions, name="a.png"):
    return {"filename": name, "size": 1234, "regions": regions, "file_attributes": {}}


def project_3(shapes, value="1"):
    """Returns a project of VIA 3 with a class of two options."""
    attribute = {"aname": "kind", "anchor_id": "FILE1_Z0_XY1", "type": 3}
    attribute |= {"options": {"0": "dust", "1": "cell"}, "default_option_id": ""}
    metadata = {
        f"1_{index}": {"vid": "1", "flg": 0, "z": [], "xy": xy, "av": {"1": value}}
        for index, xy in enumerate(shapes)
    }
    metadata["1_file"] = {"vid": "1", "flg": 0, "z": [], "xy": [], "av": {}}
    return {
        "project": {"pid": "__VIA_PROJECT_ID__", "data_format_version": "3.1.1"},
        "config": {},
        "attribute": {"1": attribute},
        "file": {"1": {"fid": "1", "fname": "a.png", "type": 2, "loc": 1, "src": ""}},
        "metadata": metadata,
        "view": {"1": {"fid_list": ["1"]}},
    }


GENERATIONS = {
    "1": {"a.png1234": image({"0": region(kind="cell"), "1": region(RIGHT, kind="cell")})},
    "2": {"a.png1234": image([region(kind="cell"), region(RIGHT, kind="cell")])},
    "2, a project": {
        "_via_settings": {},
        "_via_img_metadata": {
            "a.png1234": image([region(kind="cell"), region(RIGHT, kind="cell")])
        },
        "_via_attributes": {"region": {}, "file": {}},
    },
    "2, check boxes": {
        "a.png1": image([region(kind={"cell": True, "dust": False}), region(RIGHT, kind="cell")])
    },
    "3": project_3([[7, 0, 0, 2, 0, 2, 4, 0, 4], [7, 4, 0, 6, 0, 6, 4, 4, 4]]),
}


def write(png, folder, content, file="via_region_data.json"):
    png(folder / "a.png", np.zeros((4, 6), np.uint8))
    (folder / file).write_text(json.dumps(content))
    return folder


read_one = functools.partial(one_image.read_one, via)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_generation_gives_the_same_instances(tmp_path, png, generation):
    write(png, tmp_path / "in", GENERATIONS[generation], "my project.json")
    index, sample = read_one(tmp_path / "in")
    assert sample.label.tolist() == [[1, 1, 0, 0, 2, 2]] * 4
    assert (index.class_names, sample.class_of.tolist()) == (("cell",), [1, 1])
    assert convert(tmp_path / "in", tmp_path / "data").info.source_format == "via"


def test_circles_and_ellipses_have_their_pixels(tmp_path, png):
    shapes = [
        {"name": "circle", "cx": 1, "cy": 1, "r": 1.1},
        {"name": "ellipse", "cx": 4, "cy": 2, "rx": 2, "ry": 1, "theta": np.pi / 2},
    ]
    write(png, tmp_path, {"a": image([region(shape) for shape in shapes])})
    index, sample = read_one(tmp_path)
    assert sample.label.tolist() == [
        [1, 1, 0, 2, 2, 0],
        [1, 1, 0, 2, 2, 0],
        [0, 0, 0, 2, 2, 0],
        [0, 0, 0, 2, 2, 0],
    ]
    assert index.class_names == ()
    write(png, tmp_path, project_3([[3, 1, 1, 1.1], [4, 4, 2, 1, 2]]))
    assert read_one(tmp_path)[1].label.tolist() == sample.label.tolist()


@pytest.mark.parametrize(
    ("attributes", "names"),
    [
        ({"kind": "cell"}, ("cell",)),
        ({"Class": "cell", "note": "dark"}, ("cell",)),
        ({"note": "", "kind": "cell"}, ("cell",)),
        ({}, ()),
    ],
)
def test_the_class_is_the_attribute_or_the_one_called_so(tmp_path, png, attributes, names):
    write(png, tmp_path, {"a": image([region(**attributes)])})
    assert read_one(tmp_path)[0].class_names == names


POINT = {"name": "point", "cx": 1, "cy": 1}
WRONG = {
    "two classes": (
        image([region(a="1", b="2")]),
        r"one attribute of regions .*; got a, b\. Call",
    ),
    "both named": (image([region(label="1", type="2")]), r"got label, type\. Call it class"),
    "a point": (image([region(POINT)]), r"a\.png, region 1, must be a polygon, .*; got .point., w"),
    "a rectangle": (image([region({"name": "rect", "x": 0})]), r"got .rect., which has no outline"),
    "an x without y": (
        image([region(LEFT | {"all_points_y": [0]})]),
        r"an x and a y for every corn",
    ),
    "two corners": (
        image([region({"name": "polygon", "all_points_x": [0, 1], "all_points_y": [0, 1]})]),
        r"at least three corners",
    ),
    "one without class": (
        image([region(kind="cell"), region()]),
        r"a label for every shape of a; on",
    ),
    "regions of numbers": (image([5]), r"a\.png, must be an object; got 5"),
    "no image": (image([region()], "b.png"), r"there is no b\.png\. Add it"),
    "nothing": (image([]), r"has no outline of an instance"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_cannot_be_read_is_refused(tmp_path, png, kind):
    content, message = WRONG[kind]
    write(png, tmp_path / "files", {"a.png1": content})
    with pytest.raises(InputError, match=message) as caught:
        convert(tmp_path / "files", tmp_path / "data", format="via")
    assert "\n" not in str(caught.value)


def test_two_files_of_one_split_are_refused(tmp_path, png):
    write(png, tmp_path, GENERATIONS["2"])
    write(png, tmp_path, GENERATIONS["2"], "other.json")
    with pytest.raises(
        InputError, match=r"other\.json and \S+json are both the split train\. Keep"
    ):
        via.find(tmp_path, Reading())
