"""Decodes PNG, JPEG, BMP and WebP files completely, or refuses them."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import BmpImagePlugin, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from tfseg.checks import InputError
from tfseg.data.files.interlaced_png import decode_interlaced, is_interlaced
from tfseg.data.files.limits import BMP, JPEG, PNG, WEBP, NotOneImage, check_size

_PNG_END, _PALETTE = b"IEND\xaeB`\x82", b"\x03"
_PNG_SAMPLES = {0: 1, 2: 3, 3: 4, 4: 2, 6: 4}  # of a pixel, by its kind
_MODES = ("1", "L", "RGB", "RGBA")  # of Pillow, whose arrays are the pixels


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
    if decoder is None or (data.startswith(WEBP) and data[8:12] != b"WEBP"):
        raise InputError(
            f"{path} must be a PNG, JPEG, TIFF, BMP or WebP image; its content is something else. "
            "Convert it, or remove it from the folder."
        )
    return _decode_with(decoder, path, data)


def decode_label_file(path: Path, data: bytes) -> np.ndarray:
    """Returns the numbers `[H, W]` or `[H, W, C]` that a file stores, of the type stored.

    Unlike in `decode_image_file`, those of a file with a palette are its entries, not their
    colours, and those of a PNG with less than 8 bits are not stretched.

    Raises:
        InputError: as in `decode_image_file`.
    """
    if data.startswith(PNG) and data[25:26] == _PALETTE:
        return _decode_with(_decode_palette, path, data)
    numbers = decode_image_file(path, data)
    if data.startswith(PNG) and data[24] < 8:  # libpng stretches 1, 2 and 4 bits to 0..255
        return numbers // (255 // (2 ** data[24] - 1))
    return numbers


def _decode_with(decoder: Callable[[bytes], np.ndarray], path: Path, data: bytes) -> np.ndarray:
    try:
        array = decoder(data)
    except NotOneImage as error:
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


def _check_png(data: bytes) -> None:
    if _PNG_END not in data:
        raise ValueError("its end is missing")
    width, height, bits, kind = struct.unpack(">IIBB", data[16:26])
    check_size(height, width, _PNG_SAMPLES[kind] * max(1, bits // 8))


def _decode_png(data: bytes) -> np.ndarray:
    _check_png(data)
    return decode_png(data)


def decode_png(data: bytes) -> np.ndarray:
    """Decodes a PNG file of a size that is known to be small enough, interlaced or not."""
    return decode_interlaced(data) if is_interlaced(data) else imagecodecs.png_decode(data)


def _decode_palette(data: bytes) -> np.ndarray:
    """Returns the entries `[H, W]` uint8 of a palette, where `decode_png` returns colours."""
    _check_png(data)
    with PngImagePlugin.PngImageFile(io.BytesIO(data)) as image:
        return np.array(image)


def _decode_jpeg(data: bytes) -> np.ndarray:
    # Pillow, because imagecodecs decodes a truncated JPEG without an error.
    return _decode_by_pillow(JpegImagePlugin.JpegImageFile(io.BytesIO(data)))


def _decode_bmp(data: bytes) -> np.ndarray:
    return _decode_by_pillow(BmpImagePlugin.BmpImageFile(io.BytesIO(data)))


def _decode_webp(data: bytes) -> np.ndarray:
    image = WebPImagePlugin.WebPImageFile(io.BytesIO(data))
    if image.n_frames > 1:
        raise NotOneImage(
            f"must hold one image; it has {image.n_frames} frames. Save each as a separate file."
        )
    return _decode_by_pillow(image)


def _decode_by_pillow(file: ImageFile.ImageFile) -> np.ndarray:
    with file as image:
        check_size(image.height, image.width, max(len(image.getbands()), 3))
        return np.asarray(image if image.mode in _MODES else image.convert("RGB"))


_DECODERS = {
    PNG: _decode_png,
    JPEG: _decode_jpeg,
    BMP: _decode_bmp,
    WEBP: _decode_webp,
}
