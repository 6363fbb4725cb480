"""Regions of images as samples: which pixels, which splits, and what is cut."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
import tifffile

from tfseg import Dataset, InputError, Reading, Selection, convert
from tfseg.cli import main
from tfseg.data.files.images import write_picture

SIZE = (150, 200)


def mosaic(folder):
    """Writes an image of 6 x 8 instances of 20 x 20 pixels, 25 apart, and a hidden one."""
    y, x = np.indices(SIZE)
    ids = (1 + y // 25 * 8 + x // 25) * ((y % 25 < 20) & (x % 25 < 20))
    image = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    for kind, array in (("images", image), ("labels", ids.astype(np.uint16))):
        (folder / kind).mkdir(parents=True)
        tifffile.imwrite(folder / kind / "a.tif", array, tile=(32, 32), metadata=None)
    return image, ids


def test_regions_have_the_pixels_of_the_image_and_each_is_in_one_split(tmp_path):
    image, ids = mosaic(tmp_path / "files")
    shares = {"val_fraction": 0.3, "test_fraction": 0.2}
    dataset = convert(tmp_path / "files", tmp_path / "data", split_regions=64, **shares)
    samples = {
        sample["id"].decode(): sample
        for split in dataset.info.splits
        for sample in dataset.samples(split).as_numpy_iterator()
    }
    assert set(dataset.info.splits) == {"train", "val", "test"}
    # 150 = 3 x 50 rows and 200 = 4 x 50 columns, which are not more than 64
    assert sorted(samples) == [f"a/{row}_{column}" for row in range(3) for column in range(4)]
    for id, sample in samples.items():
        row, column = map(int, id[2:].split("_"))
        window = slice(50 * row, 50 * row + 50), slice(50 * column, 50 * column + 50)
        np.testing.assert_array_equal(sample["image"], image[window])
        np.testing.assert_array_equal(sample["label"], ids[window])
    # 50 is a multiple of 25: no border cuts an instance.
    assert dataset.info.cut_instances == 0
    assert sum(split.num_instances for split in dataset.info.splits.values()) == 48
    again = convert(tmp_path / "files", tmp_path / "again", split_regions=64, **shares)
    assert again.info == dataset.info


def test_what_a_border_cuts_is_counted_and_keeps_its_class(tmp_path, capsys):
    mosaic(tmp_path / "files")
    options = ["--split_regions", "70", "--val_fraction", "0.5", "--seed", "3"]
    assert main(["convert", str(tmp_path / "files"), str(tmp_path / "data"), *options]) == 0
    info = Dataset.open(tmp_path / "data").info
    # Rows of 50 cut none; columns are cut at 66 and 133, inside of the instances from 50 and 125
    # on: 6 instances each become two parts.
    assert info.cut_instances == 24
    assert sum(split.num_instances for split in info.splits.values()) == 48 + 12
    assert "parts of instances that the borders of regions cut: 24" in capsys.readouterr().err
    assert (info.options["split_regions"], info.options["val_fraction"]) == (70, 0.5)


def test_counts_of_the_image_are_those_of_its_regions(tmp_path):
    """Two instances that overlap, and one outside of the image, in outlines."""
    (tmp_path / "files").mkdir()
    write_picture(tmp_path / "files" / "a.png", np.zeros((130, 70, 3), np.uint8))
    squares = [(0, 0, 40), (30, 0, 40), (300, 300, 5)]
    features = []
    for x, y, side in squares:
        ring = [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]
        geometry = {"type": "Polygon", "coordinates": [ring]}
        features.append({"type": "Feature", "geometry": geometry, "properties": {}})
    (tmp_path / "files" / "a.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": features})
    )
    info = convert(tmp_path / "files", tmp_path / "data", split_regions=64).info
    assert (info.overlap_pixels, info.hidden_instances) == (400, 1)
    assert info.splits["train"].num_images == 6


def test_the_image_is_read_once_for_all_regions_of_a_split(tmp_path, monkeypatch):
    from tfseg.data.conversion.formats import label_maps

    mosaic(tmp_path / "files")
    read, plain = Counter(), label_maps.read
    monkeypatch.setattr(
        label_maps, "read", lambda item, reading: read.update([item.id]) or plain(item, reading)
    )
    convert(tmp_path / "files", tmp_path / "data", split_regions=64, val_fraction=0.4)
    assert read == {"a": 1}  # the image is also kept from one split to the next


def test_regions_of_a_level(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (128, 192, 3), np.uint8)
    ids = np.kron(np.arange(1, 97).reshape(8, 12), np.ones((16, 16), int)).astype(np.uint16)
    for kind, array in (("images", image), ("labels", ids)):
        (tmp_path / "files" / kind).mkdir(parents=True)
        with tifffile.TiffWriter(tmp_path / "files" / kind / "a.tif") as file:
            file.write(array, subifds=1, tile=(32, 32))
            file.write(array[::2, ::2], subfiletype=1, tile=(32, 32))
    reading = Reading(selection=Selection(level=1))
    dataset = convert(tmp_path / "files", tmp_path / "data", reading=reading, split_regions=64)
    assert dataset.info.options["level"] == 1
    samples = {s["id"].decode(): s for s in dataset.samples("train").as_numpy_iterator()}
    assert sorted(samples) == ["a/0_0", "a/0_1"]  # 64 x 96 in two of 64 x 48
    np.testing.assert_array_equal(samples["a/0_1"]["image"], image[::2, ::2][:, 48:])
    np.testing.assert_array_equal(samples["a/0_1"]["label"], ids[::2, ::2][:, 48:])


@pytest.mark.parametrize("side", [63, 4097, 70.0])
def test_a_side_of_regions_has_limits(tmp_path, side):
    with pytest.raises(InputError, match=r"split_regions must be a whole number in \[64, 4096\]"):
        convert(tmp_path, tmp_path / "data", split_regions=side)


def test_an_image_that_cannot_be_opened_is_one_fault(tmp_path):
    mosaic(tmp_path / "files")
    (tmp_path / "files" / "images" / "b.tif").write_bytes(b"II*\0cut")
    label = tmp_path / "files" / "labels"
    (label / "b.tif").write_bytes((label / "a.tif").read_bytes())
    with pytest.raises(InputError, match=r"b\.tif is damaged"):
        convert(tmp_path / "files", tmp_path / "data", split_regions=64, format="label_maps")
    options = {"split_regions": 64, "format": "label_maps", "on_error": "skip"}
    info = convert(tmp_path / "files", tmp_path / "data", **options).info
    assert (info.skipped_images, info.splits["train"].num_images) == (1, 12)
