"""Decodes interlaced PNG files, for which the decoder of imagecodecs prints a warning.

Their pixels lie in seven smaller pictures, the passes of Adam7, see
https://www.w3.org/TR/png-3/#8Interlace.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import imagecodecs
import numpy as np

from tfseg.data.files.limits import PNG

# The first row and column of every pass, and the steps down and across.
_PASSES = (
    *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)),
    *((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)),
)
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by type of colour


def is_interlaced(data: bytes) -> bool:
    """Returns whether a PNG file is interlaced."""
    return data.startswith(PNG) and data[28:29] == b"\1"


def decode_interlaced(data: bytes) -> np.ndarray:
    """Decodes every pass as a PNG file that is not interlaced, and joins their pixels.

    Raises:
        ValueError: the file is damaged.
    """
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    chunks = list(_chunks(data))
    others = b"".join(chunk for kind, _, chunk in chunks if kind in (b"PLTE", b"tRNS"))
    packed = b"".join(content for kind, content, _ in chunks if kind == b"IDAT")
    unpacker, image = zlib.decompressobj(), None
    for row, column, down, across in _PASSES:
        size = len(range(row, height, down)), len(range(column, width, across))
        if not all(size):
            continue
        num_bytes = size[0] * (1 + (size[1] * depth * _CHANNELS[colour] + 7) // 8)
        pixels = unpacker.decompress(packed, num_bytes)
        packed = unpacker.unconsumed_tail
        if len(pixels) != num_bytes:
            raise ValueError("pixels are missing")
        header = struct.pack(">IIBBBBB", size[1], size[0], depth, colour, 0, 0, 0)
        part = _decode(header, others, pixels)
        image = np.empty((height, width, *part.shape[2:]), part.dtype) if image is None else image
        image[row::down, column::across] = part
    if unpacker.decompress(packed, 1) or not unpacker.eof or image is None:
        raise ValueError("it has more pixels than its size")
    return image


def _decode(header: bytes, others: bytes, pixels: bytes) -> np.ndarray:
    """Decodes the picture of one pass, made into a file."""
    stored = _chunk(b"IDAT", zlib.compress(pixels, 1)) + _chunk(b"IEND", b"")
    return imagecodecs.png_decode(PNG + _chunk(b"IHDR", header) + others + stored)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yields the kind, the content and all bytes of every chunk."""
    start = len(PNG)
    while start + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        end = start + length + 12
        yield kind, data[start + 8 : end - 4], data[start:end]
        start = end


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
