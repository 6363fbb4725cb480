"""Files of tools that are not read, and folders without a layout: one sentence with the way out."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sources import coco

from tfseg import InputError, convert
from tfseg.data.conversion.formats.other_tools import other_tool

IMAGE = np.zeros((4, 6), np.uint8)
FILES = {
    "VoTT": (
        {"asset": {"name": "a.png"}, "regions": [], "version": "2.1.0"},
        r"of VoTT\. .*convert_samples",
    ),
    "CreateML": (
        [{"image": "a.png", "annotations": [{"label": "c", "coordinates": {"x": 1}}]}],
        r"of CreateML, which has boxes alone\. Annotate",
    ),
    "Supervisely": (
        {"classes": [{"title": "c", "shape": "polygon"}], "tags": []},
        r"of Supervisely\. Export it from there as COCO",
    ),
}


@pytest.mark.parametrize("name", ["a.json", "export.json"])
@pytest.mark.parametrize("kind", FILES)
def test_a_file_of_another_tool_is_named_with_the_way_out(tmp_path, png, kind, name):
    content, message = FILES[kind]
    for folder in (tmp_path / "flat", tmp_path / "split" / "train"):
        png(folder / "a.png", IMAGE)
        (folder / name).write_text(json.dumps(content))
    for source in (tmp_path / "flat", tmp_path / "split"):
        with pytest.raises(InputError, match=rf"{name} must be .*; it is {message}") as caught:
            convert(source, tmp_path / "data")
        assert len(str(caught.value)) < 300 + len(str(tmp_path))


def test_the_xml_of_a_video_of_cvat_is_named(tmp_path, png):
    png(tmp_path / "images" / "a.png", IMAGE)
    (tmp_path / "annotations.xml").write_text(
        '<?xml version="1.0"?>\n<annotations>\n<track id="0" label="cell"/></annotations>'
    )
    for options in ({}, {"format": "cvat"}):
        with pytest.raises(InputError, match=r"annotations\.xml .* as CVAT for images 1\.1\.$"):
            convert(tmp_path, tmp_path / "data", **options)


def test_a_file_of_another_tool_beside_one_of_coco_does_no_harm(tmp_path, png):
    coco(tmp_path / "files", png)
    (tmp_path / "files" / "annotations.xml").write_text("<annotations><track/></annotations>")
    (tmp_path / "files" / "project.json").write_text('{"_via_settings": {}}')
    assert other_tool(tmp_path / "files") is None


FOLDERS = {
    "Mapillary": (
        ["training/images/a.png", "training/v2.0/instances/a.png"],
        r"v2\.0/ is of Mapillary Vistas\. Read",
    ),
    "KITTI": (
        ["training/image_2/a.png", "training/instance/a.png"],
        r"instance/ is of KITTI\. Read it",
    ),
    "nnU-Net": (["imagesTr/a_0000.png"], r"imagesTr/ is of nnunet, and labelsTr/ .* is missing"),
    "CamVid": (["train/a.png", "trainannot/a.png"], r"only the table of classes .* codes\.txt"),
    "no objects": (["JPEGImages/a.png", "SegmentationClass/a.png"], r"SegmentationObject/ is miss"),
    "no labels": (["images/a.png"], r"images/ is of label_maps, and \S+labels is missing"),
    "other names": (["images/a.png", "masks/z.png"], r"has no file of the name of each image"),
    "images alone": (["a.png", "b.png"], r"their annotations are missing: NAME\.json of labelme"),
    "one deeper": (
        ["x/images/a.png", "x/labels/a.png"],
        r"folder x in it has them\. Give \S+x",
    ),
    "tracking": (
        ["01/t000.tif", "01_GT/TRA/man_track000.tif"],
        r"01/ is of cell_tracking, and 01_GT",
    ),
    "an archive": (
        ["a.png", "RoiSet.zip"],
        r"RoiSet\.zip is of imagej_rois, and must have the nam",
    ),
    "nothing": (["x/y/z.png"], r"it has neither images nor a folder images/\."),
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_folder_without_a_layout_lacks_one_thing(tmp_path, png, kind):
    files, message = FOLDERS[kind]
    for file in files:
        png(tmp_path / "files" / file, IMAGE)
    with pytest.raises(InputError, match=message) as caught:
        convert(tmp_path / "files", tmp_path / "data")
    lines = str(caught.value).splitlines()
    assert len(lines) in (1, 4)
    assert max(map(len, lines)) < 400 + 2 * len(str(tmp_path))
