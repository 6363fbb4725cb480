"""Windows of large TIFF images: the same pixels, and no more tiles read than needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tfseg.checks import InputError
from tfseg.data.files import limits, opening, tiff_windows
from tfseg.data.files.images import read_image

STORED = {
    "tiles": {"tile": (32, 48)},
    "tiles, deflate, predictor": {"tile": (32, 32), "compression": "zlib", "predictor": True},
    "tiles, LZW": {"tile": (16, 64), "compression": "lzw"},
    "strips": {"rowsperstrip": 7},
    "strips, deflate": {"rowsperstrip": 16, "compression": "zlib"},
    "big-endian": {"tile": (32, 32), "byteorder": ">"},
}


@pytest.fixture(autouse=True)
def _all_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LARGE", 0)


def picture(kind: str, channels: int) -> np.ndarray:
    values = np.random.default_rng(2).integers(0, 255, (101, 150, channels))
    return values.astype(kind) if channels > 1 else values[..., 0].astype(kind)


def written(path: Path, image: np.ndarray, **options: object) -> Path:
    photometric = "minisblack" if image.ndim == 2 else "rgb"
    tifffile.imwrite(path, image, photometric=photometric, **options)
    return path


WINDOWS = (slice(None), slice(0, 1), slice(31, 66), slice(3, None, 13), slice(90, 400))


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize(("kind", "channels"), [("u1", 3), ("u2", 1), ("f4", 4)])
def test_windows_have_the_pixels_of_the_image(tmp_path, stored, kind, channels):
    path = written(tmp_path / "a.tif", picture(kind, channels), **STORED[stored])
    image, opened = read_image(path), opening.open_image(path)
    assert isinstance(opened, tiff_windows.TiffWindows)
    assert opened.shape == image.shape
    np.testing.assert_array_equal(np.asarray(opened), image)
    for rows in WINDOWS:
        for columns in (slice(None, None, 40), slice(47, 49), slice(100, 150)):
            pixels = opened[rows, columns]
            assert pixels.dtype == image.dtype
            np.testing.assert_array_equal(pixels, image[rows, columns])


@pytest.mark.parametrize("tag", range(2, 9))
@pytest.mark.parametrize("stored", ["tiles", "strips"])
def test_windows_are_turned_upright_as_pillow_turns_the_image(tmp_path, stored, tag):
    tags = [(274, "H", 1, tag, True)]
    path = written(tmp_path / "a.tif", picture("u1", 3), extratags=tags, **STORED[stored])
    with Image.open(path) as file:
        file.load()  # Pillow turns a TIFF when it is loaded
        image = np.asarray(file)
    opened, is_turned, _ = opening.open_picture(path)
    assert isinstance(opened, tiff_windows.TiffWindows)
    assert (opened.shape, is_turned) == (image.shape, True)
    for rows in WINDOWS:
        for columns in (slice(None, None, 40), slice(47, 49), slice(100, 150), slice(200, 300)):
            np.testing.assert_array_equal(opened[rows, columns], image[rows, columns])
    kept, is_turned, _ = opening.open_picture(path, orientation="ignore")
    assert is_turned is False
    np.testing.assert_array_equal(np.asarray(kept), picture("u1", 3))


@pytest.mark.parametrize("photometric", ["rgb", "minisblack"])
@pytest.mark.parametrize("channels", [4, 5, 64])
def test_channels_that_are_not_alpha_are_read(tmp_path, photometric, channels):
    extra = [0] * (channels - (3 if photometric == "rgb" else 1))
    options = {"planarconfig": "contig", "extrasamples": extra, "tile": (32, 32)}
    image = np.random.default_rng(0).integers(0, 256, (101, 150, channels), np.uint8)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, image, photometric=photometric, **options)
    opened = opening.open_image(path)
    assert isinstance(opened, tiff_windows.TiffWindows)
    assert opened.shape == image.shape
    np.testing.assert_array_equal(opened[20:70, 30:99], image[20:70, 30:99])
    np.testing.assert_array_equal(np.asarray(opened), image)


def test_a_file_with_alpha_before_another_channel_is_read_at_once(tmp_path):
    options = {"photometric": "rgb", "extrasamples": ["unassalpha", "unspecified"]}
    image = np.random.default_rng(0).integers(0, 256, (101, 150, 5), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image, tile=(32, 32), **options)
    opened = opening.open_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(opened, image[..., [0, 1, 2, 4]])


def test_a_window_reads_the_tiles_that_it_overlaps_once(tmp_path, monkeypatch):
    path = written(tmp_path / "a.tif", picture("u1", 3), tile=(32, 32), compression="zlib")
    read, plain = [], tiff_windows.read_piece
    monkeypatch.setattr(
        tiff_windows, "read_piece", lambda *args: read.append(args[-1]) or plain(*args)
    )
    opened = opening.open_image(path)
    assert read == []
    opened[20:40, 64:90]  # 5 tiles a row: rows 0 and 1, column 2
    assert read == [2, 7]
    opened[20:40, 64:97]
    assert read == [2, 7, 3, 8]


def test_the_cache_of_tiles_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(tiff_windows, "CACHE_BYTES", 3 * 32 * 32)
    path = written(tmp_path / "a.tif", picture("u1", 1), tile=(32, 32))
    read, plain = [], tiff_windows.read_piece
    monkeypatch.setattr(
        tiff_windows, "read_piece", lambda *args: read.append(args[-1]) or plain(*args)
    )
    opened = opening.open_image(path)
    np.testing.assert_array_equal(np.asarray(opened), picture("u1", 1)[..., None])
    count = len(read)
    assert read == list(range(count))
    opened[100:101, 149:150], opened[100:101, 64:65]  # the last three tiles are kept
    assert len(read) == count
    opened[100:101, 32:33]  # the one before them is read again
    assert read[count:] == [count - 4]


@pytest.mark.parametrize("planarconfig", ["contig", "separate"])
@pytest.mark.parametrize(
    "options", [{}, {"compression": "zlib"}, {"tile": (32, 32)}, {"byteorder": ">"}]
)
def test_an_image_of_one_strip_or_in_planes_is_read_in_windows(tmp_path, options, planarconfig):
    image = picture("u2", 3)
    stored = np.moveaxis(image, -1, 0) if planarconfig == "separate" else image
    options = {"rowsperstrip": 101, "planarconfig": planarconfig} | options
    opened = opening.open_image(written(tmp_path / "a.tif", stored, **options))
    assert isinstance(opened, tiff_windows.TiffWindows)
    for rows in WINDOWS:
        np.testing.assert_array_equal(opened[rows, 47:99], image[rows, 47:99])


def test_rows_of_a_strip_without_compression_are_read_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(tiff_windows, "_STRIP_BYTES", 4 * 150 * 3)  # 4 rows
    image = picture("u1", 3)
    path = written(tmp_path / "a.tif", image, rowsperstrip=101)
    read, plain = [], tiff_windows.read_piece
    monkeypatch.setattr(
        tiff_windows, "read_piece", lambda *args: read.append(args[-1]) or plain(*args)
    )
    opened = opening.open_image(path)
    np.testing.assert_array_equal(opened[6:9, 40:], image[6:9, 40:])
    assert read == [1, 2]


def test_small_images_and_other_files_are_read_at_once(tmp_path, monkeypatch):
    path = written(tmp_path / "a.tif", picture("u1", 1), tile=(32, 32))
    monkeypatch.setattr(limits, "LARGE", 101 * 150)
    assert isinstance(opening.open_image(path), np.ndarray)
    with pytest.raises(InputError, match="does not exist"):
        opening.open_image(tmp_path / "none.tif")
    (tmp_path / "cut.tif").write_bytes(path.read_bytes()[:40])
    with pytest.raises(InputError, match="damaged or cut short"):
        opening.open_image(tmp_path / "cut.tif")


def test_a_damaged_tile_is_an_error_when_it_is_read(tmp_path):
    path = written(tmp_path / "a.tif", picture("u1", 3), tile=(32, 32), compression="zlib")
    with tifffile.TiffFile(path) as file:
        start = file.pages.first.dataoffsets[3]
    data = bytearray(path.read_bytes())
    data[start : start + 40] = bytes(40)
    path.write_bytes(data)
    opened = opening.open_image(path)
    assert opened[:32, :96].shape == (32, 96, 3)
    with pytest.raises(InputError, match=r"a.tif is damaged or cut short"):
        opened[:32, :97]
