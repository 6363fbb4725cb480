"""What the numbers in a TIFF file mean as pixels, and the names of its channels."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import tifffile
from tifffile import COMPRESSION, PHOTOMETRIC

from tfseg.channels import COLORS, numbered
from tfseg.data.files.limits import NotOneImage
from tfseg.data.files.selection import DEFAULT, Selection
from tfseg.data.files.tiff_layout import layout_of

# tifffile logs what it raises as well; without a handler, Python would print that to stderr.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_GREY = (PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK)
_RAW_YCBCR = (
    *(COMPRESSION.NONE, COMPRESSION.LZW, COMPRESSION.ADOBE_DEFLATE, COMPRESSION.DEFLATE),
    COMPRESSION.APERIO_JP2000_YCBC,
)
_JPEG = (COMPRESSION.OJPEG, COMPRESSION.JPEG, COMPRESSION.ALT_JPEG, COMPRESSION.JPEG_LOSSY)
_LUMA, _REFERENCE = (0.299, 0.587, 0.114), (0, 255, 128, 255, 128, 255)  # defaults of TIFF 6.0


def to_pixels(page: tifffile.TiffPage) -> Callable[[np.ndarray], np.ndarray]:
    """Returns the function from the numbers `[h, w, C]` of a page to its pixels.

    They are brighter with larger numbers; less than 8 bits are stretched to 0 to 255, and YCbCr
    becomes RGB.

    Raises:
        NotOneImage: another kind of image.
    """
    if page.photometric in _GREY:
        return functools.partial(
            _brightness,
            bits=page.bitspersample,
            is_inverted=page.photometric == PHOTOMETRIC.MINISWHITE,
        )
    if _is_raw_ycbcr(page):
        return _from_ycbcr(page)
    if page.photometric not in (PHOTOMETRIC.RGB, PHOTOMETRIC.YCBCR):
        raise NotOneImage(f"must be grey or RGB; got {_name(page.photometric)}. Save it as RGB.")
    return _unchanged


def channel_names(path: Path, selection: Selection = DEFAULT) -> tuple[str, ...]:
    """Returns the names of the channels of the selected image of a file.

    They are those of OME or ImageJ where the file has a different one for each channel, else red,
    green and blue where TIFF says so, and numbers for the rest. They are empty for a grey image,
    and for one of three channels without names, which counts as RGB.
    """
    with tifffile.TiffFile(path, _multifile=False) as file:
        layout = layout_of(file, selection)
        count = len(layout.channels)
        if count == 1:
            return ()
        for names in (_names_of_ome(file), _names_of_imagej(file)):
            if len(names) == len(set(names)) == count and all(names):
                return names
        if count == 3:
            return ()
        is_rgb = layout.series.keyframe.photometric == PHOTOMETRIC.RGB
        return numbered(count, COLORS if is_rgb else ())


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


def _unchanged(stored: np.ndarray) -> np.ndarray:
    return stored


def _brightness(stored: np.ndarray, *, bits: int, is_inverted: bool) -> np.ndarray:
    """Returns grey pixels with black as zero, and of at least 8 bits."""
    top = 2**bits - 1
    image = stored.astype(np.uint8) if bits < 8 else stored
    if is_inverted:
        if image.dtype.kind != "u":
            raise NotOneImage(
                f"must have whole numbers from 0 on where white is zero; got {image.dtype}. Save "
                "it with black as zero."
            )
        image = np.subtract(top, image, dtype=image.dtype)
    return image * np.uint8(255 // top) if bits < 8 else image


def _is_raw_ycbcr(page: tifffile.TiffPage) -> bool:
    """Returns whether the pixels are luma and chroma; those of JPEG are decoded to RGB."""
    is_raw = page.photometric == PHOTOMETRIC.YCBCR and page.compression not in _JPEG
    return is_raw or page.compression == COMPRESSION.APERIO_JP2000_YCBC


def _from_ycbcr(page: tifffile.TiffPage) -> Callable[[np.ndarray], np.ndarray]:
    """Returns the function from luma and chroma to RGB."""
    if page.subsampling not in (None, (1, 1)):
        raise NotOneImage(
            "must be grey or RGB; got YCBCR with few pixels of chroma. Save it as RGB."
        )
    if page.compression not in _RAW_YCBCR or page.dtype != np.uint8:
        raise NotOneImage(
            f"must be grey or RGB; got YCBCR of {page.dtype} with the compression "
            f"{_name(page.compression)}. Save it as RGB."
        )
    return functools.partial(
        _rgb_of_ycbcr,
        coefficients=_fractions(page, "YCbCrCoefficients", _LUMA),
        reference=np.reshape(_fractions(page, "ReferenceBlackWhite", _REFERENCE), (3, 2)),
    )


def _rgb_of_ycbcr(
    stored: np.ndarray, *, coefficients: Sequence[float], reference: np.ndarray
) -> np.ndarray:
    """Returns the RGB of luma and chroma, by section 21 of the TIFF 6.0 specification."""
    red, green, blue = coefficients
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
