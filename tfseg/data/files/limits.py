"""What image files begin with, and limits that are checked before their pixels are allocated."""

from __future__ import annotations

LARGE = 2**24  # pixels; a TIFF with more is read in windows, and ids for more lie in a file
MAX_BYTES = 8 * 10**8  # of what is read at once: with ids it fits in 2 GB while it is converted
# The most pixels that a byte of an honest file has: an image of one colour, compressed by Zstandard
# or in tiles that the file leaves out, has half as many.
_PIXELS_PER_BYTE = 20_000

PNG, JPEG, BMP = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM"
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # either byte order, and BigTIFF
WEBP = b"RIFF"  # of the formats in RIFF, only WebP is read


class NotOneImage(ValueError):
    """A file without exactly one grey or colour image of a usable size."""


def check_size(height: int, width: int, pixel_bytes: int) -> None:
    """Refuses what is read at once by its size, before memory for it is allocated.

    Args:
        height: in pixels.
        width: in pixels.
        pixel_bytes: memory for a pixel, in bytes.

    Raises:
        NotOneImage: more than `MAX_BYTES`.
    """
    if height * width * pixel_bytes > MAX_BYTES:
        raise NotOneImage(
            f"must take at most {MAX_BYTES // 10**6} MB of memory, as it is read at once; its "
            f"header says {height} x {width} (height x width) of {pixel_bytes} bytes. Save it as "
            "TIFF in tiles, which is read in windows, cut it into tiles, or replace the file."
        )


def check_claim(height: int, width: int, file_bytes: int) -> None:
    """Refuses a large size that the bytes of a file cannot hold.

    Raises:
        NotOneImage: more pixels for each byte than any compression has in honest files.
    """
    if height * width > max(LARGE, _PIXELS_PER_BYTE * file_bytes):
        raise NotOneImage(
            f"must hold the pixels of its header, {height} x {width} (height x width); it has only "
            f"{file_bytes} bytes. Replace the file."
        )
