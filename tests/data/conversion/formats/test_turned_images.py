"""Every format: images with orientation tags, by the size of their annotations and by option."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sources import IMAGE, LEFT, WRITERS

from tfseg import Reading, convert


def tagged(path: Path, pixels: np.ndarray, tag: int) -> None:
    """Writes a PNG with an orientation tag in its EXIF data."""
    exif = Image.Exif()
    exif[274] = tag
    Image.fromarray(pixels).save(path, "PNG", exif=exif)


def picture(source: Path) -> Path:
    """Returns the file of the only image."""
    for path in source.rglob("*.*g"):
        with Image.open(path) as image:
            if np.array_equal(image, IMAGE):
                return path
    raise AssertionError


def converted(folder: Path, reading: Reading | None = None) -> tuple[dict, list[int]]:
    """Returns the only sample, and the counts of turned and unturned images."""
    options = {"reading": reading} if reading else {}
    dataset = convert(folder / "files", folder / "data", **options)
    (sample,) = dataset.samples("train").as_numpy_iterator()
    return sample, [dataset.info.turned_images, dataset.info.unturned_images]


PNG = sorted(WRITERS.keys() - {"cell_tracking"})  # whose images are TIFF
WITHOUT_SIZE = {"yolo", "labelme", "via", "geojson", "imagej_rois"}


@pytest.mark.parametrize("name", PNG)
def test_an_image_is_turned_to_its_annotations(tmp_path, png, name):
    WRITERS[name](tmp_path / "files", png)
    tagged(picture(tmp_path / "files"), np.rot90(IMAGE), 6)  # a quarter against the clock, and back
    sample, counts = converted(tmp_path)
    assert counts == [1, 0]
    np.testing.assert_array_equal(sample["image"], IMAGE)
    np.testing.assert_array_equal(sample["label"] == 1, LEFT)


@pytest.mark.parametrize("name", sorted(set(PNG) - WITHOUT_SIZE))
def test_an_image_is_left_as_stored_where_its_annotations_have_this_size(tmp_path, png, name):
    WRITERS[name](tmp_path / "files", png)
    tagged(picture(tmp_path / "files"), IMAGE, 6)
    sample, counts = converted(tmp_path)
    assert counts == [0, 1]
    np.testing.assert_array_equal(sample["image"], IMAGE)
    np.testing.assert_array_equal(sample["label"] == 1, LEFT)


@pytest.mark.parametrize(("size", "counts"), [((4, 6), [0, 1]), ((6, 4), [1, 0]), (None, [1, 0])])
def test_labelme_states_a_size_or_none(tmp_path, png, size, counts):
    WRITERS["labelme"](tmp_path / "files", png)
    tagged(picture(tmp_path / "files"), IMAGE, 6)
    path = tmp_path / "files" / "a.json"
    stated = dict(zip(("imageHeight", "imageWidth"), size, strict=True)) if size else {}
    path.write_text(json.dumps(json.loads(path.read_text()) | stated))
    sample, counted = converted(tmp_path)
    assert counted == counts
    assert sample["image"].shape == (*(size or (6, 4)), 3)


@pytest.mark.parametrize("name", PNG)
def test_tags_can_be_ignored(tmp_path, png, name):
    WRITERS[name](tmp_path / "files", png)
    tagged(picture(tmp_path / "files"), IMAGE, 3)
    sample, counts = converted(tmp_path, Reading(orientation="ignore"))
    assert counts == [0, 1]
    np.testing.assert_array_equal(sample["image"], IMAGE)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("label_maps", "labels/a.png"),
        ("cellpose", "a_masks.png"),
        ("instance_masks", "a/masks/1.png"),
        ("coco_panoptic", "annotations/panoptic_train2017/a.png"),
        ("semantic", "labels/a.png"),
        ("cityscapes", "gtFine/train/ulm/a_gtFine_instanceIds.png"),
    ],
)
def test_a_map_follows_the_tag_of_its_file(tmp_path, png, name, file):
    WRITERS[name](tmp_path / "files", png)
    path = tmp_path / "files" / file
    with Image.open(path) as image:
        label = np.asarray(image)
    tagged(path, np.ascontiguousarray(label[::-1, ::-1]), 3)
    sample, counts = converted(tmp_path)
    assert counts == [0, 0]  # of images
    np.testing.assert_array_equal(sample["label"] == 1, LEFT)


@pytest.mark.parametrize("coloured", [False, True])
def test_both_masks_of_voc_follow_the_tags_of_their_files(tmp_path, png, coloured):
    source = tmp_path / "files"
    WRITERS["pascal_voc"](source, png)
    if coloured:
        (source / "class_names.txt").unlink()
        (source / "labelmap.txt").write_text("background:0,0,0::\ncell:0,0,1::\n")
    for kind in ("Object", "Class"):
        path = source / f"Segmentation{kind}" / "a.png"
        with Image.open(path) as image:
            mask = np.asarray(image)
        mask = np.stack([mask * 0, mask * 0, mask], axis=-1) if coloured else mask
        tagged(path, np.ascontiguousarray(mask[::-1, ::-1]), 3)
    sample, counts = converted(tmp_path)
    assert counts == [0, 0]  # of images
    np.testing.assert_array_equal(sample["label"] == 1, LEFT)


@pytest.mark.parametrize("store", ["png", "raw", "original"])
def test_a_turned_image_is_stored_turned(tmp_path, png, store):
    WRITERS["label_maps"](tmp_path / "files", png)
    tagged(picture(tmp_path / "files"), np.rot90(IMAGE), 6)
    dataset = convert(tmp_path / "files", tmp_path / "data", store=store)
    (sample,) = dataset.samples("train").as_numpy_iterator()
    np.testing.assert_array_equal(sample["image"], IMAGE)
