"""Reads windows of large TIFF images, without the tiles or strips outside them."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import tifffile

from tfseg.data.files import tiff
from tfseg.data.files.decoding import damaged
from tfseg.data.files.images import read_picture, standard_type
from tfseg.data.files.limits import MAX_PIXELS, TIFF
from tfseg.data.files.orientation import page_tag, stored_window, upright, upright_shape
from tfseg.large_arrays import Windows

LARGE = 2**24  # pixels; smaller images are read at once
CACHE_BYTES = 2**27  # of the tiles or strips read last, because windows overlap
_PHOTOMETRICS = (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB)
_JPEG_PHOTOMETRICS = (*_PHOTOMETRICS, tifffile.PHOTOMETRIC.YCBCR)


class TiffWindows(Windows):
    """A TIFF image `[H, W, C]` that is read one window at a time.

    `image[rows, columns]` with slices reads a window, as `read_picture` returns it;
    `np.asarray(image)` reads all of it.

    Attributes:
        shape: height, width and channels, without alpha, of the upright picture.
        turned: as in `Picture`.
    """

    def __init__(self, path: Path, page: tifffile.TiffPage, orientation: str) -> None:
        tag = page_tag(page)
        self.turned = None if tag == 1 else orientation == "apply"
        self._tag = tag if self.turned else 1
        self._kept = tiff.samples_without_alpha(page)
        sides = page.imagelength, page.imagewidth
        self.shape = upright_shape((*sides, len(self._kept)), self._tag)
        self._path, self._dtype = path, page.dtype
        self.dtype = np.dtype(page.dtype)  # `_windows` takes those that are standard
        if page.is_tiled:
            self._height, self._width = page.tilelength, page.tilewidth
        else:
            self._height, self._width = min(page.rowsperstrip, page.imagelength), page.imagewidth
        self._across = math.ceil(page.imagewidth / self._width)
        size = self._height * self._width * page.samplesperpixel * np.dtype(page.dtype).itemsize
        decode = functools.partial(
            page.decode, jpegtables=page.jpegtables, jpegheader=page.jpegheader
        )
        read = functools.partial(read_segment, path, page.dataoffsets, page.databytecounts, decode)
        self._segment = functools.lru_cache(maxsize=max(1, CACHE_BYTES // size))(read)

    def with_channels(self, positions: Sequence[int]) -> TiffWindows:
        """Returns the image with only some of its channels."""
        chosen = copy.copy(self)
        chosen._kept = [self._kept[index] for index in positions]
        chosen.shape = (*self.shape[:2], len(positions))
        return chosen

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        """Reads the window `[h, w, C]` of these rows and columns.

        Raises:
            InputError: the file is damaged in this window, or has non-finite pixels.
        """
        upright_rows, upright_columns = (
            range(*part.indices(side)) for part, side in zip(window, self.shape, strict=False)
        )
        rows, columns = stored_window(upright_rows, upright_columns, self.shape, self._tag)
        pixels = np.zeros((len(rows), len(columns), len(self._kept)), self._dtype)
        for row, to_rows, from_rows in _overlaps(rows, self._height):
            for column, to_columns, from_columns in _overlaps(columns, self._width):
                segment = self._segment(row * self._across + column)
                if segment is not None:  # else a tile of zeros that the file leaves out
                    pixels[to_rows, to_columns] = segment[from_rows, from_columns][..., self._kept]
        # A window beyond the image has no pixels, as one of an array.
        typed = standard_type(self._path, pixels) if pixels.size else pixels
        return upright(typed, self._tag)


def open_image(path: str | Path) -> np.ndarray | TiffWindows:
    """Opens an image upright: the pixels of `open_picture`."""
    return open_picture(path)[0]


def open_picture(
    path: str | Path, *, orientation: str = "apply"
) -> tuple[np.ndarray | TiffWindows, bool | None]:
    """Opens a large TIFF in tiles or strips as `TiffWindows`; reads any other image at once.

    Args:
        path: an image file.
        orientation: as for `read_picture`.

    Returns:
        The pixels, and whether the orientation tag of the file was applied, as in `Picture`.

    Raises:
        InputError: as in `read_picture`.
    """
    path = Path(path)
    windows = _windows(path, orientation)
    return (windows, windows.turned) if windows else read_picture(path, orientation=orientation)


def _windows(path: Path, orientation: str) -> TiffWindows | None:
    """Returns the windows of a file, or None where `read_picture` must read or refuse it.

    A single-strip file would be read at once in any case, so it is not opened in windows.
    """
    try:
        with path.open("rb") as file:
            if file.read(4) not in TIFF:
                return None
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            usual = len(file.pages) == 1 and page.axes in ("YX", "YXS") and page.planarconfig == 1
            known = page.photometric in (
                _JPEG_PHOTOMETRICS
                if page.compression == tifffile.COMPRESSION.JPEG
                else _PHOTOMETRICS
            )
            kept = tiff.samples_without_alpha(page)
            channels = kept == list(range(len(kept)))  # alpha is behind them
            numbers = page.dtype in ("u1", "u2", "f4") and page.bitspersample % 8 == 0
            sized = LARGE < page.imagelength * page.imagewidth <= MAX_PIXELS
            segmented = len(page.dataoffsets) > 1
            fits = usual and known and channels and numbers and sized and segmented
            return TiffWindows(path, page, orientation) if fits else None
    except Exception:  # tifffile raises many kinds of errors; `read_picture` reports the reason
        return None


def read_segment(
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
    except Exception as error:  # decoders raise many kinds of errors for damaged bytes
        raise damaged(path, error) from error


def _overlaps(wanted: range, size: int) -> Iterator[tuple[int, slice, slice]]:
    """Yields the segments of `size` that overlap `wanted`: number, slice of `wanted`, of it."""
    for number in range(wanted.start // size, -(-wanted.stop // size)):
        start = number * size
        first, end = (
            min(max(0, -((wanted.start - edge) // wanted.step)), len(wanted))
            for edge in (start, start + size)
        )
        if first < end:
            inside = slice(wanted[first] - start, wanted[end - 1] - start + 1, wanted.step)
            yield number, slice(first, end), inside
