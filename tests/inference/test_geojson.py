"""GeoJSON: polygons enclose exactly the pixels of their instance."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import grid_points_in_poly

from tfseg.inference import geojson
from tfseg.inference.instances import Instances

SCORES = np.array([0.25, 0.5, 0.75], np.float32)
CLASSES = np.array([2, 1, 2], np.int32)
RING = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 1, 0]], np.int32)
RINGS = np.pad(np.pad(np.pad(np.ones((1, 1), np.int32), 1), 1, constant_values=1), 2)


def features(label: np.ndarray) -> list[dict]:
    table = Instances(label, SCORES, CLASSES).to_pandas()
    return json.loads(json.dumps(list(geojson.features(label, table))))


def test_a_feature_names_its_class_when_there_are_several():
    label = np.array([[1, 0, 2], [1, 0, 3]], np.int32)
    table = Instances(label, SCORES, CLASSES).to_pandas()
    collection = geojson.features(label, table, ("cell", "dust"))
    names = [feature["properties"]["classification"] for feature in collection]
    assert names == [{"name": "dust"}, {"name": "cell"}, {"name": "dust"}]


def pixels_inside(ring: list[list[int]], shape: tuple[int, int]) -> np.ndarray:
    """Returns which pixels have their centre inside, according to scikit-image."""
    assert ring[0] == ring[-1]
    corners = np.array(ring)[:, ::-1]
    return grid_points_in_poly(shape, corners - 0.5)


def test_a_feature_worked_out_by_hand():
    (feature,) = features(np.array([[0, 0, 0], [0, 2, 2]], np.int32))
    assert feature == {
        "type": "Feature",
        "geometry": {
            "type": "Polygon",
            "coordinates": [[[1, 1], [3, 1], [3, 2], [1, 2], [1, 1]]],
        },
        "properties": {"objectType": "detection", "name": "2", "measurements": {"score": 0.5}},
    }


@settings(max_examples=200)
@given(arrays(np.int32, (7, 8), elements=st.integers(0, 3)))
@example(RINGS)
@example(np.tile(RING, (1, 2)))
@example(np.kron(np.eye(3, dtype=np.int32), np.ones((2, 2), np.int32)))
def test_the_polygons_of_an_instance_are_its_pixels(label):
    all_features = features(label)
    ids = [int(feature["properties"]["name"]) for feature in all_features]
    assert ids == np.unique(label[label > 0]).tolist()
    for feature in all_features:
        geometry = feature["geometry"]
        several = geometry["type"] == "MultiPolygon"
        total = np.zeros(label.shape, int)
        for outer, *holes in geometry["coordinates"] if several else [geometry["coordinates"]]:
            part = pixels_inside(outer, label.shape).astype(int)
            for hole in holes:
                inside = pixels_inside(hole, label.shape)
                assert (part[inside] == 1).all()  # in this part, and in no other hole
                part -= inside
            total += part
        np.testing.assert_array_equal(total, label == int(feature["properties"]["name"]))


def test_a_part_inside_a_hole_is_a_separate_polygon():
    (feature,) = features(RINGS)
    assert feature["geometry"]["type"] == "MultiPolygon"
    assert sorted(len(part) for part in feature["geometry"]["coordinates"]) == [1, 2]


def test_an_image_without_instances_has_no_features():
    assert features(np.zeros((3, 4), np.int32)) == []
