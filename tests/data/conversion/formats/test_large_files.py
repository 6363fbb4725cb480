"""Large files: the same samples from windows, levels of pyramids, and bounded memory."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from sources import WRITERS

from tfseg import InputError, Reading, Selection, convert, large_arrays
from tfseg.data.conversion.formats.detection import FORMATS
from tfseg.data.conversion.formats.id_maps import as_instances
from tfseg.data.conversion.formats.shapes import Region, resampled
from tfseg.data.files import limits, windows
from tfseg.data.files.opening import open_image
from tfseg.data.files.tiff_windows import TiffWindows


def only_sample(name, source, reading=None):
    reading = reading or Reading()
    (item,) = FORMATS[name].find(source, reading).splits["train"]
    return FORMATS[name].read(item, reading)


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_reads_the_same_where_all_images_are_large(tmp_path, png, monkeypatch, name):
    WRITERS[name](tmp_path, png)
    expected = only_sample(name, tmp_path)
    monkeypatch.setattr(limits, "LARGE", 0)
    monkeypatch.setattr(large_arrays, "_BAND", 7)
    sample = only_sample(name, tmp_path)
    assert isinstance(sample.label, np.memmap)
    np.testing.assert_array_equal(sample.image[:, :], expected.image)
    np.testing.assert_array_equal(sample.label, expected.label)
    assert sample[3:] == expected[3:]
    np.testing.assert_array_equal(sample.class_of, expected.class_of)


def pyramid(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path) as file:
        options = {"tile": (32, 32), "photometric": "rgb" if array.ndim == 3 else "minisblack"}
        file.write(array, subifds=1, **options)
        file.write(array[::4, ::4], subfiletype=1, **options)


COLOURS = np.random.default_rng(0).integers(0, 256, (128, 192, 3), np.uint8)


def test_outlines_are_those_of_level_0_and_painted_into_the_level(tmp_path):
    pyramid(tmp_path / "a.tif", COLOURS)
    rings = [[[8, 4], [40, 4], [40, 36], [8, 36], [8, 4]], [[100, 50], [101, 50], [101, 51]]]
    features = [
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}}
        for ring in rings
    ]
    content = {"type": "FeatureCollection", "features": features}
    (tmp_path / "a.geojson").write_text(json.dumps(content))
    sample = only_sample("geojson", tmp_path, Reading(selection=Selection(level=1)))
    np.testing.assert_array_equal(sample.image[:, :], COLOURS[::4, ::4])
    expected = np.zeros((32, 48), int)
    expected[1:9, 2:10] = 1  # a fourth of the rows from 4 to 36, and of the columns from 8 to 40
    np.testing.assert_array_equal(sample.label, expected)
    assert sample.hidden_instances == 1


def test_a_size_in_an_annotation_file_is_that_of_level_0(tmp_path):
    pyramid(tmp_path / "train2017" / "a.tif", COLOURS)
    image = {"id": 1, "file_name": "a.tif", "height": 128, "width": 192}
    ring = [8, 4, 40, 4, 40, 36, 8, 36]
    annotation = {"image_id": 1, "category_id": 5, "segmentation": [ring]}
    categories = [{"id": 5, "name": "a"}]
    content = {"images": [image], "annotations": [annotation], "categories": categories}
    (tmp_path / "annotations").mkdir()
    file = tmp_path / "annotations" / "instances_train2017.json"
    file.write_text(json.dumps(content))
    reading = Reading(selection=Selection(level=1))
    assert np.count_nonzero(only_sample("coco", tmp_path, reading).label) == 8 * 8
    image["height"] = 32  # that of the level
    file.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"must have the size in .*, 32 x 192 .*; got 128 x 192"):
        only_sample("coco", tmp_path, reading)


def test_a_label_map_of_level_0_does_not_fit_another_level(tmp_path):
    pyramid(tmp_path / "images" / "a.tif", COLOURS)
    (tmp_path / "labels").mkdir()
    tifffile.imwrite(tmp_path / "labels" / "a.tif", COLOURS[..., 0])
    with pytest.raises(InputError, match=r"got 128 x 192 pixels .* for an image of 32 x 48"):
        only_sample("label_maps", tmp_path, Reading(selection=Selection(level=1)))


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_a_level_has_the_pixel_of_level_0_at_the_centre_of_its_pixels(factor):
    draw = np.random.default_rng(factor)
    size, level = (24, 36), (24 // factor, 36 // factor)
    for _ in range(50):
        (top, left), (bottom, right) = np.sort(draw.integers(0, (25, 37), (2, 2)), axis=0)
        mask = draw.random((bottom - top, right - left)) < 0.5
        full = np.zeros(size, bool)
        full[top:bottom, left:right] = mask
        region = resampled(Region(mask, int(top), int(left)), size, level)
        made = np.zeros(level, bool)
        height, width = region.mask.shape
        made[region.y : region.y + height, region.x : region.x + width] = region.mask
        np.testing.assert_array_equal(made, full[factor // 2 :: factor, factor // 2 :: factor])


def test_ignored_numbers_of_large_maps_are_ignored_in_bands(monkeypatch):
    monkeypatch.setattr(large_arrays, "_BAND", 7)
    label = np.random.default_rng(0).integers(0, 4, (9, 5)).astype(np.int32)
    expected = np.where(label == 3, -1, label)
    np.testing.assert_array_equal(as_instances(label, Reading(ignore=3)), expected)


def test_components_of_a_gigantic_mask_are_refused(monkeypatch):
    mask = np.broadcast_to(np.int32(1), (20_000, 5_001))
    with pytest.raises(InputError, match=r"at most 100000000 pixels; got 20000 x 5001"):
        as_instances(mask, Reading(components=True))


def test_a_disk_without_room_for_the_ids_is_told(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(InputError, match=r"5000 x 4000 pixels need 80000000 bytes .*TMPDIR to a f"):
        windows.zeros((5000, 4000), np.int32)


def test_a_conversion_by_level_and_page_keeps_the_options(tmp_path, capsys):
    from tfseg.cli import main

    stack = np.stack([COLOURS[..., 0], COLOURS[..., 1]])
    for kind, array in (("images", stack), ("labels", stack // 64)):
        (tmp_path / "files" / kind).mkdir(parents=True)
        tifffile.imwrite(tmp_path / "files" / kind / "a.tif", array, photometric="minisblack")
    arguments = ["convert", str(tmp_path / "files"), str(tmp_path / "data")]
    arguments += ["--format", "label_maps"]
    assert main(arguments) == 2
    message = "it has 2 pages (axes Q 2, Y 128, X 192). --page 0 to 1 chooses one"
    assert message in capsys.readouterr().err
    assert main([*arguments, "--page", "1"]) == 0
    reading = Reading(selection=Selection(page=1))
    dataset = convert(tmp_path / "files", tmp_path / "again", reading=reading, format="label_maps")
    assert dataset.info.options["page"] == 1 and "level" not in dataset.info.options
    assert (tmp_path / "data" / "dataset.json").read_bytes() == (
        tmp_path / "again" / "dataset.json"
    ).read_bytes()
    (sample,) = dataset.samples("train").as_numpy_iterator()
    np.testing.assert_array_equal(sample["image"][..., 0], stack[1])
    np.testing.assert_array_equal(sample["label"], stack[1] // 64)


# Reads and counts a source, with a limit for all memory that is not a file: RLIMIT_DATA. Pages of
# mapped files, such as the ids, are not in it: the system takes them back when it needs memory.
READ = """
import resource, sys
from pathlib import Path
from tfseg.data.conversion.formats.base import Reading
from tfseg.data.conversion.formats.detection import FORMATS
from tfseg.data.dataset.counts import count
name, source, most = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
(line,) = [x for x in Path("/proc/self/status").read_text().split("\\n") if "VmData" in x]
limit = int(line.split()[1]) * 1024 + most
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
(item,) = FORMATS[name].find(source, Reading()).splits["train"]
sample = FORMATS[name].read(item, Reading())
print(count(sample.image, sample.label, sample.class_of).num_instances)
"""
TILE = 512


def write_large(source: Path, side: int) -> int:
    """Writes an RGB image, tile by tile, and a polygon in each square of 90 pixels."""
    y, x = np.indices((TILE, TILE))
    tile = np.stack([y // 16 * 8, x // 16 * 8, (x + y) // 32 * 8], axis=-1).astype(np.uint8)
    across = -(-side // TILE)
    tifffile.imwrite(
        source / "a.tif",
        (tile for _ in range(across**2)),
        shape=(side, side, 3),
        dtype="uint8",
        tile=(TILE, TILE),
        photometric="rgb",
        compression="zlib",
        bigtiff=True,
    )
    starts = range(0, side - 89, 90)
    ring = np.array([[5, 30], [30, 5], [60, 5], [85, 30], [85, 60], [60, 85], [30, 85], [5, 60]])
    with (source / "a.geojson").open("w") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for number, (top, left) in enumerate((top, left) for top in starts for left in starts):
            geometry = {"type": "Polygon", "coordinates": [(ring + (left, top)).tolist()]}
            feature = {"type": "Feature", "geometry": geometry, "properties": {}}
            file.write((", " if number else "") + json.dumps(feature))
        file.write("]}")
    return len(starts) ** 2


def write_large_map(source: Path, side: int) -> int:
    """Writes such an image, and ids of which each has a square of 64 pixels, in tiles."""
    (source / "images").mkdir()
    (source / "labels").mkdir()
    write_large(source / "images", side)
    (source / "images" / "a.geojson").unlink()
    y, x = np.indices((TILE, TILE)) // 64
    across = -(-side // TILE)
    tifffile.imwrite(
        source / "labels" / "a.tif",
        ((64 * tile + y * 8 + x + 1).astype(np.uint32) for tile in range(across**2)),
        shape=(side, side),
        dtype="uint32",
        tile=(TILE, TILE),
        compression="zlib",
        bigtiff=True,
    )
    return (-(-side // 64)) ** 2


@pytest.mark.parametrize(
    ("side", "most"),
    [
        # The image has 110 MB and the ids 150 MB; the tiles read last take up to 128 MB.
        pytest.param(6_100, 220 * 10**6, marks=pytest.mark.slow),
        pytest.param(40_000, 16 * 10**8, marks=pytest.mark.exhaustive),
    ],
)
@pytest.mark.parametrize(
    ("name", "write"), [("geojson", write_large), ("label_maps", write_large_map)]
)
def test_a_large_image_is_read_and_counted_in_little_memory(tmp_path, name, write, side, most):
    number = write(tmp_path, side)
    process = subprocess.run(
        [sys.executable, "-c", READ, name, str(tmp_path), str(most)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    assert int(process.stdout) == number


def test_the_tiff_of_these_tests_is_read_in_windows(tmp_path):
    write_large(tmp_path, 4_200)
    assert isinstance(open_image(tmp_path / "a.tif"), TiffWindows)
