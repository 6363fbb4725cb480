"""Regions of ImageJ: kinds of regions, names of files, damaged ones."""

from __future__ import annotations

import zipfile

import numpy as np
import one_image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from roifile import ROI_TYPE, ImagejRoi

from tfseg import InputError, convert
from tfseg.data.conversion.formats import imagej_rois
from tfseg.data.conversion.formats.detection import detect

SQUARE = ImagejRoi.frompoints([[0, 0], [2, 0], [2, 2], [0, 2]])


def roi(kind, left=0, top=0, right=2, bottom=2, **values):
    made = ImagejRoi(roitype=kind, left=left, top=top, right=right, bottom=bottom)
    for name, value in values.items():
        setattr(made, name, value)
    return made


def combined(*rings):
    """Returns a region of several rings, as ImageJ stores them: moves, lines and closings."""
    path = []
    for ring in rings:
        for kind, (x, y) in zip([0, *[1] * len(ring)], ring, strict=False):
            path += [kind, x, y]
        path += [4]
    numbers = np.array(path, np.float32)
    return roi(
        ROI_TYPE.RECT, right=6, bottom=4, multi_coordinates=numbers, shape_roi_size=len(path)
    )


def write(png, folder, regions, name="a.zip"):
    png(folder / "a.png", np.zeros((4, 6), np.uint8))
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / name, "w") as archive:
        for index, region in enumerate(regions):
            archive.writestr(f"{index:04d}-0001.roi", region.tobytes())
    return folder


def read_one(source):
    return one_image.read_one(imagej_rois, source)[1]


def test_every_kind_with_an_area_has_its_pixels(tmp_path, png):
    freehand = ImagejRoi.frompoints(np.array([[2.0, 0.0], [4.5, 0.0], [4.5, 1.2], [2.0, 1.2]]))
    regions = [
        SQUARE,
        freehand,
        roi(ROI_TYPE.RECT, left=0, top=3, right=3, bottom=4),
        roi(ROI_TYPE.OVAL, left=4, top=2, right=6, bottom=4),
    ]
    write(png, tmp_path, regions)
    assert read_one(tmp_path).label.tolist() == [
        [1, 1, 2, 2, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [0, 0, 0, 0, 4, 4],
        [3, 3, 3, 0, 4, 4],
    ]


@pytest.mark.parametrize("turn", [1, -1])
def test_rings_of_a_combined_region_are_filled_by_the_even_odd_rule(tmp_path, png, turn):
    outer, hole = [(0, 0), (5, 0), (5, 4), (0, 4)], [(1, 1), (4, 1), (4, 3), (1, 3)][::turn]
    write(png, tmp_path, [combined(outer, hole)])
    assert read_one(tmp_path).label.tolist() == [
        [1, 1, 1, 1, 1, 0],
        [1, 0, 0, 0, 1, 0],
        [1, 0, 0, 0, 1, 0],
        [1, 1, 1, 1, 1, 0],
    ]


@pytest.mark.parametrize(
    "name", ["a.zip", "a_rois.zip", "a_RoiSet.zip", "rois/a.zip", "zips/a.zip"]
)
def test_the_usual_names_are_recognised(tmp_path, png, name):
    write(png, tmp_path, [SQUARE], name)
    assert detect(tmp_path) == "imagej_rois"
    assert read_one(tmp_path).label.any()


def test_one_region_may_be_a_file_of_its_kind(tmp_path, png):
    png(tmp_path / "a.png", np.zeros((4, 6), np.uint8))
    (tmp_path / "a.roi").write_bytes(SQUARE.tobytes())
    assert read_one(tmp_path).label[:2, :2].tolist() == [[1, 1], [1, 1]]


def test_beside_ids_of_cellpose_regions_are_left_out(tmp_path, png):
    write(png, tmp_path, [SQUARE], "a_rois.zip")
    png(tmp_path / "a_cp_masks.png", np.eye(4, 6, dtype=np.uint8))
    assert detect(tmp_path) == "cellpose"


WRONG = {
    "a line": ([roi(ROI_TYPE.LINE)], r"0000-0001\.roi, must be a region with an area; got LINE"),
    "points": ([roi(ROI_TYPE.POINT)], r"got POINT\. Draw its outline, or delete it"),
    "no area": ([ImagejRoi.frompoints([[0, 0], [2, 2], [4, 4]])], r"must have an area; its corn"),
    "two planes": (
        [SQUARE, roi(ROI_TYPE.RECT, z_position=2)],
        r"must have the regions of one plane; they are of 2 planes",
    ),
    "nothing": ([], r"a\.zip must have regions of ImageJ \(\.roi\); it has none"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_has_no_area_is_refused(tmp_path, png, kind):
    regions, message = WRONG[kind]
    write(png, tmp_path / "files", regions)
    with pytest.raises(InputError, match=message) as caught:
        convert(tmp_path / "files", tmp_path / "data")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.zip", "a.roi"])
def test_damaged_files_are_refused(tmp_path, png, name):
    png(tmp_path / "a.png", np.zeros((4, 6), np.uint8))
    for data in (b"", b"PK\x03\x04" + bytes(40), b"Iout" + bytes(80)):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(
            InputError, match=r"is no zip file|is no region of ImageJ|with an area|three"
        ):
            read_one(tmp_path)


@given(at=st.integers(0, len(SQUARE.tobytes()) - 1), value=st.integers(0, 255))
def test_a_region_with_any_byte_changed_is_read_or_refused(tmp_path_factory, png, at, value):
    folder = tmp_path_factory.mktemp("roi")
    data = bytearray(SQUARE.tobytes())
    data[at] = value
    png(folder / "a.png", np.zeros((4, 6), np.uint8))
    (folder / "a.roi").write_bytes(data)
    try:
        assert read_one(folder).label.shape == (4, 6)
    except InputError as error:
        assert "\n" not in str(error)
