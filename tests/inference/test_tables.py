"""Counts, densities and sizes of instances, in pixels and in micrometres; ids in overlays."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from tfseg.data.files.images import read_image
from tfseg.drawing.numbers import write_ids
from tfseg.inference.instances import Instances
from tfseg.inference.result_folder import ResultFolder


def instances(*sides: int) -> Instances:
    """Returns squares of these sides in an image of 40 x 100 pixels."""
    label = np.zeros((40, 100), np.int32)
    for id, side in enumerate(sides, start=1):
        label[2 : 2 + side, 30 * id - 28 : 30 * id - 28 + side] = id
    count = len(sides)
    return Instances(label, np.full(count, 0.5, np.float32), np.ones(count, np.int32))


def written(folder: Path, *images: tuple[str, Instances, float], **options) -> ResultFolder:
    results = ResultFolder(folder, **options)
    results.prepare(keep=False)
    paths = []
    for name, found_instances, pixel_size in images:
        paths.append(folder.parent / name)
        paths[-1].write_bytes(b"the digest is of this file")
        pixels = np.full((40, 100, 1), 90, np.uint8)
        results.write(paths[-1], pixels, found_instances, pixel_size)
    results.finish(paths)
    return results


def test_a_row_per_image_has_count_density_and_areas_in_pixels_and_micrometres(tmp_path):
    images = ("a.png", instances(10, 4, 7), 0.5), ("b.png", instances(), 0.0)
    written(tmp_path / "out", *images, ("c.png", instances(20), 0.0))
    table = pd.read_csv(tmp_path / "out" / "images.csv", index_col="image")
    assert table.loc["a.png"].to_dict() == {
        "height": 40,
        "width": 100,
        "count": 3,
        "per_megapixel": 750,  # 3 of 4,000 pixels
        "mean_area": 55,  # (100 + 16 + 49) / 3
        "median_area": 49,
        "covered_share": 0.04125,  # 165 / 4,000
        "pixel_size_um": 0.5,
        "per_square_mm": 3000,  # 3 in 20 um x 50 um
        "mean_area_um2": 13.75,
        "median_area_um2": 12.25,
    }
    empty, one = table.loc["b.png"], table.loc["c.png"]
    assert (empty["count"], empty["covered_share"], one["count"]) == (0, 0, 1)
    assert empty[["mean_area", "pixel_size_um", "per_square_mm"]].isna().all()
    assert one["mean_area"] == 400 and math.isnan(one["mean_area_um2"])


def test_a_row_per_instance_has_area_and_diameter_in_micrometres(tmp_path):
    written(tmp_path / "out", ("a.png", instances(10), 0.5), ("b.png", instances(4), 0.0))
    table = pd.read_csv(tmp_path / "out" / "instances.csv")
    assert table["area"].tolist() == [100, 16]
    first, second = table[["area_um2", "diameter_um"]].to_numpy()
    # 100 x 0.25 square micrometres; a disc of 25 has the diameter 2 sqrt(25 / pi)
    assert first.tolist() == [25, 5.641896]
    assert np.isnan(second).all()


def test_without_images_the_tables_have_their_headers(tmp_path):
    written(tmp_path / "out")
    assert pd.read_csv(tmp_path / "out" / "images.csv").columns[:4].tolist() == [
        *("image", "height", "width", "count")
    ]
    assert "diameter_um" in (tmp_path / "out" / "instances.csv").read_text()


def test_ids_are_written_into_the_instances_that_are_large_enough():
    label = instances(3, 20, 25).labels
    picture = np.full((40, 100, 3), 90, np.uint8)
    drawn = write_ids(picture, label)
    changed = (drawn != picture).any(-1)
    inside = {id: np.count_nonzero(changed & (label == id)) for id in (1, 2, 3)}
    assert inside[1] == 0 and inside[2] > 10 and inside[3] > 10
    assert not changed[label == 0].any()
    assert drawn[changed].max() > 200 and drawn[changed].min() < 20  # white with a black rim
    assert not (write_ids(picture, np.where(label == 2, 3, label)) == drawn).all()
    assert (picture == 90).all()


@pytest.mark.parametrize("overlay_ids", [True, False])
def test_overlays_have_ids_unless_they_are_not_wanted(tmp_path, overlay_ids):
    image = ("a.png", instances(30), 0.0)
    written(tmp_path / "out", image, overlay_ids=overlay_ids)
    overlay = read_image(tmp_path / "out" / "overlays" / "a.png")
    middle = overlay[8:26, 8:26]
    assert (middle != middle[:1, :1]).any() == overlay_ids


def test_the_pixel_size_of_a_file_reaches_its_tables(tmp_path):
    """The network finds nothing in a flat image; the size is in the row of the image."""
    import tfseg
    from tfseg.config import ModelConfig

    config = ModelConfig(filters=(4, 4), channels=1, head="semantic")
    segmenter = tfseg.Segmenter(tfseg.build_model(config), config)
    image = np.full((64, 64), 9, np.uint16)
    micrometres = {"spacing": 1, "unit": "um"}
    tifffile.imwrite(
        tmp_path / "a.tif", image, imagej=True, resolution=(4, 4), metadata=micrometres
    )
    tfseg.predict_files(segmenter, [tmp_path / "a.tif"], tmp_path / "out")
    (row,) = pd.read_csv(tmp_path / "out" / "images.csv").to_dict("records")
    assert (row["image"], row["height"], row["pixel_size_um"]) == ("a.tif", 64, 0.25)
    # 64 x 64 pixels of 0.25 um are 256 square micrometres
    assert row["per_square_mm"] == pytest.approx(row["count"] / 256e-6)


def test_results_of_a_version_without_summaries_are_not_done(tmp_path):
    results = written(tmp_path / "out", ("a.png", instances(9), 0.0))
    assert results.is_done(tmp_path / "a.png")
    (tmp_path / "out" / "summaries" / "a.csv").unlink()
    assert not results.is_done(tmp_path / "a.png")
