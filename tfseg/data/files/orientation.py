"""Orientation tags: how a stored picture is turned so that it stands upright.

The tag is 274 of the EXIF data of JPEG, PNG and WebP files, and of TIFF files themselves; without
it, tiff:Orientation of their XMP counts, as in Pillow. The values 1 to 8 are those of the TIFF 6.0
specification, section 8, and of EXIF.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Sequence

import numpy as np
import tifffile
from PIL import JpegImagePlugin, WebPImagePlugin

from tfseg.data.files.limits import JPEG, PNG, TIFF, WEBP
from tfseg.data.files.png_metadata import exif_and_xmp

_TAG, _XMP_TAG = 274, 700
_EXIF_START = b"Exif\0\0"
_IN_XMP = re.compile(rb"tiff:Orientation(?:=\"|>)([0-9])")
_NUMBERS = {1: "B", 3: "H", 4: "I"}  # types of EXIF that hold one whole number
# For each tag: whether rows and columns are swapped, then rows reversed, then columns reversed.
_STEPS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def tag_of(data: bytes) -> int:
    """Returns the orientation tag of an image file, from 1 to 8; 1 where it has none."""
    try:
        if data.startswith(TIFF):
            with tifffile.TiffFile(io.BytesIO(data)) as file:
                return page_tag(file.pages.first)
        exif, xmp = _exif_and_xmp(data)
        return _known(_first(_number_in(exif), xmp))
    except Exception:  # damaged EXIF data is none, and a damaged image is refused elsewhere
        return 1


def page_tag(page: tifffile.TiffPage) -> int:
    """Returns the orientation tag of a page of a TIFF file, from 1 to 8; 1 where it has none."""
    return _known(_first(page.tags.valueof(_TAG), page.tags.valueof(_XMP_TAG)))


def upright(pixels: np.ndarray, tag: int) -> np.ndarray:
    """Turns stored pixels `[H, W, ...]` upright."""
    swapped, rows, columns = _STEPS[tag]
    turned = np.swapaxes(pixels, 0, 1) if swapped else pixels
    return np.ascontiguousarray(turned[:: -1 if rows else 1, :: -1 if columns else 1])


def upright_shape(shape: Sequence[int], tag: int) -> tuple[int, ...]:
    """Returns the shape of stored pixels `[H, W, ...]` after `upright`."""
    height, width, *others = shape
    return (width, height, *others) if _STEPS[tag][0] else (height, width, *others)


def stored_window(
    rows: range, columns: range, shape: Sequence[int], tag: int
) -> tuple[range, range]:
    """Returns the stored rows and columns that `upright` turns into a window.

    Args:
        rows: rows of the window in the upright picture, ascending.
        columns: its columns, ascending.
        shape: height and width of the upright picture.
        tag: orientation tag.
    """
    swapped, rows_reversed, columns_reversed = _STEPS[tag]
    rows = _mirrored(rows, shape[0]) if rows_reversed else rows
    columns = _mirrored(columns, shape[1]) if columns_reversed else columns
    return (columns, rows) if swapped else (rows, columns)


def _mirrored(part: range, side: int) -> range:
    """Returns the indices of `part` in reversed order of the `side` lines, ascending."""
    if not part:
        return part
    return range(side - 1 - part[-1], side - part[0], part.step)


def _known(value: object) -> int:
    return value if isinstance(value, int) and value in _STEPS else 1


def _exif_and_xmp(data: bytes) -> tuple[bytes, bytes]:
    """Returns the EXIF data, which begin with the order of their bytes, and the XMP of a file."""
    if data.startswith(PNG):
        exif, xmp = exif_and_xmp(data)
        return exif.removeprefix(_EXIF_START), xmp
    kinds = {JPEG: JpegImagePlugin.JpegImageFile, WEBP: WebPImagePlugin.WebPImageFile}
    for start, kind in kinds.items():
        if data.startswith(start):
            with kind(io.BytesIO(data)) as image:
                exif = image.info.get("exif", b"").removeprefix(_EXIF_START)
                return exif, image.info.get("xmp", b"")
    return b"", b""


def _number_in(exif: bytes) -> int | None:
    """Returns the number of the orientation tag in EXIF data, None where it has none."""
    if not exif:
        return None
    order = {b"II": "<", b"MM": ">"}[exif[:2]]
    (start,) = struct.unpack_from(f"{order}I", exif, 4)
    (count,) = struct.unpack_from(f"{order}H", exif, start)
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        number, kind = struct.unpack_from(f"{order}HH", exif, entry)
        if number == _TAG:
            return struct.unpack_from(f"{order}{_NUMBERS[kind]}", exif, entry + 8)[0]
    return None


def _first(number: object, xmp: object) -> object:
    """Returns the number of the tag, or without one that of tiff:Orientation in XMP."""
    if number is not None or not isinstance(xmp, bytes):
        return number
    match = _IN_XMP.search(xmp)
    return int(match[1]) if match else None
