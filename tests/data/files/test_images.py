"""Image files: what is read exactly, and what is refused."""

from __future__ import annotations

import io
import os
import re
import struct
import tempfile
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from tfseg.checks import InputError
from tfseg.data.files.images import list_images, read_image, read_label, write_label, write_picture
from tfseg.data.files.pixels import to_channels

COLOUR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}


def noise(*shape: int, dtype: str = "uint8", seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).integers(0, 2**16, shape)
    return (values % 256 if dtype == "uint8" else values).astype(dtype)


def png(image: np.ndarray, *, depth: int | None = None, colour: int | None = None) -> bytes:
    """Writes a PNG by the specification, so that readers are not tested with their writer."""
    height, width, channels = image.shape
    depth = depth or image.dtype.itemsize * 8
    if depth < 8:
        bits = (image[..., 0, None] >> np.arange(depth - 1, -1, -1)) & 1
        rows = np.packbits(bits.reshape(height, -1).astype(np.uint8), axis=1)
    else:
        rows = image.astype(">u2" if depth == 16 else "u1")
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    colour = COLOUR_TYPE[channels] if colour is None else colour

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )


def interlaced(image: np.ndarray, depth: int, colour: int) -> bytes:
    """Writes an interlaced PNG by the specification, without filters."""
    height, width = image.shape[:2]
    rows = []
    steps = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    for row, column, down, across in [*steps, (1, 0, 2, 1)]:
        part = image[row::down, column::across]
        if part.size:
            plain = png(part, depth=depth, colour=colour)
            start = plain.index(b"IDAT")
            (length,) = struct.unpack(">I", plain[start - 4 : start])
            rows.append(zlib.decompress(plain[start + 4 : start + 4 + length]))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 1)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def saved(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_png_of_8_or_16_bits_is_read_bit_by_bit_without_alpha(tmp_path, channels, dtype):
    image = noise(5, 7, channels, dtype=dtype)
    read = read_image(saved(tmp_path, "a.png", png(image)))
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, image[..., : 1 if channels < 3 else 3])


def test_a_palette_png_is_read_as_its_colours(tmp_path):
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    indices = noise(6, 4) % 3
    picture = Image.fromarray(indices, mode=None).convert("P")
    picture.putpalette(colours.tobytes())
    picture.putdata(indices.ravel().tolist())
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), colours[indices])


@pytest.mark.parametrize("channels", [1, 3])
def test_a_jpeg_is_read_close_to_its_source(tmp_path, channels):
    ramp = np.linspace(0, 255, 32).astype(np.uint8)
    image = np.repeat(np.add.outer(ramp // 2, ramp // 2)[..., None], channels, axis=-1)
    Image.fromarray(image.squeeze()).save(tmp_path / "a.jpg", quality=95)
    read = read_image(tmp_path / "a.jpg")
    assert read.shape == image.shape
    np.testing.assert_allclose(read, image, atol=4)


DTYPES, COMPRESSIONS = ("uint8", "uint16", "float32"), (None, "zlib", "lzw")
SHAPES = ((9, 8), (9, 8, 3), (9, 8, 4), (1, 1))


# Every pair of two of the three is among these twelve.
@pytest.mark.parametrize(
    ("shape", "dtype", "compression"),
    [
        (shape, dtype, COMPRESSIONS[(row + column) % 3])
        for row, shape in enumerate(SHAPES)
        for column, dtype in enumerate(DTYPES)
    ],
)
def test_a_tiff_is_read_exactly(tmp_path, shape, dtype, compression):
    image = noise(*shape, dtype=dtype)
    photometric = "rgb" if image.ndim == 3 else "minisblack"
    tifffile.imwrite(tmp_path / "a.tif", image, compression=compression, photometric=photometric)
    read = read_image(tmp_path / "a.tif")
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, image.reshape(*shape[:2], -1)[..., :3])


def test_a_tiff_with_its_colours_in_planes_is_read_as_height_width_channels(tmp_path):
    image = noise(3, 9, 8)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), image.transpose(1, 2, 0))


def test_a_tiff_of_32_bit_integers_that_fit_becomes_16_bit(tmp_path):
    image = np.array([[0, 65535]], np.int32)
    tifffile.imwrite(tmp_path / "a.tif", image)
    read = read_image(tmp_path / "a.tif")
    assert read.dtype == np.uint16
    assert read[..., 0].tolist() == [[0, 65535]]


@pytest.mark.parametrize("value", [-1, 65536])
def test_a_tiff_of_integers_that_do_not_fit_is_refused(tmp_path, value):
    tifffile.imwrite(tmp_path / "a.tif", np.array([[0, value]], np.int32))
    with pytest.raises(InputError, match=r"a\.tif must have pixels from 0 to 65535.*16 bits"):
        read_image(tmp_path / "a.tif")


