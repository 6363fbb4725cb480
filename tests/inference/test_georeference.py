"""Georeferences of GeoTIFF files, and polygons that go to their coordinates and back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tfseg.checks import InputError
from tfseg.data.conversion.formats import geojson as format_geojson
from tfseg.data.conversion.formats.base import Reading
from tfseg.data.files.georeference import Georeference, read_georeference
from tfseg.data.files.images import write_label
from tfseg.inference.instances import Instances
from tfseg.inference.result_folder import ResultFolder

AREA, POINT = 1, 2
UTM = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, AREA, 3072, 0, 1, 32633)  # GeoKeyDirectory
SCALE = (33550, "d", 3, (0.5, 0.25, 0.0))
TIE = (33922, "d", 6, (0.0, 0.0, 0.0, 500000.0, 5200000.0, 0.0))
LABEL = np.zeros((9, 12), np.int32)
LABEL[1:5, 2:6], LABEL[2:4, 3:5], LABEL[6:, 7:10] = 1, 0, 2


def geotiff(path: Path, *tags: tuple, keys: tuple = UTM, orientation: int = 1) -> Path:
    image = np.arange(LABEL.size, dtype=np.uint8).reshape(LABEL.shape)
    directory = (34735, "H", len(keys), keys)
    extra = [(*tag, True) for tag in (*tags, directory, (274, "H", 1, orientation))]
    tifffile.imwrite(path, image, photometric="minisblack", extratags=extra, metadata=None)
    return path


def test_a_scale_and_a_tie_point_are_an_affine_map(tmp_path):
    reference = read_georeference(geotiff(tmp_path / "a.tif", SCALE, TIE))
    assert reference == Georeference((0.5, 0.0, 500000.0, 0.0, -0.25, 5200000.0), 32633)
    corners = np.array([[0, 0], [2, 4]])
    world = reference.to_world(corners)
    assert world.tolist() == [[500000.0, 5200000.0], [500001.0, 5199999.0]]
    assert reference.to_pixels(world).tolist() == corners.tolist()


def test_a_tie_point_inside_the_image_is_where_it_says(tmp_path):
    tie = (33922, "d", 6, (4.0, 8.0, 0.0, 500000.0, 5200000.0, 0.0))
    reference = read_georeference(geotiff(tmp_path / "a.tif", SCALE, tie))
    assert reference.to_world(np.array([[4, 8]])).tolist() == [[500000.0, 5200000.0]]


def test_a_matrix_may_turn(tmp_path):
    matrix = (34264, "d", 16, (0.0, 2.0, 0, 7.0, 3.0, 0.0, 0, 8.0, 0, 0, 0, 0, 0, 0, 0, 1.0))
    reference = read_georeference(geotiff(tmp_path / "a.tif", matrix))
    assert reference.affine == (0.0, 2.0, 7.0, 3.0, 0.0, 8.0)


def test_coordinates_of_centres_are_half_a_pixel_away_from_those_of_corners(tmp_path):
    keys = tuple(POINT if index == 11 else value for index, value in enumerate(UTM))
    reference = read_georeference(geotiff(tmp_path / "a.tif", SCALE, TIE, keys=keys))
    # the centre of the first pixel, (0.5, 0.5), is at the tie point
    assert reference.to_world(np.array([[0.5, 0.5]])).tolist() == [[500000.0, 5200000.0]]


def test_a_level_of_a_pyramid_has_the_corners_of_the_file(tmp_path):
    reference = read_georeference(geotiff(tmp_path / "a.tif", SCALE, TIE), shape=(3, 6))
    # 9 rows of 0.25 and 12 columns of 0.5 are 3 rows of 0.75 and 6 columns of 1
    assert reference.affine == (1.0, 0.0, 500000.0, 0.0, -0.75, 5200000.0)


@pytest.mark.parametrize("tag", range(1, 9))
def test_the_corners_of_a_turned_picture_stay_where_they_are(tmp_path, tag):
    path = geotiff(tmp_path / "a.tif", SCALE, TIE, orientation=tag)
    stored = read_georeference(path, orientation="ignore")
    upright = read_georeference(path)
    height, width = LABEL.shape
    sides = (width, height) if tag < 5 else (height, width)
    corners = {
        frozenset(map(tuple, one.to_world(np.array([[0, 0], [x, 0], [0, y], [x, y]])).tolist()))
        for one, (x, y) in ((stored, (width, height)), (upright, sides))
    }
    assert len(corners) == 1
    first = upright.to_world(np.array([[0, 0]])).tolist()[0]
    # where the first row and the first column of the picture meet, by the TIFF specification
    x, y = {1: (0, 0), 2: (12, 0), 3: (12, 9), 4: (0, 9), 5: (0, 0), 6: (0, 9), 7: (12, 9)}.get(
        tag, (12, 0)
    )
    assert first == stored.to_world(np.array([[x, y]])).tolist()[0]


@pytest.mark.parametrize(
    ("tags", "keys"),
    [
        ((), UTM),
        ((SCALE,), UTM),
        ((SCALE, TIE), (*UTM[:-1], 32767)),  # a system that the user defines
        ((SCALE, TIE), UTM[:12]),  # none
        ((SCALE, (33922, "d", 12, (0.0,) * 12)), UTM),
        (((33550, "d", 3, (0.0, 0.25, 0.0)), TIE), UTM),
    ],
)
def test_a_file_that_says_too_little_has_none(tmp_path, tags, keys):
    keys = (*keys[:3], (len(keys) - 4) // 4, *keys[4:])
    assert read_georeference(geotiff(tmp_path / "a.tif", *tags, keys=keys)) is None


def test_another_file_has_none(tmp_path):
    assert read_georeference(write_label(tmp_path / "a", LABEL)) is None
    assert read_georeference(tmp_path / "missing.tif") is None
    (tmp_path / "cut.tif").write_bytes(geotiff(tmp_path / "a.tif", SCALE, TIE).read_bytes()[:100])
    assert read_georeference(tmp_path / "cut.tif") is None


def predicted(folder: Path, image: Path) -> Path:
    results = ResultFolder(folder, ["geojson"])
    results.prepare(keep=False)
    scores, classes = np.full(2, 0.5, np.float32), np.ones(2, np.int32)
    pixels = tifffile.imread(image)[..., None]
    results.write(image, pixels, Instances(LABEL, scores, classes))
    return folder / "geojson" / f"{image.stem}.geojson"


@pytest.fixture
def source(tmp_path):
    """A folder with a GeoTIFF and the polygons that were predicted for it."""
    (tmp_path / "source" / "images").mkdir(parents=True)
    image = geotiff(tmp_path / "source" / "images" / "a.tif", SCALE, TIE)
    path = predicted(tmp_path / "predicted", image)
    path.parent.rename(tmp_path / "source" / "geojson")
    return tmp_path / "source"


def content_of(source: Path) -> dict:
    return json.loads((source / "geojson" / "a.geojson").read_text(encoding="utf-8"))


def test_polygons_of_a_geotiff_are_in_its_coordinates(source):
    content = content_of(source)
    assert content["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::32633"
    (ring,) = content["features"][1]["geometry"]["coordinates"]
    # pixels from (7, 6) to (10, 9), counterclockwise where y grows upwards
    x, y = (500003.5, 500005.0), (5199998.5, 5199997.75)
    expected = [[x[0], y[0]], [x[0], y[1]], [x[1], y[1]], [x[1], y[0]], [x[0], y[0]]]
    assert ring == expected


def test_the_polygons_of_a_geotiff_are_read_onto_its_pixels(source):
    index = format_geojson.find(source, Reading())
    sample = format_geojson.read(index.splits["train"][0], Reading())
    np.testing.assert_array_equal(sample.label, LABEL)


def test_polygons_in_another_system_than_the_image_are_refused(source):
    content = content_of(source)
    content["crs"]["properties"]["name"] = "EPSG:4326"
    (source / "geojson" / "a.geojson").write_text(json.dumps(content), encoding="utf-8")
    index = format_geojson.find(source, Reading())
    assert "a.tif must be a GeoTIFF in this system; it has EPSG:32633" in (
        index.splits["train"][0].fault
    )


def test_polygons_in_a_system_need_an_image_in_one(source):
    tifffile.imwrite(source / "images" / "a.tif", LABEL.astype(np.uint8))
    fault = format_geojson.find(source, Reading()).splits["train"][0].fault
    assert "it has none. Give that image, or save the file in pixels" in fault


def test_an_image_without_a_georeference_has_polygons_in_pixels(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", LABEL.astype(np.uint8))
    path = predicted(tmp_path / "predicted", tmp_path / "a.tif")
    content = json.loads(path.read_text(encoding="utf-8"))
    assert list(content) == ["type", "features"]
    (ring,) = content["features"][1]["geometry"]["coordinates"]
    assert ring == [[7, 6], [10, 6], [10, 9], [7, 9], [7, 6]]
    with pytest.raises(InputError, match="unknown|must be one of"):
        ResultFolder(tmp_path, ["shapefile"])
