"""Large TIFF pictures, read a few of their tiles or strips at a time."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from tfseg.checks import InputError
from tfseg.data.files.decoding import MAX_PIXELS
from tfseg.data.files.images import read_image, standard_type

LARGE = 2**24  # pixels; smaller pictures are read whole
_KEPT = 2**27  # bytes of tiles or strips that were read last, since windows share them
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PHOTOMETRICS = (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB)
_JPEG_PHOTOMETRICS = (*_PHOTOMETRICS, tifffile.PHOTOMETRIC.YCBCR)


class Pieces:
    """A TIFF picture `[H, W, C]` whose windows are read when they are asked for.

    `pieces[rows, columns]` with slices is that window, as `read_image` returns it;
    `np.asarray(pieces)` is all of it.

    Attributes:
        shape: height, width and channels.
    """

    def __init__(self, path: Path, page: tifffile.TiffPage) -> None:
        self.shape = (page.imagelength, page.imagewidth, page.samplesperpixel)
        self._path, self._dtype = path, page.dtype
        if page.is_tiled:
            self._height, self._width = page.tilelength, page.tilewidth
        else:
            self._height, self._width = min(page.rowsperstrip, self.shape[0]), self.shape[1]
        size = self._height * self._width * self.shape[2] * np.dtype(page.dtype).itemsize
        decode = functools.partial(
            page.decode, jpegtables=page.jpegtables, jpegheader=page.jpegheader
        )
        read = functools.partial(_segment, path, page.dataoffsets, page.databytecounts, decode)
        self._segment = functools.lru_cache(maxsize=max(1, _KEPT // size))(read)

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        """Reads the window `[h, w, C]` of these rows and columns.

        Raises:
            InputError: the file is damaged there, or has pixels that are not finite.
        """
        rows, columns = (
            range(*each.indices(side)) for each, side in zip(window, self.shape, strict=False)
        )
        found = np.zeros((len(rows), len(columns), self.shape[2]), self._dtype)
        across = math.ceil(self.shape[1] / self._width)
        for row, own_rows, its_rows in _shared(rows, self._height):
            for column, own_columns, its_columns in _shared(columns, self._width):
                segment = self._segment(row * across + column)
                if segment is not None:  # else a tile that the file leaves out, of zeros
                    found[own_rows, own_columns] = segment[its_rows, its_columns]
        return standard_type(self._path, found)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Reads all of it."""
        whole = self[:, :]
        return whole if dtype is None else whole.astype(dtype)


def open_image(path: str | Path) -> np.ndarray | Pieces:
    """Opens a picture: a large TIFF that is stored in tiles or strips as `Pieces`, others whole.

    Raises:
        InputError: as of `read_image`.
    """
    path = Path(path)
    return _pieces(path) or read_image(path)


def _pieces(path: Path) -> Pieces | None:
    """Returns the pieces of a file, or None where `read_image` is to read it or say what is wrong.

    Of one strip, uncompressed or not, the whole would be one piece.
    """
    try:
        with path.open("rb") as file:
            if file.read(4) not in _TIFF:
                return None
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            usual = len(file.pages) == 1 and page.axes in ("YX", "YXS") and page.planarconfig == 1
            known = page.photometric in (
                _JPEG_PHOTOMETRICS
                if page.compression == tifffile.COMPRESSION.JPEG
                else _PHOTOMETRICS
            )
            channels = page.samplesperpixel in (1, 3, 4) and page.dtype in ("u1", "u2", "f4")
            sized = LARGE < page.imagelength * page.imagewidth <= MAX_PIXELS
            parted = len(page.dataoffsets) > 1
            return Pieces(path, page) if usual and known and channels and sized and parted else None
    except Exception:  # tifffile raises all kinds of things; reading it whole says which
        return None


def _segment(
    path: Path,
    offsets: tuple[int, ...],
    counts: tuple[int, ...],
    decode: Callable[..., tuple],
    index: int,
) -> np.ndarray | None:
    """Reads one tile or strip `[h, w, C]`."""
    if not counts[index]:
        return None
    try:
        with path.open("rb") as file:
            file.seek(offsets[index])
            return decode(file.read(counts[index]), index)[0][0]
    except Exception as error:  # decoders raise all kinds of things on damaged bytes
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise InputError(f"{path} is damaged or cut short ({reason}). Replace the file.") from error


def _shared(wanted: range, size: int) -> Iterator[tuple[int, slice, slice]]:
    """Yields the pieces of `size` that have some of `wanted`: number, which of it, where in it."""
    for number in range(wanted.start // size, -(-wanted.stop // size)):
        start = number * size
        first, end = (
            min(max(0, -((wanted.start - edge) // wanted.step)), len(wanted))
            for edge in (start, start + size)
        )
        if first < end:
            inside = slice(wanted[first] - start, wanted[end - 1] - start + 1, wanted.step)
            yield number, slice(first, end), inside
