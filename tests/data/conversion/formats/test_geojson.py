"""GeoJSON: QuPath's versions, holes, regions around cells, and what is refused."""

from __future__ import annotations

import functools
import json

import numpy as np
import one_image
import pytest

from tfseg import InputError, convert
from tfseg.data.conversion.formats import geojson

OUTER = [[0, 0], [6, 0], [6, 4], [0, 4], [0, 0]]
HOLE = [[1, 1], [3, 1], [3, 3], [1, 3], [1, 1]]


def feature(coordinates, kind="Polygon", name=None, **properties):
    classification = {"classification": {"name": name}} if name else {}
    return {
        "type": "Feature",
        "id": "b7a0c6c8-6f6e-4b8e-9a54-0d9f1e8f0c11",
        "geometry": {"type": kind, "coordinates": coordinates},
        "properties": {"objectType": "annotation"} | classification | properties,
    }


def square(x, y, side=1):
    return [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]


def write(png, folder, content, name="a.geojson"):
    png(folder / "a.png", np.zeros((4, 6), np.uint8))
    (folder / name).write_text(json.dumps(content))
    return folder


read_one = functools.partial(one_image.read_one, geojson)


@pytest.mark.parametrize("hole", [HOLE, HOLE[::-1]])
def test_a_hole_is_one_whichever_way_it_runs(tmp_path, png, hole):
    write(png, tmp_path, {"type": "FeatureCollection", "features": [feature([OUTER, hole])]})
    _, sample = read_one(tmp_path)
    assert sample.label.tolist() == [
        [1, 1, 1, 1, 1, 1],
        [1, 0, 0, 1, 1, 1],
        [1, 0, 0, 1, 1, 1],
        [1, 1, 1, 1, 1, 1],
    ]


def test_an_instance_of_several_polygons_may_have_one_in_a_hole(tmp_path, png):
    polygons = [[OUTER, square(1, 1, 2)], [square(1, 1)]]
    write(png, tmp_path, [feature(polygons, "MultiPolygon")], "a.png.geojson")
    _, sample = read_one(tmp_path)
    assert sample.label[1].tolist() == [1, 1, 0, 1, 1, 1]
    assert sample.class_of.tolist() == [1]


@pytest.mark.parametrize("kind", ["detection", "cell"])
def test_annotations_around_cells_are_left_out_with_a_note(tmp_path, png, kind):
    cells = [feature([square(x, 0)], objectType=kind, name="Tumor") for x in (0, 2)]
    region = feature([OUTER], name="Region")
    write(png, tmp_path, {"features": [region, *cells]})
    index, sample = read_one(tmp_path)
    assert sample.label[0].tolist() == [1, 0, 2, 0, 0, 0]
    assert index.class_names == ("Tumor",)
    assert index.notes == ("annotations and tiles around cells or detections, left out: 1",)


def test_objects_of_qupath_before_0_3_have_their_kind_in_the_id(tmp_path, png):
    old = {"classification": {"name": "Tumor", "colorRGB": -3670016}, "isLocked": False}
    cells = [feature([square(0, 0)]) | {"id": "PathCellObject", "properties": old}]
    region = feature([OUTER]) | {"id": "PathAnnotationObject", "properties": {}}
    write(png, tmp_path, [region, *cells])
    index, sample = read_one(tmp_path)
    assert (index.class_names, int((sample.label == 1).sum())) == (("Tumor",), 1)


def test_what_is_called_ignore_is_ignored_and_derived_classes_are_joined(tmp_path, png):
    derived = feature([square(0, 0)], classification={"names": ["Tumor", "Positive"]})
    write(png, tmp_path, [derived, feature([square(4, 0, 2)], name="Ignore*")])
    index, sample = read_one(tmp_path)
    assert index.class_names == ("Tumor: Positive",)
    assert sample.label[0].tolist() == [1, 0, 0, 0, -1, -1]


WRONG = {
    "a point": (
        feature([1, 1], "Point"),
        r"feature 1, must be a Polygon or a MultiPolygon; got .P",
    ),
    "no rings": (feature([]), r"must have a ring; got none"),
    "numbers": (feature([1, 2]), r"must have rings; got \[1, 2\]"),
    "two corners": (feature([[[0, 0], [1, 1]]]), r"at least three corners x, y; got 4 numbers"),
    "no area": (feature([[[0, 0], [1, 1], [3, 3]]]), r"must have an area; its corners lie on one"),
    "texts": (feature([[["a", 0], [1, 1], [3, 3]]]), r"must have coordinates that are numbers"),
    "no geometry": ({"properties": {}}, r"must have the entry 'geometry', an object; got none"),
    "a number": (7, r"feature 1, must be an object; got 7"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_cannot_be_read_is_a_fault_of_its_image(tmp_path, png, kind):
    content, message = WRONG[kind]
    write(png, tmp_path / "files", [content])
    png(tmp_path / "files" / "b.png", np.zeros((4, 6), np.uint8))
    (tmp_path / "files" / "b.geojson").write_text(json.dumps([feature([square(0, 0)])]))
    with pytest.raises(InputError, match=message) as caught:
        convert(tmp_path / "files", tmp_path / "data")
    assert "\n" not in str(caught.value)
    info = convert(tmp_path / "files", tmp_path / "data", on_error="skip").info
    assert (info.skipped_images, info.splits["train"].num_instances) == (1, 1)
