"""Decodes PNG, JPEG, TIFF and npy files completely, or refuses them."""

from __future__ import annotations

import io
import logging
import math
import struct
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from PIL import JpegImagePlugin, PngImagePlugin

from tfseg.checks import InputError

MAX_PIXELS = 10**8  # larger images do not fit in 2 GB, with their ids, while they are converted
MAX_BYTES = 8 * MAX_PIXELS  # RGB and alpha of 16 bits
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # either byte order, and BigTIFF
_NPY = b"\x93NUMPY"
_PNG_END, _PALETTE = b"IEND\xaeB`\x82", b"\x03"

# tifffile logs what it raises as well; without a handler, Python would print that to stderr.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def decode_image_file(path: Path, data: bytes) -> np.ndarray:
    """Returns the pixels `[H, W]` or `[H, W, C]` of an image file, of the type stored.

    Args:
        path: for errors.
        data: content of the file.

    Raises:
        InputError: another kind of file, damaged, too large, or not one image.
    """
    decoder = next(
        (decoder for start, decoder in _DECODERS.items() if data.startswith(start)), None
    )
    if decoder is None:
        raise InputError(
            f"{path} must be a PNG, JPEG or TIFF image; its content is something else. "
            "Convert it, or remove it from the folder."
        )
    return _decode_with(decoder, path, data)


def decode_label_file(path: Path, data: bytes) -> np.ndarray:
    """Returns the numbers `[H, W]` or `[H, W, C]` that a file stores, of the type stored.

    Unlike in `decode_image_file`, those of a PNG with a palette are its entries, not their colours,
    and those of a PNG with less than 8 bits are not stretched. The file may also be an npy file.

    Raises:
        InputError: as in `decode_image_file`.
    """
    if data.startswith(_NPY):
        return _decode_with(_decode_npy, path, data)
    if data.startswith(PNG) and data[25:26] == _PALETTE:
        return _decode_with(_decode_palette, path, data)
    numbers = decode_image_file(path, data)
    if data.startswith(PNG) and data[24] < 8:  # libpng stretches 1, 2 and 4 bits to 0..255
        return numbers // (255 // (2 ** data[24] - 1))
    return numbers


def _decode_with(decoder: Callable[[bytes], np.ndarray], path: Path, data: bytes) -> np.ndarray:
    try:
        array = decoder(data)
    except _NotOneImage as error:
        raise InputError(f"{path} {error}") from error
    except MemoryError:
        raise
    except Exception as error:  # decoders raise many kinds of errors for damaged bytes
        raise damaged(path, error) from error
    if not array.size:
        raise InputError(f"{path} has no pixels. Replace the file.")
    return array


def damaged(path: Path, error: Exception) -> InputError:
    """Returns the error for a file that a decoder refused with `error`."""
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return InputError(f"{path} is damaged or cut short ({reason}). Replace the file.")


class _NotOneImage(ValueError):
    """A file without exactly one grey or colour image of a usable size."""


def _check_size(height: int, width: int) -> None:
    """Refuses a size before memory for it is allocated."""
    if height * width > MAX_PIXELS:
        raise _NotOneImage(
            f"must have at most {MAX_PIXELS} pixels; its header says {height} x {width} (height x "
            "width). Cut it into tiles, or replace the file."
        )


def _check_png(data: bytes) -> None:
    if _PNG_END not in data:
        raise ValueError("its end is missing")
    width, height = struct.unpack(">II", data[16:24])
    _check_size(height, width)


def _decode_png(data: bytes) -> np.ndarray:
    _check_png(data)
    return imagecodecs.png_decode(data)


def _decode_palette(data: bytes) -> np.ndarray:
    """Returns the entries `[H, W]` uint8 of a palette, where `_decode_png` returns colours."""
    _check_png(data)
    with PngImagePlugin.PngImageFile(io.BytesIO(data)) as image:
        return np.array(image)


def _decode_npy(data: bytes) -> np.ndarray:
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    shape, _, dtype = header[version](file)
    if dtype.hasobject or len(data) - file.tell() < math.prod(shape) * dtype.itemsize:
        raise ValueError(f"not the numbers of an array {list(shape)} {dtype}")
    if len(shape) == 2:
        _check_size(*shape)
    return np.load(io.BytesIO(data), allow_pickle=False)


def _decode_jpeg(data: bytes) -> np.ndarray:
    # Pillow, because imagecodecs decodes a truncated JPEG without an error.
    with JpegImagePlugin.JpegImageFile(io.BytesIO(data)) as image:
        _check_size(image.height, image.width)
        return np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))


def _decode_tiff(data: bytes) -> np.ndarray:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        series, photometric = file.series, file.pages.first.photometric
        sizes = [dict(zip(part.axes, part.shape, strict=True)) for part in series]
        if len(sizes) != 1 or not _is_one_image(sizes[0]):
            raise _NotOneImage(
                "must hold one image: axes Y and X, and at most 3 channels C or 4 samples S; "
                f"got {' and '.join(map(str, sizes))}. Save each plane as a separate file."
            )
        _check_size(sizes[0]["Y"], sizes[0]["X"])
        if series[0].nbytes > MAX_BYTES:
            raise _NotOneImage(
                f"must take at most {MAX_BYTES} bytes of memory; its header says "
                f"{series[0].nbytes}. Save it with 8 or 16 bits, or cut it into tiles."
            )
        array = series[0].asarray()
    if photometric not in _PHOTOMETRICS:
        name = getattr(photometric, "name", photometric)  # a number that TIFF does not define
        raise _NotOneImage(f"must be grey or RGB; got {name}. Save it as RGB.")
    if photometric == tifffile.PHOTOMETRIC.MINISWHITE and array.dtype.kind == "u":
        array = np.iinfo(array.dtype).max - array
    return array if array.ndim == 2 else np.moveaxis(array, _channel_axis(sizes[0]), -1)


def _is_one_image(sizes: dict[str, int]) -> bool:
    """Returns whether the axes of a TIFF are those of a grey or colour image."""
    others = {axis: size for axis, size in sizes.items() if axis not in "YX"}
    return len(sizes) == len(others) + 2 and others in ({}, {"C": 3}, {"S": 3}, {"S": 4})


def _channel_axis(sizes: dict[str, int]) -> int:
    return next(index for index, axis in enumerate(sizes) if axis in "CS")


_PHOTOMETRICS = (
    tifffile.PHOTOMETRIC.MINISBLACK,
    tifffile.PHOTOMETRIC.MINISWHITE,
    tifffile.PHOTOMETRIC.RGB,
    tifffile.PHOTOMETRIC.YCBCR,
)
_DECODERS = {
    PNG: _decode_png,
    JPEG: _decode_jpeg,
    **dict.fromkeys(TIFF, _decode_tiff),
}
