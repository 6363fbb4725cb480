"""OME-Zarr: images that zarr writes, and one written by hand, byte by byte."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from tfseg import Dataset, convert
from tfseg.checks import InputError
from tfseg.data.conversion.formats.base import Reading
from tfseg.data.dataset.integrity import file_sha256
from tfseg.data.files import limits
from tfseg.data.files.images import list_images, read_label
from tfseg.data.files.opening import (
    file_channel_names,
    file_pixel_size,
    open_image,
    open_picture,
)
from tfseg.data.files.picture_windows import PictureWindows
from tfseg.data.files.pixel_size import Stated
from tfseg.data.files.selection import Selection
from tfseg.data.files.sizes import stored_size

HEIGHT, WIDTH = 50, 70
FORMATS = {"0.4": 2, "0.5": 3}  # of Zarr, by the version of OME-Zarr


def noise(*shape: int, dtype: str = "uint16") -> np.ndarray:
    return np.random.default_rng(0).integers(0, 60_000, shape).astype(dtype)


def metadata(axes: str, levels: int, names: Sequence[str], **unit: str) -> dict[str, Any]:
    """Returns the attributes of an image with pixels of 0.25 micrometres."""
    kinds = {"t": {"type": "time"}, "c": {"type": "channel"}}
    datasets = [
        {
            "path": str(level),
            "coordinateTransformations": [
                {
                    "type": "scale",
                    "scale": [0.5 * 2.0**level if axis in "yx" else 1.0 for axis in axes],
                },
                {"type": "translation", "translation": [0.5 for _ in axes]},
            ],
        }
        for level in range(levels)
    ]
    return {
        "multiscales": [
            {
                "version": "0.4",
                "axes": [
                    {"name": axis, **kinds.get(axis, {"type": "space", **unit})} for axis in axes
                ],
                "datasets": datasets,
                "coordinateTransformations": [
                    {"type": "scale", "scale": [0.5 if axis in "yx" else 1.0 for axis in axes]}
                ],
            }
        ],
        "omero": {"channels": [{"label": name, "color": "FFFFFF"} for name in names]},
    }


def written(
    path: Path,
    image: np.ndarray,
    axes: str,
    *,
    version: str = "0.5",
    levels: int = 1,
    names: Sequence[str] = (),
    unit: str = "micrometer",
    chunks: tuple[int, int] = (16, 32),
) -> Path:
    """Writes an image `[..., H, W]` whose levels have every second row and column."""
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(path, mode="w", zarr_format=FORMATS[version])
    for level in range(levels):
        pixels = image[..., :: 2**level, :: 2**level]
        group.create_array(str(level), data=pixels, chunks=(*(1,) * (len(axes) - 2), *chunks))
    attributes = metadata(axes, levels, names, **({"unit": unit} if unit else {}))
    group.attrs.update({"ome": attributes} if version == "0.5" else attributes)
    return path


@pytest.fixture(params=["at once", "in windows"])
def _sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "in windows":
        monkeypatch.setattr(limits, "LARGE", 0)


@pytest.mark.usefixtures("_sizes")
@pytest.mark.parametrize("version", FORMATS)
@pytest.mark.parametrize(
    ("axes", "shape", "dtype"),
    [("yx", (), "uint16"), ("cyx", (5,), "float32"), ("tczyx", (1, 2, 1), "uint8")],
)
def test_pixels_are_those_that_were_written(tmp_path, version, axes, shape, dtype):
    image = noise(*shape, HEIGHT, WIDTH, dtype=dtype)
    opened = open_image(written(tmp_path / "a.zarr", image, axes, version=version))
    expected = np.moveaxis(image.reshape(-1, HEIGHT, WIDTH), 0, -1)
    assert (opened.shape, opened.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(np.asarray(opened), expected)
    for rows in (slice(0, 1), slice(13, 40), slice(3, None, 13), slice(30, 400)):
        for columns in (slice(None), slice(31, 33), slice(64, 70)):
            np.testing.assert_array_equal(opened[rows, columns], expected[rows, columns])


def test_a_file_written_by_hand_after_the_specification_is_read(tmp_path):
    folder, image = tmp_path / "a.ome.zarr", noise(2, 3, 5)
    (folder / "0" / "0").mkdir(parents=True)
    (folder / ".zgroup").write_text('{"zarr_format": 2}')
    (folder / ".zattrs").write_text(
        json.dumps(metadata("cyx", 1, ["DAPI", "GFP"], unit="nanometer"))
    )
    array = {
        "zarr_format": 2,
        "shape": [2, 3, 5],
        "chunks": [1, 3, 4],
        "dtype": ">u2",
        "order": "C",
    }
    array |= {"compressor": None, "filters": None, "fill_value": 7, "dimension_separator": "/"}
    (folder / "0" / ".zarray").write_text(json.dumps(array))
    for channel in (0, 1):
        (folder / "0" / str(channel) / "0").mkdir(parents=True)
        chunk = image[channel, :, :4].astype(">u2").tobytes()
        (folder / "0" / str(channel) / "0" / "0").write_bytes(chunk)
    pytest.importorskip("zarr")
    image[:, :, 4] = 7  # the chunks that are missing are full of the value for it
    np.testing.assert_array_equal(open_image(folder), np.moveaxis(image, 0, -1))
    assert file_channel_names(folder) == ("DAPI", "GFP")
    assert file_pixel_size(folder) == Stated(0.00025)
    assert stored_size(folder) == (3, 5)


@pytest.mark.parametrize(
    ("level", "read", "size"), [(0, 0, 0.25), (2, 2, 1.0), ("0.6um", 1, 0.5), ("100nm", 0, 0.25)]
)
def test_a_level_is_chosen_by_number_or_length_and_has_its_pixel_size(tmp_path, level, read, size):
    image = noise(HEIGHT, WIDTH)
    path, selection = written(tmp_path / "a.zarr", image, "yx", levels=3), Selection(level=level)
    picture = open_picture(path, selection=selection)
    np.testing.assert_array_equal(picture.pixels[..., 0], image[:: 2**read, :: 2**read])
    assert picture.size == (HEIGHT, WIDTH)
    assert file_pixel_size(path, selection) == Stated(size)


@pytest.mark.parametrize(
    ("unit", "stated"),
    [
        ("", Stated(ignored="a pixel size without a unit")),
        ("parsec", Stated(ignored="a pixel size in the unit parsec, which is not known")),
        ("millimeter", Stated(250.0)),
    ],
)
def test_a_unit_that_is_not_known_is_said(tmp_path, unit, stated):
    path = written(tmp_path / "a.zarr", noise(HEIGHT, WIDTH), "yx", unit=unit)
    assert file_pixel_size(path) == stated


@pytest.mark.usefixtures("_sizes")
def test_planes_are_chosen_projected_or_become_channels(tmp_path):
    image = noise(2, 3, HEIGHT, WIDTH)  # t, z
    path = written(tmp_path / "a.zarr", image, "tzyx")
    for selection, expected in (
        (Selection(page=4), image[1, 1, ..., None]),
        (Selection(projection="max"), image.max(axis=(0, 1))[..., None]),
        (Selection(projection="mean"), np.rint(image.mean(axis=(0, 1)))[..., None]),
        (Selection(projection="channels"), np.moveaxis(image.reshape(6, HEIGHT, WIDTH), 0, -1)),
    ):
        pixels = open_picture(path, selection=selection).pixels
        np.testing.assert_array_equal(np.asarray(pixels), expected)
    names = file_channel_names(path, Selection(projection="channels"))
    assert names == tuple(f"channel_{index}" for index in range(6))


def test_the_channels_of_a_plane_stay_together(tmp_path):
    image = noise(2, 3, HEIGHT, WIDTH)  # z, c: of a file whose channels are not the first axis
    path = written(tmp_path / "a.zarr", image, "zcyx")
    pixels = open_picture(path, selection=Selection(page=1)).pixels
    np.testing.assert_array_equal(np.asarray(pixels), np.moveaxis(image[1], 0, -1))
    message = r"of one channel to make channels of them; it has Z 2, C 3, Y 50, X 70. Choose a page"
    with pytest.raises(InputError, match=message):
        open_picture(path, selection=Selection(projection="channels"))


def test_channels_of_a_network_are_taken_from_windows(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "LARGE", 0)
    image = noise(3, HEIGHT, WIDTH)
    opened = open_image(written(tmp_path / "a.zarr", image, "cyx"))
    assert isinstance(opened, PictureWindows)
    chosen = opened.with_channels([2, 0])
    np.testing.assert_array_equal(
        chosen[10:20, 5:60], np.moveaxis(image[[2, 0], 10:20, 5:60], 0, -1)
    )


def bad(path: Path, attributes: dict[str, Any], *, inner: Sequence[str] = ()) -> Path:
    group = pytest.importorskip("zarr").open_group(path, mode="w", zarr_format=2)
    group.attrs.update(attributes)
    for name in inner:
        written(path / name, noise(HEIGHT, WIDTH), "yx", version="0.4")
    return path


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({}, r"a\.zarr must be an OME-Zarr image, .* it is no image\. Give the folder of one"),
        ({"plate": {"wells": []}}, r"it is a plate\. Give the folder of one image"),
        (
            {"multiscales": [{"axes": ["y", "x"], "datasets": []}]},
            "of version 0.4 or 0.5.*got y, x",
        ),
        ({"multiscales": [{"datasets": []}]}, "got no axes"),
    ],
)
def test_what_is_no_image_is_refused_with_the_way_out(tmp_path, attributes, message):
    with pytest.raises(InputError, match=message):
        open_image(bad(tmp_path / "a.zarr", attributes))


def test_an_image_of_bioformats2raw_is_found_and_several_are_refused(tmp_path):
    layout = {"bioformats2raw.layout": 3}
    one = bad(tmp_path / "one.zarr", layout, inner=["0"])
    np.testing.assert_array_equal(np.asarray(open_image(one))[..., 0], noise(HEIGHT, WIDTH))
    two = bad(tmp_path / "two.zarr", layout, inner=["0", "1"])
    with pytest.raises(InputError, match=r"must hold one image; it has 2: 0, 1\. Give the folder"):
        open_image(two)
    assert list_images(two / "1") == [two / "1"]


def test_several_planes_without_a_choice_are_refused_with_the_axes(tmp_path):
    path = written(tmp_path / "a.zarr", noise(4, HEIGHT, WIDTH), "zyx")
    with pytest.raises(
        InputError, match=r"it has 4 pages \(axes Z 4, Y 50, X 70\)\. --page 0 to 3"
    ):
        open_image(path)


def test_a_damaged_chunk_a_missing_folder_and_a_size_without_chunks_are_refused(
    tmp_path, monkeypatch
):
    path = written(tmp_path / "a.zarr", noise(HEIGHT, WIDTH), "yx")
    chunk = path / "0" / "c" / "1" / "0"
    chunk.write_bytes(chunk.read_bytes()[:40])
    with pytest.raises(InputError, match=r"a\.zarr is damaged or cut short"):
        open_image(path)
    (tmp_path / "b.zarr").mkdir()
    with pytest.raises(InputError, match=r"b\.zarr must be an OME-Zarr image; it is no group"):
        open_image(tmp_path / "b.zarr")
    group = pytest.importorskip("zarr").open_group(tmp_path / "c.zarr", mode="w")
    group.create_array("0", shape=(10**6, 10**6), chunks=(1000, 1000), dtype="uint8")
    group.attrs["ome"] = metadata("yx", 1, ())
    with pytest.raises(InputError, match=r"must hold the pixels of its header, 1000000 x 1000000"):
        open_image(tmp_path / "c.zarr")
    monkeypatch.setattr("tfseg.data.files.zarr_windows.MAX_BYTES", 100)
    with pytest.raises(InputError, match=r"chunks of at most 0 MB .* it has chunks of \[16, 32\]"):
        open_image(written(tmp_path / "d.zarr", noise(HEIGHT, WIDTH), "yx"))


def test_without_the_library_one_sentence_says_how_to_install_it(tmp_path, monkeypatch):
    (tmp_path / "a.zarr").mkdir()
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(InputError, match=r"a\.zarr needs zarr to be read, .* 'tfseg\[zarr\]'$"):
        open_image(tmp_path / "a.zarr")


def test_the_checksum_is_that_of_all_chunks(tmp_path):
    path = written(tmp_path / "a.zarr", noise(HEIGHT, WIDTH), "yx")
    before = file_sha256(path)
    assert before == file_sha256(path)
    chunk = path / "0" / "c" / "1" / "0"
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"\0")
    assert file_sha256(path) != before


def first_sample(dataset: Dataset) -> dict[str, Any]:
    (sample,) = dataset.samples("train").as_numpy_iterator()
    return sample


@pytest.mark.parametrize("options", [{}, {"store": "original"}, {"split_regions": 64}])
def test_a_folder_of_zarr_becomes_the_data_set_of_the_same_tiff_files(tmp_path, options):
    image, ids = noise(2, HEIGHT, WIDTH), np.zeros((HEIGHT, WIDTH), np.uint16)
    ids[5:20, 10:30], ids[30:45, 40:60] = 1, 2
    for kind in ("images", "labels"):
        (tmp_path / "zarr" / kind).mkdir(parents=True)
    written(tmp_path / "zarr/images/a.zarr", image, "cyx", names=["DAPI", "GFP"], levels=2)
    written(tmp_path / "zarr/labels/a.zarr", ids, "yx", version="0.4")
    written(tmp_path / "zarr/labels/b.zarr", ids, "yx", version="0.4")
    tifffile.imwrite(tmp_path / "zarr/images/b.tif", image, photometric="minisblack", ome=True,
                     metadata={"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"]}})  # fmt: skip
    dataset = convert(tmp_path / "zarr", tmp_path / "data", **options)
    assert dataset.info.channel_names == ("DAPI", "GFP")
    assert dataset.info.pixel_sizes == {"0.25": 2 if options.get("split_regions") else 1}
    samples = {s["id"].decode(): s for s in dataset.samples("train").as_numpy_iterator()}
    of_zarr, of_tiff = (
        next(sample for id, sample in samples.items() if id.startswith(name)) for name in "ab"
    )
    for kind in ("image", "label"):
        np.testing.assert_array_equal(of_zarr[kind], of_tiff[kind])


def test_a_label_takes_a_level_or_page_only_where_it_has_several(tmp_path):
    ids = noise(HEIGHT, WIDTH)
    one = written(tmp_path / "one.zarr", ids, "yx")
    np.testing.assert_array_equal(read_label(one, selection=Selection(level=1)), ids)
    pages = written(tmp_path / "pages.zarr", np.stack([ids, ids[::-1]]), "zyx")
    second = read_label(pages, selection=Selection(level=1, page=1))
    np.testing.assert_array_equal(second, ids[::-1])
    several = written(tmp_path / "several.zarr", ids, "yx", levels=2)
    half = read_label(several, selection=Selection(level="0.5um"))
    np.testing.assert_array_equal(half, ids[::2, ::2])


def test_a_level_of_a_set_is_in_its_options(tmp_path):
    ids = np.kron(np.arange(1, 13).reshape(3, 4), np.ones((16, 16), int)).astype(np.uint16)
    for kind in ("images", "labels"):
        (tmp_path / "files" / kind).mkdir(parents=True)
        written(tmp_path / "files" / kind / "a.zarr", ids, "yx", levels=2)
    reading = Reading(selection=Selection(level="0.5um"))
    dataset = convert(tmp_path / "files", tmp_path / "data", reading=reading)
    assert (dataset.info.options["level"], dataset.info.pixel_sizes) == ("0.5um", {"0.5": 1})
    np.testing.assert_array_equal(first_sample(dataset)["label"], ids[::2, ::2])
