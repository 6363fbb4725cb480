"""EXIF data and XMP of PNG files, from chunks before and after the pixels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from tfseg.data.files.limits import PNG

_MOST_TEXT = 2**20  # bytes of a compressed text, as in Pillow


def exif_and_xmp(data: bytes) -> tuple[bytes, bytes]:
    """Returns the EXIF data and the XMP of a PNG file, each empty if it has none.

    EXIF data are in the chunk eXIf, or in hex digits in the text "Raw profile type exif", as
    ImageMagick and older tools write them.
    """
    chunks = list(_chunks(data))
    exif = next((content for kind, content in chunks if kind == b"eXIf"), b"")
    texts = dict(_text(*chunk) for chunk in chunks if chunk[0] in (b"tEXt", b"zTXt", b"iTXt"))
    if not exif and (profile := texts.get(b"Raw profile type exif")):
        exif = bytes.fromhex("".join(profile.decode("ascii").split("\n")[3:]))
    return exif, texts.get(b"XML:com.adobe.xmp", b"")


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the kind and content of each chunk but those of pixels."""
    start = len(PNG)
    while start + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        if kind != b"IDAT":
            yield kind, data[start + 8 : start + 8 + length]
        start += length + 12


def _text(kind: bytes, content: bytes) -> tuple[bytes, bytes]:
    """Returns the keyword and the text of a chunk, an empty one where it is damaged."""
    keyword, _, rest = content.partition(b"\0")
    compressed = kind == b"zTXt"
    if compressed:
        rest = rest[1:]  # the method
    elif kind == b"iTXt":
        compressed, rest = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]  # after two languages
    try:
        return keyword, zlib.decompressobj().decompress(rest, _MOST_TEXT) if compressed else rest
    except zlib.error:
        return keyword, b""