def test_pixels_that_are_not_finite_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.array([[0, np.nan]], np.float32))
    with pytest.raises(InputError, match=r"a\.tif must have finite pixels"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("axes", ["ZYX", "TYX"])
def test_a_tiff_of_several_planes_is_refused(tmp_path, axes):
    tifffile.imwrite(tmp_path / "a.tif", noise(4, 9, 8), metadata={"axes": axes}, imagej=True)
    with pytest.raises(InputError, match=r"a\.tif must hold one image.*as a separate file"):
        read_image(tmp_path / "a.tif")


def test_a_tiff_with_a_colour_table_is_refused(tmp_path):
    Image.fromarray(noise(9, 8, 3)).quantize(4).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match=r"a\.tif must be grey or RGB; got PALETTE"):
        read_image(tmp_path / "a.tif")


def test_a_tiff_of_an_unknown_kind_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(9, 8), photometric="minisblack")
    with tifffile.TiffFile(path) as file:
        offset = file.pages.first.tags["PhotometricInterpretation"].valueoffset
    content = bytearray(path.read_bytes())
    content[offset : offset + 2] = (999).to_bytes(2, "little")
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.tif must be grey or RGB; got 999"):
        read_image(path)


def encoded(kind: str) -> bytes:
    image, buffer = noise(24, 20, 3), io.BytesIO()
    if kind == "png":
        return png(image)
    if kind == "jpg":
        Image.fromarray(image).save(buffer, "JPEG")
    else:
        compression = {"tif": None, "lzw.tif": "lzw", "zlib.tif": "zlib"}[kind]
        tifffile.imwrite(buffer, image, compression=compression, metadata=None)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["png", "jpg", "tif", "lzw.tif", "zlib.tif"])
def test_a_truncated_file_is_refused_wherever_it_is_cut(tmp_path, kind, capfd):
    data = encoded(kind)
    assert read_image(saved(tmp_path, f"whole.{kind}", data)).shape == (24, 20, 3)
    kept = {*range(0, len(data), 61), 1, len(data) // 2, len(data) - 4}
    for length in sorted(kept):
        with pytest.raises(InputError, match=r"cut\.\S+ (is damaged|must be a PNG|must hold)"):
            read_image(saved(tmp_path, f"cut.{kind}", data[:length]))
    assert capfd.readouterr().err == ""


def test_a_changed_byte_in_the_pixels_of_a_png_is_refused(tmp_path):
    data = bytearray(encoded("png"))
    data[len(data) // 2] ^= 0x10
    with pytest.raises(InputError, match=r"a\.png is damaged or cut short \(.+\)\. Replace"):
        read_image(saved(tmp_path, "a.png", bytes(data)))


@pytest.mark.parametrize("read", [read_image, read_label])
def test_what_is_no_image_is_refused(tmp_path, read):
    with pytest.raises(InputError, match=r"a\.png must be a PNG, JPEG, TIFF, BMP or WebP image"):
        read(saved(tmp_path, "a.png", b"not an image"))
    with pytest.raises(InputError, match=r"b\.png does not exist"):
        read(tmp_path / "b.png")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read(tmp_path)
    with pytest.raises(InputError, match="cannot be read: File name too long"):
        read(tmp_path / ("x" * 300))
    os.mkfifo(tmp_path / "c.png")  # which would never end
    with pytest.raises(InputError, match=r"c\.png must be a regular file"):
        read(tmp_path / "c.png")


@given(
    arrays.arrays(np.int32, st.tuples(*2 * [st.integers(1, 9)]), elements=st.integers(0, 2**31 - 1))
)
def test_any_label_is_written_and_read_again_unchanged(label):
    with tempfile.TemporaryDirectory() as folder:
        path = write_label(Path(folder) / "cells.v2", label)
        assert path.name == ("cells.v2.tif" if label.max() > 65535 else "cells.v2.png")
        read = read_label(path)
    assert read.dtype == np.int32
    np.testing.assert_array_equal(read, label)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_ids_of_a_png_with_few_bits_are_the_numbers_stored(tmp_path, depth):
    label = (noise(5, 7, 1) % 2**depth).astype(np.uint8)
    read = read_label(saved(tmp_path, "a.png", png(label, depth=depth)))
    np.testing.assert_array_equal(read, label[..., 0])


def test_a_colour_label_is_refused(tmp_path):
    path = saved(tmp_path, "a.png", png(noise(5, 7, 3)))
    with pytest.raises(
        InputError, match=r"a\.png must hold one instance id per pixel; got 3 chan.*16"
    ):
        read_label(path)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.uint32])
