"""What image files begin with, and limits that are checked before their pixels are allocated."""

from __future__ import annotations

LARGE = 2**24  # pixels; a TIFF with more is read in windows, and ids for more lie in a file
MAX_PIXELS = 10**8  # larger images do not fit in 2 GB, with their ids, while they are converted
MAX_BYTES = 8 * MAX_PIXELS  # RGB and alpha of 16 bits

PNG, JPEG, BMP = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM"
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # either byte order, and BigTIFF
WEBP = b"RIFF"  # of the formats in RIFF, only WebP is read


class NotOneImage(ValueError):
    """A file without exactly one grey or colour image of a usable size."""


def check_size(height: int, width: int) -> None:
    """Refuses a size before memory for it is allocated.

    Raises:
        NotOneImage: more than `MAX_PIXELS`.
    """
    if height * width > MAX_PIXELS:
        raise NotOneImage(
            f"must have at most {MAX_PIXELS} pixels; its header says {height} x {width} (height x "
            "width). Cut it into tiles, or replace the file."
        )
