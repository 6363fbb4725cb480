"""TIFF files: brightness of images, numbers of labels, channels and planes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tfseg.checks import InputError
from tfseg.data.files.images import read_image, read_label
from tfseg.data.files.opening import file_channel_names


def noise(*shape: int, top: int = 255, dtype: str = "uint8") -> np.ndarray:
    return np.random.default_rng(0).integers(0, top + 1, shape).astype(dtype)


def written(path: Path, image: np.ndarray, **options: object) -> Path:
    tifffile.imwrite(path, image, **options)
    return path


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_few_bits_of_grey_are_as_bright_as_in_pillow(tmp_path, bits, photometric):
    stored = noise(9, 8, top=2**bits - 1, dtype="bool" if bits == 1 else "uint8")
    options = {"photometric": photometric, "bitspersample": bits}
    path = written(tmp_path / "a.tif", stored, **options)
    with Image.open(path) as image:
        bright = np.asarray(image.convert("L"))
    read = read_image(path)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read[..., 0], bright)
    np.testing.assert_array_equal(read_label(path), stored)  # ids are the numbers stored


@pytest.mark.parametrize(("bits", "top"), [(12, 4095), (16, 65535)])
def test_white_as_zero_of_many_bits_is_taken_from_the_largest_number(tmp_path, bits, top):
    stored = noise(9, 8, top=top, dtype="uint16")
    path = written(tmp_path / "a.tif", stored, photometric="miniswhite", bitspersample=bits)
    np.testing.assert_array_equal(read_image(path)[..., 0], top - stored.astype(int))
    np.testing.assert_array_equal(read_label(path), stored)


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_white_as_zero_of_other_numbers_is_refused_but_not_for_ids(tmp_path, dtype):
    path = written(tmp_path / "a.tif", noise(9, 8, dtype=dtype), photometric="miniswhite")
    with pytest.raises(InputError, match=rf"a\.tif must have whole numbers .*; got {dtype}\. Save"):
        read_image(path)
    if dtype == "int16":
        np.testing.assert_array_equal(read_label(path), noise(9, 8))


def test_ids_of_a_tiff_with_a_palette_are_its_entries(tmp_path):
    entries = noise(9, 8, top=5)
    colours = np.random.default_rng(1).integers(0, 65536, (3, 256), np.uint16)
    path = written(tmp_path / "a.tif", entries, photometric="palette", colormap=colours)
    np.testing.assert_array_equal(read_label(path), entries)
    with pytest.raises(InputError, match="must be grey or RGB; got PALETTE"):
        read_image(path)


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_luma_and_chroma_become_rgb(tmp_path, compression):
    colours = noise(9, 8, 3)
    luma = np.asarray(Image.fromarray(colours).convert("YCbCr"))
    path = written(tmp_path / "a.tif", luma, photometric="ycbcr", compression=compression)
    with tifffile.TiffFile(path, mode="r+") as file:  # tifffile writes another range of chroma
        tag = file.pages.first.tags.get("ReferenceBlackWhite")
        tag.overwrite((0, 1, 255, 1, 128, 1, 255, 1, 128, 1, 255, 1))
    read = read_image(path)
    assert read.dtype == np.uint8
    expected = np.asarray(Image.fromarray(luma, "YCbCr").convert("RGB")).astype(int)
    assert np.abs(read.astype(int) - expected).max() <= 2  # ITU-R BT.601 in whole numbers


def test_luma_and_chroma_of_jpeg_in_a_tiff_become_rgb(tmp_path):
    ramp = np.add.outer(np.arange(32), np.arange(32))[..., None] * np.array([4, 2, 1])
    image = Image.fromarray(ramp.clip(0, 255).astype(np.uint8)).convert("YCbCr")
    image.save(tmp_path / "a.tif", compression="jpeg", quality=95)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages.first.photometric == tifffile.PHOTOMETRIC.YCBCR
    assert np.abs(read_image(tmp_path / "a.tif") - ramp).max() <= 12


def test_luma_with_few_pixels_of_chroma_is_refused_for_what_it_is(tmp_path):
    path = written(tmp_path / "a.tif", noise(16, 16, 3), photometric="ycbcr")
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages.first.tags.get("YCbCrSubSampling").overwrite((2, 2))
    with pytest.raises(InputError, match=r"must be grey or RGB; got YCBCR.*Save it as RGB"):
        read_image(path)


@pytest.mark.parametrize(
    ("shape", "axes"), [((1, 9, 8), "ZYX"), ((9, 8, 1), "YXC"), ((1, 1, 9, 8), "TZYX")]
)
@pytest.mark.parametrize("imagej", [False, True])
def test_axes_of_size_1_are_no_planes(tmp_path, shape, axes, imagej):
    image = noise(*shape)
    options = {"metadata": {"axes": axes}} if axes != "YXC" else {}
    path = written(tmp_path / "a.tif", image, imagej=imagej, **options)
    np.testing.assert_array_equal(read_image(path), image.reshape(9, 8, 1))
    np.testing.assert_array_equal(read_label(path), image.reshape(9, 8))


def test_colours_of_a_single_plane_stay_colours(tmp_path):
    image = noise(1, 9, 8, 3)
    path = written(tmp_path / "a.tif", image, photometric="rgb")
    np.testing.assert_array_equal(read_image(path), image[0])


def test_two_equal_names_of_axes_are_two_axes(tmp_path):
    path = written(tmp_path / "a.tif", noise(2, 1, 9, 8), photometric="minisblack")
    with pytest.raises(InputError, match="must hold one image"):
        read_image(path)


# How a file holds its channels: options of tifffile, and whether they are its first axis.
STORED = {
    "imagej": ({"imagej": True, "metadata": {"axes": "CYX"}}, True),
    "ome": ({"ome": True, "metadata": {"axes": "CYX"}}, True),
    "planar": ({"photometric": "minisblack", "planarconfig": "separate"}, True),
    "contiguous": ({"photometric": "minisblack", "planarconfig": "contig"}, False),
}


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [2, 4, 5, 64])
@pytest.mark.parametrize("kind", STORED)
def test_all_channels_are_read_in_any_order_of_axes(tmp_path, channels, dtype, kind):
    image, (options, first) = noise(9, 8, channels, dtype=dtype), STORED[kind]
    stored = np.moveaxis(image, -1, 0) if first else image
    path = written(tmp_path / "a.tif", stored, **options)
    read = read_image(path)
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, image)
    names = tuple(f"channel_{index}" for index in range(channels))
    assert file_channel_names(path) == names
    with pytest.raises(InputError, match=rf"one instance id per pixel; got {channels} channels"):
        read_label(path)


def test_channels_have_the_names_of_ome_or_imagej(tmp_path):
    names, image = ("dapi", "gfp, weak", "rfp"), noise(3, 9, 8)
    metadata = {"axes": "CYX", "Channel": {"Name": list(names)}}
    path = written(tmp_path / "ome.tif", image, ome=True, metadata=metadata)
    assert file_channel_names(path) == ("dapi", "gfp  weak", "rfp")
    metadata = {"axes": "CYX", "Labels": list(names)}
    path = written(tmp_path / "imagej.tif", image, imagej=True, metadata=metadata)
    assert file_channel_names(path) == ("dapi", "gfp  weak", "rfp")
    metadata["Labels"] = ["nuclei", "nuclei", "rfp"]  # no names: two are equal
    path = written(tmp_path / "equal.tif", image, imagej=True, metadata=metadata)
    assert file_channel_names(path) == ()
    path = written(tmp_path / "rgb.tif", noise(9, 8, 3), photometric="rgb")
    assert file_channel_names(path) == ()
    path = written(tmp_path / "grey.tif", noise(9, 8))
    assert file_channel_names(path) == ()


def test_channels_beside_colours_are_numbered(tmp_path):
    options = {"photometric": "rgb", "extrasamples": ["unspecified", "unspecified"]}
    path = written(tmp_path / "a.tif", noise(9, 8, 5), **options)
    assert file_channel_names(path) == ("red", "green", "blue", "channel_3", "channel_4")


def test_planes_that_no_metadata_call_channels_are_refused_with_the_way_to_do_it(tmp_path):
    path = written(tmp_path / "a.tif", noise(5, 9, 8), photometric="minisblack")
    with pytest.raises(InputError, match=r"--projection channels makes them channels"):
        read_image(path)


@pytest.mark.parametrize("alpha", ["unassalpha", "assocalpha"])
@pytest.mark.parametrize("colours", [1, 3])
def test_a_last_channel_is_dropped_only_if_it_is_declared_as_alpha(tmp_path, alpha, colours):
    image = noise(9, 8, colours + 1)
    options = {"photometric": "rgb" if colours == 3 else "minisblack", "planarconfig": "contig"}
    path = written(tmp_path / "a.tif", image, extrasamples=[alpha], **options)
    np.testing.assert_array_equal(read_image(path), image[..., :colours])
    path = written(tmp_path / "b.tif", image, extrasamples=["unspecified"], **options)
    np.testing.assert_array_equal(read_image(path), image)


def test_alpha_between_other_channels_is_dropped(tmp_path):
    image = noise(9, 8, 6)
    options = {"photometric": "rgb", "extrasamples": ["unspecified", "unassalpha", "unspecified"]}
    path = written(tmp_path / "a.tif", image, **options)
    np.testing.assert_array_equal(read_image(path), image[..., [0, 1, 2, 3, 5]])
    assert file_channel_names(path)[3:] == ("channel_3", "channel_4")