def test_a_label_may_have_whole_numbers_of_any_type(tmp_path, dtype):
    ids = np.array([[0, 1, 2047], [5, 0, 2048]], dtype)
    tifffile.imwrite(tmp_path / "a.tif", ids)
    np.save(tmp_path / "a.npy", ids)
    for name in ("a.tif", "a.npy"):
        label = read_label(tmp_path / name)
        assert (label.dtype, label.tolist()) == (np.int32, [[0, 1, 2047], [5, 0, 2048]])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((1, 2.25, 0.5), "2 pixels have others, such as 2.25"),
        ((1, np.nan, np.inf), "2 pixels have others, such as nan"),
        # The next number after 2^24 that float32 has is 2^24 + 2.
        ((1, 2**24, 2**24 + 2), "1 pixels have others, such as 1.67772e+07"),
    ],
)
def test_floats_that_are_no_ids_are_refused_with_their_value(tmp_path, values, message):
    tifffile.imwrite(tmp_path / "a.tif", np.array([values], np.float32))
    start = "a.tif must have whole numbers as ids, up to 16777216 in float32, which rounds larger"
    with pytest.raises(InputError, match=re.escape(f"{start} ones; {message}. Save one id")):
        read_label(tmp_path / "a.tif")


def test_a_jpeg_label_is_refused(tmp_path):
    Image.fromarray(noise(9, 8)).save(tmp_path / "a.png", "JPEG")
    with pytest.raises(
        InputError, match=r"a\.png must be PNG, TIFF or npy; got JPEG\. Save one id"
    ):
        read_label(tmp_path / "a.png")


@pytest.mark.parametrize(("value", "dtype"), [(-1, np.int16), (2**31, np.uint32)])
def test_a_label_with_an_id_out_of_range_is_refused(tmp_path, value, dtype):
    tifffile.imwrite(tmp_path / "a.tif", np.array([[0, value]], dtype))
    with pytest.raises(InputError, match=r"a\.tif must have ids in \[0, 2147483647\]"):
        read_label(tmp_path / "a.tif")


def test_the_error_of_writing_names_the_file(tmp_path):
    file = saved(tmp_path, "file", b"")
    with pytest.raises(InputError, match="file/a.png cannot be written: Not a directory"):
        write_label(file / "a", np.zeros((2, 2), np.int32))
    with pytest.raises(InputError, match="from 0 on"):
        write_label(tmp_path / "a", np.full((2, 2), -1))


def test_a_picture_is_written_as_it_is(tmp_path):
    picture = noise(6, 5, 3)
    assert write_picture(tmp_path / "a.png", picture[:, ::-1]) == tmp_path / "a.png"
    np.testing.assert_array_equal(imagecodecs.imread(tmp_path / "a.png"), picture[:, ::-1])


def test_images_are_listed_by_name_without_hidden_and_other_files(tmp_path):
    for name in ("b.TIF", "a.png", "c.jpeg", ".d.png", "notes.txt"):
        saved(tmp_path, name, b"")
    assert [path.name for path in list_images(tmp_path)] == ["a.png", "b.TIF", "c.jpeg"]
    with pytest.raises(InputError, match="no does not exist"):
        list_images(tmp_path / "no")
    with pytest.raises(InputError, match="is a file, not a folder"):
        list_images(tmp_path / "a.png")


def test_channels_are_repeated_and_averaged():
    grey, colour = np.array([[[7]]], np.uint8), np.array([[[10, 20, 31]]], np.uint8)
    assert to_channels(grey, 3).tolist() == [[[7, 7, 7]]]
    assert to_channels(grey, 1).tolist() == [[[7]]]
    assert to_channels(colour, 3).tolist() == [[[10, 20, 31]]]
    assert to_channels(colour, 1).tolist() == [[[20]]]  # (10 + 20 + 31) / 3 = 20.33
    full = np.full((1, 1, 3), 65535, np.uint16)
    assert to_channels(full, 1).tolist() == [[[65535]]]
    mean = to_channels(np.array([[[0.0, 0.5, 1.0]]], np.float32), 1)
    assert (mean.dtype, mean.tolist()) == (np.float32, [[[0.5]]])
    five = np.arange(5, dtype=np.uint8).reshape(1, 1, 5)
    assert to_channels(five, 5).tolist() == five.tolist()
    for image, channels in ((grey, 2), (five, 3), (five, 1), (colour, 2)):
        got = rf"must have {channels} channels; got {image.shape[-1]}\. Give"
        with pytest.raises(InputError, match=got):
            to_channels(image, channels)
    with pytest.raises(InputError, match=r"must have 3 channels; got 4\. Give"):
        to_channels(np.zeros((1, 1, 4), np.uint8), 3)  # it may be infrared as well as alpha


