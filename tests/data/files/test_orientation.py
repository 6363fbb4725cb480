"""Orientation tags: pictures and label maps stand as Pillow turns them."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from tfseg.data.files.images import read_image, read_label
from tfseg.data.files.opening import open_picture

TAGS = range(1, 9)
PIXELS = np.random.default_rng(3).integers(0, 256, (7, 11, 3), np.uint8)
LABEL = np.arange(77, dtype=np.uint8).reshape(7, 11)
LOSSLESS = {"png": {}, "webp": {"lossless": True}}


def saved(path: Path, tag: int, pixels: np.ndarray = PIXELS) -> Path:
    """Writes `pixels` as a picture with an orientation tag, and returns the path."""
    if path.suffix == ".tif":
        # Pillow turns plain grey rows wrongly, so they are compressed.
        options = {"compression": "zlib", "extratags": [(274, "H", 1, tag, True)]}
        photometric = "rgb" if pixels.ndim == 3 else "minisblack"
        tifffile.imwrite(path, pixels, photometric=photometric, **options)
        return path
    exif = Image.Exif()
    exif[274] = tag
    Image.fromarray(pixels).save(path, exif=exif, **LOSSLESS.get(path.suffix[1:], {}))
    return path


def turned(path: Path) -> np.ndarray:
    """Returns the upright pixels by Pillow."""
    with Image.open(path) as image:
        image.load()  # Pillow turns a TIFF when it is loaded
        return np.asarray(ImageOps.exif_transpose(image))


@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("tag", TAGS)
def test_a_picture_stands_upright_as_in_pillow(tmp_path, kind, tag):
    path = saved(tmp_path / f"a.{kind}", tag)
    picture = open_picture(path)
    np.testing.assert_array_equal(picture.pixels, turned(path))
    assert picture.turned is (None if tag == 1 else True)
    assert picture.pixels.flags.c_contiguous
    stored = open_picture(path, orientation="ignore")
    assert stored.pixels.shape == (7, 11, 3)
    assert stored.turned is (None if tag == 1 else False)


def test_the_first_row_of_a_phone_held_upright_is_the_last_stored_column(tmp_path):
    pixels = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    assert read_image(saved(tmp_path / "a.png", 6, pixels))[..., 0].tolist() == [
        [4, 1],
        [5, 2],
        [6, 3],
    ]


@pytest.mark.parametrize("kind", ["png", "tif"])
@pytest.mark.parametrize("tag", TAGS)
def test_a_label_map_follows_the_tag_of_its_file(tmp_path, kind, tag):
    path = saved(tmp_path / f"a.{kind}", tag, LABEL)
    np.testing.assert_array_equal(read_label(path), turned(path))
    np.testing.assert_array_equal(read_label(path, orientation="ignore"), LABEL)


@pytest.mark.parametrize(
    ("tag", "size", "is_turned"),
    [
        (6, (11, 7), True),
        (6, (7, 11), False),  # the annotation was drawn on the picture as it is stored
        (6, (5, 5), True),  # of neither: refused by `same_size`, beside the upright size
        (3, (7, 11), True),  # both have this size
        (1, (11, 7), None),
    ],
)
def test_a_picture_whose_annotation_has_only_its_stored_size_is_not_turned(
    tmp_path, tag, size, is_turned
):
    picture = open_picture(saved(tmp_path / "a.png", tag), size=size)
    assert picture.turned is is_turned
    assert picture.pixels.shape[:2] == ((11, 7) if tag == 6 and is_turned else (7, 11))


def test_the_chunk_of_a_png_may_come_after_its_pixels(tmp_path):
    data = saved(tmp_path / "a.png", 1).read_bytes()
    exif = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 274, 3, 1, 8, 0, 0)
    chunk = (
        struct.pack(">I", len(exif))
        + b"eXIf"
        + exif
        + struct.pack(">I", zlib.crc32(b"eXIf" + exif))
    )
    start = data.index(b"eXIf") - 4
    without = data[:start] + data[start + 12 + struct.unpack(">I", data[start : start + 4])[0] :]
    end = without.index(b"IEND") - 4
    path = tmp_path / "b.png"
    path.write_bytes(without[:end] + chunk + without[end:])
    np.testing.assert_array_equal(read_image(path), np.rot90(PIXELS))
    np.testing.assert_array_equal(read_image(path), turned(path))


@pytest.mark.parametrize(
    "exif",
    [
        b"garbage",
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 274, 3, 1, 9, 0, 0),  # no such orientation
        b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 274, 2, 1, 6, 0, 0),  # a text
        b"MM\0*" + struct.pack(">IH", 8, 65535),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_exif_data_without_a_valid_tag_turn_nothing(tmp_path, exif, kind):
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, kind, exif=b"Exif\0\0" + exif)
    path = tmp_path / "a"
    path.write_bytes(buffer.getvalue())
    picture = open_picture(path)
    assert (picture.turned, picture.pixels.shape) == (None, (7, 11, 3))


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description %s/></x:xmpmeta>'
ATTRIBUTE, ELEMENT = b'tiff:Orientation="6"', b"><tiff:Orientation>6</tiff:Orientation><rdf:x"


def with_xmp(path: Path, xmp: bytes, exif_tag: int | None = None) -> Path:
    """Writes `PIXELS` as a picture with XMP, and returns the path."""
    if path.suffix == ".tif":
        options = {"compression": "zlib", "extratags": [(700, "B", len(xmp), xmp, True)]}
        if exif_tag is not None:
            options["extratags"].append((274, "H", 1, exif_tag, True))
        tifffile.imwrite(path, PIXELS, photometric="rgb", **options)
        return path
    options = dict(LOSSLESS.get(path.suffix[1:], {}))
    if path.suffix == ".png":
        options["pnginfo"] = texts = PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", xmp.decode(), zip=ATTRIBUTE in xmp)
    else:
        options["xmp"] = xmp
    if exif_tag is not None:
        options["exif"] = exif = Image.Exif()
        exif[274] = exif_tag
    Image.fromarray(PIXELS).save(path, **options)
    return path


@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("entry", [ATTRIBUTE, ELEMENT, b""])
@pytest.mark.parametrize("exif_tag", [None, 1, 3])
def test_orientation_in_xmp_counts_where_exif_has_none(tmp_path, kind, entry, exif_tag):
    path = with_xmp(tmp_path / f"a.{kind}", XMP % entry, exif_tag)
    picture = open_picture(path)
    np.testing.assert_array_equal(picture.pixels, turned(path))
    expected = {1: 1, 3: 3}.get(exif_tag, 6 if entry else 1)
    assert picture.turned is (None if expected == 1 else True)
    assert picture.pixels.shape[:2] == ((11, 7) if expected == 6 else (7, 11))


@pytest.mark.parametrize("compressed", [False, True])
def test_exif_data_in_a_text_of_a_png_count_as_in_pillow(tmp_path, compressed):
    exif = Image.Exif()
    exif[274] = 8
    digits = exif.tobytes().hex()
    lines = "\n".join(digits[start : start + 72] for start in range(0, len(digits), 72))
    texts = PngInfo()
    profile = f"\nexif\n{len(digits) // 2:8}\n{lines}\n"
    texts.add_text("Raw profile type exif", profile, zip=compressed)
    texts.add_text("comment", "of another kind", zip=compressed)
    Image.fromarray(PIXELS).save(tmp_path / "a.png", pnginfo=texts)
    assert open_picture(tmp_path / "a.png").turned
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), turned(tmp_path / "a.png"))
    Image.fromarray(LABEL).save(tmp_path / "b.png", pnginfo=texts)
    np.testing.assert_array_equal(read_label(tmp_path / "b.png"), turned(tmp_path / "b.png"))


@pytest.mark.parametrize("text", [b"\0garbage", b"\0" + zlib.compress(bytes(2**26))])
def test_a_damaged_or_huge_text_of_a_png_hides_no_tag(tmp_path, text):
    data = saved(tmp_path / "a.png", 6).read_bytes()
    content = b"zTXtRaw profile type exif\0" + text
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    (tmp_path / "b.png").write_bytes(data[:33] + chunk + data[33:])
    np.testing.assert_array_equal(read_image(tmp_path / "b.png"), np.rot90(PIXELS, -1))
