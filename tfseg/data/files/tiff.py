"""Decodes TIFF files of one image with any number of channels, and reads their names."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import tifffile
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC

from tfseg.channels import COLORS, numbered
from tfseg.data.files.limits import MAX_BYTES, NotOneImage, check_size

# tifffile logs what it raises as well; without a handler, Python would print that to stderr.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_GREY = (PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK)
_RAW_YCBCR = (COMPRESSION.NONE, COMPRESSION.LZW, COMPRESSION.ADOBE_DEFLATE, COMPRESSION.DEFLATE)
_ALPHA = (EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA)
_LUMA, _REFERENCE = (0.299, 0.587, 0.114), (0, 255, 128, 255, 128, 255)  # defaults of TIFF 6.0


def decode_image(data: bytes) -> np.ndarray:
    """Returns the pixels `[H, W]` or `[H, W, C]`, brighter with larger numbers, without alpha.

    Less than 8 bits are stretched to 0 to 255, and YCbCr becomes RGB.

    Raises:
        NotOneImage: another kind of image, or none.
    """
    stored, page = _decode(data)
    kept = samples_without_alpha(page)
    if len(kept) < page.samplesperpixel and stored.ndim == 3:
        stored = stored[..., kept]
    if page.photometric in _GREY:
        return _brightness(stored, page)
    if _is_raw_ycbcr(page):
        return _rgb_of_ycbcr(stored, page)
    if page.photometric not in (PHOTOMETRIC.RGB, PHOTOMETRIC.YCBCR):
        raise NotOneImage(f"must be grey or RGB; got {_name(page.photometric)}. Save it as RGB.")
    return stored


def decode_numbers(data: bytes) -> np.ndarray:
    """Returns the numbers `[H, W]` or `[H, W, C]` that are stored, whatever they mean as colours.

    Raises:
        NotOneImage: several images, or none.
    """
    return _decode(data)[0]


def samples_without_alpha(page: tifffile.TiffPage) -> list[int]:
    """Returns the samples of a page that the file does not declare as alpha, by position."""
    count, extra = page.samplesperpixel, page.extrasamples
    alpha = {count - len(extra) + index for index, kind in enumerate(extra) if kind in _ALPHA}
    return [index for index in range(count) if index not in alpha]


def channel_names(source: Path | io.BytesIO) -> tuple[str, ...]:
    """Returns the names of the channels of a file that `decode_image` decodes.

    They are those of OME or ImageJ where the file has a different one for each channel, else red,
    green and blue where TIFF says so, and numbers for the rest. They are empty for a grey image,
    and for one of three channels without names, which counts as RGB.
    """
    with tifffile.TiffFile(source) as file:
        page, sizes = file.pages.first, dict(_axes(file.series[0]))
        samples = len(samples_without_alpha(page))
        count = samples if page.samplesperpixel > 1 else sizes.get("C", 1)
        if count == 1:
            return ()
        for names in (_names_of_ome(file), _names_of_imagej(file)):
            if len(names) == len(set(names)) == count and all(names):
                return names
        if count == 3:
            return ()
        return numbered(count, COLORS if page.photometric == PHOTOMETRIC.RGB else ())


def _names_of_ome(file: tifffile.TiffFile) -> tuple[str, ...]:
    """Returns the names of the channels of the first image; source: the OME-XML schema."""
    try:
        root = ElementTree.fromstring(file.ome_metadata or "<OME/>")
    except ElementTree.ParseError:  # tifffile reads such a file without its metadata
        return ()
    image = root.find("{*}Image/{*}Pixels")
    channels = [] if image is None else image.findall("{*}Channel")
    return tuple(channel.get("Name", "").replace(",", " ").strip() for channel in channels)


def _names_of_imagej(file: tifffile.TiffFile) -> tuple[str, ...]:
    labels = (file.imagej_metadata or {}).get("Labels") or ()
    labels = [labels] if isinstance(labels, str) else labels
    return tuple(str(label).replace(",", " ").strip() for label in labels)


def _decode(data: bytes) -> tuple[np.ndarray, tifffile.TiffPage]:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        series, page = file.series, file.pages.first
        axes = [_axes(part) for part in series]
        _check_axes(axes, page)
        sizes = dict(axes[0])
        check_size(sizes["Y"], sizes["X"])
        if series[0].nbytes > MAX_BYTES:
            raise NotOneImage(
                f"must take at most {MAX_BYTES} bytes of memory; its header says "
                f"{series[0].nbytes}. Save it with 8 or 16 bits, or cut it into tiles."
            )
        array = series[0].asarray().reshape([size for _, size in axes[0]])
    others = [index for index, (axis, _) in enumerate(axes[0]) if axis not in "YX"]
    return (np.moveaxis(array, others[0], -1) if others else array), page


def _axes(series: tifffile.TiffPageSeries) -> list[tuple[str, int]]:
    """Returns the axes and sizes of an array without those, besides Y and X, of size 1."""
    axes = zip(series.axes, series.shape, strict=True)
    return [(axis, size) for axis, size in axes if axis in "YX" or size > 1]


def _check_axes(axes: list[list[tuple[str, int]]], page: tifffile.TiffPage) -> None:
    """Refuses a file that has not one image."""
    names = sorted(axis for part in axes for axis, _ in part)
    if names not in (["X", "Y"], ["C", "X", "Y"], ["S", "X", "Y"]):
        got = " and ".join(str(dict(part)) for part in axes)
        raise NotOneImage(
            "must hold one image: axes Y and X, and perhaps channels C or samples S; "
            f"got {got}. If the planes are channels of one image, save it with these axes, for "
            "example by tifffile.imwrite(path, image, imagej=True, metadata={'axes': 'CYX'}); "
            "otherwise save each plane as a separate file."
        )
    if _is_raw_ycbcr(page) and page.subsampling != (1, 1):
        raise NotOneImage(
            "must be grey or RGB; got YCBCR with few pixels of chroma. Save it as RGB."
        )


def _brightness(stored: np.ndarray, page: tifffile.TiffPage) -> np.ndarray:
    """Returns a grey image with black as zero, and of at least 8 bits."""
    bits = page.bitspersample
    top = 2**bits - 1
    image = stored.astype(np.uint8) if bits < 8 else stored
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        if image.dtype.kind != "u":
            raise NotOneImage(
                f"must have whole numbers from 0 on where white is zero; got {image.dtype}. Save "
                "it with black as zero."
            )
        image = np.subtract(top, image, dtype=image.dtype)
    return image * np.uint8(255 // top) if bits < 8 else image


def _is_raw_ycbcr(page: tifffile.TiffPage) -> bool:
    """Returns whether the pixels are luma and chroma; those of JPEG are decoded to RGB."""
    return page.photometric == PHOTOMETRIC.YCBCR and page.compression != COMPRESSION.JPEG


def _rgb_of_ycbcr(stored: np.ndarray, page: tifffile.TiffPage) -> np.ndarray:
    """Returns the RGB of luma and chroma, by section 21 of the TIFF 6.0 specification."""
    if page.compression not in _RAW_YCBCR or stored.dtype != np.uint8:
        raise NotOneImage(
            f"must be grey or RGB; got YCBCR of {stored.dtype} with the compression "
            f"{_name(page.compression)}. Save it as RGB."
        )
    red, green, blue = _fractions(page, "YCbCrCoefficients", _LUMA)
    reference = np.reshape(_fractions(page, "ReferenceBlackWhite", _REFERENCE), (3, 2))
    black = reference[:, 0]
    scale = np.array([255, 127, 127]) / (reference[:, 1] - black)
    image = np.empty_like(stored)
    for row, pixels in enumerate(stored):  # floats of all rows would take eight times the memory
        y, cb, cr = ((pixels - black) * scale).T
        r, b = y + cr * (2 - 2 * red), y + cb * (2 - 2 * blue)
        colours = np.stack([r, (y - blue * b - red * r) / green, b], axis=-1)
        image[row] = np.clip(np.rint(colours), 0, 255)
    return image


def _fractions(page: tifffile.TiffPage, tag: str, default: tuple[float, ...]) -> list[float]:
    """Returns the values of a tag of pairs of a numerator and a denominator."""
    value = page.tags.valueof(tag)
    if value is None:
        return list(default)
    return [value[index] / value[index + 1] for index in range(0, len(value), 2)]


def _name(number: object) -> str:
    """Returns the name of a number of TIFF, or one that TIFF does not define as it is."""
    return str(getattr(number, "name", number))