@pytest.mark.parametrize("size", [(13, 11), (1, 1), (5, 3), (1, 9)])
@pytest.mark.parametrize(
    ("depth", "channels"),
    [(1, 1), (2, 1), (4, 1), *((d, c) for d in (8, 16) for c in (1, 2, 3, 4))],
)
def test_an_interlaced_png_is_read_without_a_word(tmp_path, depth, channels, size, capfd):
    image = noise(*size, channels, dtype="uint16" if depth == 16 else "uint8")
    image &= 2**depth - 1
    path = saved(tmp_path, "a.png", interlaced(image, depth, COLOUR_TYPE[channels]))
    scale = 255 // (2**depth - 1) if depth < 8 else 1
    np.testing.assert_array_equal(read_image(path), image[..., : 1 if channels < 3 else 3] * scale)
    if channels == 1:
        np.testing.assert_array_equal(read_label(path), image[..., 0])
    assert capfd.readouterr() == ("", "")


def test_an_interlaced_png_with_a_palette_has_its_colours(tmp_path):
    colours = noise(5, 3, seed=4)
    entries = noise(9, 8, 1) % 5
    data = interlaced(entries, 8, 3)
    palette = b"PLTE" + colours.tobytes()
    chunk = struct.pack(">I", 15) + palette + struct.pack(">I", zlib.crc32(palette))
    path = saved(tmp_path, "a.png", data[:33] + chunk + data[33:])
    with Image.open(path) as image:
        np.testing.assert_array_equal(read_image(path), np.asarray(image.convert("RGB")))
    np.testing.assert_array_equal(read_label(path), entries[..., 0])


def test_a_damaged_or_cut_interlaced_png_is_refused(tmp_path, capfd):
    data = interlaced(noise(24, 20, 3), 8, 2)
    for length in range(9, len(data), 97):
        with pytest.raises(InputError, match="damaged or cut short"):
            read_image(saved(tmp_path, "a.png", data[:length]))
    changed = bytearray(data)
    changed[len(data) // 2] ^= 0x10
    with pytest.raises(InputError, match="damaged or cut short"):
        read_image(saved(tmp_path, "a.png", bytes(changed)))
    packed = zlib.compress(bytes(10**6))
    bomb = data[:33] + struct.pack(">I", len(packed)) + b"IDAT" + packed + data[-16:]
    with pytest.raises(InputError, match="more pixels than its size"):
        read_image(saved(tmp_path, "a.png", bomb))


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        *((mode, "bmp") for mode in ("1", "L", "P", "RGB", "RGBA")),
        *((mode, "webp") for mode in ("L", "RGB", "RGBA")),
    ],
)
def test_bmp_and_webp_are_read_as_by_pillow(tmp_path, mode, kind):
    path = tmp_path / f"a.{kind}"
    Image.fromarray(noise(9, 8, 4)).convert(mode).save(path, lossless=True)
    with Image.open(path) as image:
        expected = np.asarray(image.convert("RGB"))
    read = read_image(path)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(to_channels(read, 3), expected)
    with pytest.raises(InputError, match=r"must be PNG, TIFF or npy; got (BMP|WebP)\. Save one id"):
        read_label(path)


@pytest.mark.parametrize("kind", ["bmp", "webp"])
def test_a_cut_bmp_or_webp_is_refused(tmp_path, kind):
    Image.fromarray(noise(24, 20, 3)).save(tmp_path / f"a.{kind}")
    data = (tmp_path / f"a.{kind}").read_bytes()
    for length in (20, len(data) // 2, len(data) - 4):
        with pytest.raises(InputError, match=r"is damaged or cut short|must be a PNG"):
            read_image(saved(tmp_path, f"cut.{kind}", data[:length]))


def test_what_a_bmp_or_webp_cannot_be(tmp_path):
    header = struct.pack(
        "<2sIHHIIiiHHIIiiII", b"BM", 54, 0, 0, 54, 40, 20_000, 20_000, 1, 24, *[0] * 6
    )
    with pytest.raises(InputError, match=r"must take at most 800 MB of memory, .*20000 x 20000"):
        read_image(saved(tmp_path, "a.bmp", header))
    first, second = (Image.fromarray(noise(9, 8, 3, seed=seed)) for seed in (0, 1))
    first.save(tmp_path / "a.webp", save_all=True, append_images=[second])
    with pytest.raises(InputError, match=r"a\.webp must hold one image; it has 2 frames"):
        read_image(tmp_path / "a.webp")
    with pytest.raises(InputError, match="must be a PNG, JPEG, TIFF, BMP or WebP image"):
        read_image(saved(tmp_path, "b.webp", b"RIFF\x24\0\0\0WAVEfmt "))
