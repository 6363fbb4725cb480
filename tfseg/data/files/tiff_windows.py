"""Reads windows of TIFF images, without the tiles or strips outside them."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile

from tfseg.data.files.decoding import damaged
from tfseg.data.files.limits import MAX_BYTES, NotOneImage
from tfseg.data.files.orientation import stored_window, upright, upright_shape
from tfseg.data.files.tiff_layout import Layout
from tfseg.large_arrays import Windows

CACHE_BYTES = 2**27  # of the tiles or strips read last, because windows overlap
_STRIP_BYTES = 2**20  # read at once of what is stored in one strip, without compression


class TiffWindows(Windows):
    """A TIFF image `[H, W, C]` that is read one window at a time.

    `image[rows, columns]` with slices reads a window; `np.asarray(image)` reads all of it.

    Attributes:
        shape: height, width and channels of the upright picture.
        dtype: of its pixels.
    """

    def __init__(
        self,
        path: Path,
        layout: Layout,
        convert: Callable[[np.ndarray], np.ndarray],
        *,
        channels: Sequence[int],
        projection: str | None = None,
        tag: int = 1,
    ) -> None:
        """Takes the layout of an image in a file that is open, and may be closed later.

        Args:
            path: of the file.
            layout: of the image.
            convert: makes pixels `[h, w, C]` of the numbers that are stored in the channels.
            channels: those that are read, by position.
            projection: how several planes become one, "max" or "mean".
            tag: orientation tag by which the picture is turned upright.

        Raises:
            NotOneImage: a page is missing or incomplete, or its tiles or strips are too large.
        """
        page = layout.series.keyframe
        self._grid = _Grid.of(page)
        self._planes, self._projection, self._tag = layout.pages.tolist(), projection, tag
        self._reads = list(self._grid.reads(page, channels))
        self._empty = np.full((1, 1, len(channels)), page.nodata, page.dtype)
        self._convert, self._chosen = convert, list(range(convert(self._empty).shape[-1]))
        self.dtype = convert(self._empty).dtype
        size = page.imagelength, page.imagewidth, len(self._chosen)
        self.shape = upright_shape(size, tag)
        pieces = {
            number: _pieces(layout.series, number, self._grid) for number in layout.pages.flat
        }
        self._piece = functools.lru_cache(maxsize=max(1, CACHE_BYTES // self._grid.piece_bytes))(
            lambda number, index: read_piece(path, pieces[number], index)
        )

    def with_channels(self, positions: Sequence[int]) -> TiffWindows:
        """Returns the image with only some of its channels."""
        chosen = copy.copy(self)
        chosen._chosen = [self._chosen[index] for index in positions]
        chosen.shape = (*self.shape[:2], len(positions))
        return chosen

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        """Reads the window `[h, w, C]` of these rows and columns.

        Raises:
            InputError: the file is damaged in this window, or has pixels that cannot be used.
        """
        upright_rows, upright_columns = (
            range(*part.indices(side)) for part, side in zip(window, self.shape, strict=False)
        )
        rows, columns = stored_window(upright_rows, upright_columns, self.shape, self._tag)
        if not rows or not columns:  # beyond the image, as of an array
            return np.zeros((len(upright_rows), len(upright_columns), self.shape[2]), self.dtype)
        pixels = self._projected(self._plane(plane, rows, columns) for plane in self._planes)
        if self._chosen != list(range(pixels.shape[-1])):
            pixels = pixels[..., self._chosen]
        return upright(pixels, self._tag)

    def _projected(self, planes: Iterator[np.ndarray]) -> np.ndarray:
        if len(self._planes) == 1:
            return next(planes)
        if self._projection == "max":
            return functools.reduce(np.maximum, planes)
        total = sum((plane.astype(np.float64) for plane in planes), np.float64(0))
        mean = total / len(self._planes)
        return (np.rint(mean) if self.dtype.kind == "u" else mean).astype(self.dtype)

    def _plane(self, pages: Sequence[int], rows: range, columns: range) -> np.ndarray:
        """Reads the stored rows and columns of one plane."""
        grid = self._grid
        pixels = np.broadcast_to(
            self._empty, (len(rows), len(columns), self._empty.shape[2])
        ).copy()
        for row, to_rows, from_rows in _overlaps(rows, grid.height):
            for column, to_columns, from_columns in _overlaps(columns, grid.width):
                for page, first, channels, samples in self._reads:
                    piece = self._piece(pages[page], first + row * grid.across + column)
                    if piece is not None:
                        window = piece[from_rows, from_columns]
                        pixels[to_rows, to_columns, channels] = window[..., samples]
        return self._convert(pixels)


class _Grid(NamedTuple):
    """The tiles or strips of a page.

    Attributes:
        height: of a piece, in pixels.
        width: of a piece, in pixels.
        across: number of pieces beside each other.
        down: number of pieces one below the other.
        piece_bytes: memory for a piece.
        is_raw: whether pieces are rows of a strip without compression.
    """

    height: int
    width: int
    across: int
    down: int
    piece_bytes: int
    is_raw: bool

    @classmethod
    def of(cls, page: tifffile.TiffPage) -> _Grid:
        height, width = min(page.rowsperstrip, page.imagelength), page.imagewidth
        if page.is_tiled:
            height, width = page.tilelength, page.tilewidth
        pixel_bytes = _samples_together(page) * np.dtype(page.dtype).itemsize
        is_raw = not page.is_tiled and height == page.imagelength and page.is_final
        if is_raw:
            height = min(height, max(1, _STRIP_BYTES // (width * pixel_bytes)))
        piece_bytes = height * width * pixel_bytes
        if piece_bytes > MAX_BYTES:
            raise NotOneImage(
                f"must be stored in pieces of at most {MAX_BYTES // 10**6} MB; it has tiles or "
                f"strips of {height} x {width} pixels (height x width). Save it in smaller tiles."
            )
        sides = math.ceil(page.imagewidth / width), math.ceil(page.imagelength / height)
        return cls(height, width, *sides, piece_bytes, is_raw)

    def reads(
        self, page: tifffile.TiffPage, channels: Sequence[int]
    ) -> Iterator[tuple[int, int, list[int] | slice, list[int] | slice]]:
        """Yields what has to be read for some channels of a plane.

        Yields:
            The number of the page in the plane, the number of its first piece, the positions of the
            channels that it has, and of these in a pixel of a piece.
        """
        count = page.samplesperpixel
        if _samples_together(page) < count:
            for position, channel in enumerate(channels):
                first = channel % count * self.across * self.down
                yield channel // count, first, slice(position, position + 1), slice(None)
            return
        for number in sorted({channel // count for channel in channels}):
            inside = [index for index, channel in enumerate(channels) if channel // count == number]
            yield number, 0, inside, [channels[index] % count for index in inside]


class _Pieces(NamedTuple):
    """Where the tiles or strips of a page lie in the file, and how one is decoded.

    Attributes:
        offsets: of each.
        counts: bytes of each; 0 for one that the file leaves out.
        decode: returns the pixels `[h, w, samples]` of the bytes of one, and of its number.
    """

    offsets: Sequence[int]
    counts: Sequence[int]
    decode: Callable[[bytes, int], np.ndarray]


def _samples_together(page: tifffile.TiffPage) -> int:
    """Returns the number of samples that a tile or strip has of a pixel."""
    return page.samplesperpixel if page.planarconfig == tifffile.PLANARCONFIG.CONTIG else 1


def _pieces(series: tifffile.TiffPageSeries, number: int, grid: _Grid) -> _Pieces:
    """Returns the pieces of a page, by its number in a series.

    Raises:
        NotOneImage: there is no such page.
    """
    keyframe = series.keyframe
    # The pages of a large stack of ImageJ lie behind the first, and are not listed.
    page = series[0 if number >= len(series) else number]
    if page is None:
        raise NotOneImage("must have all pages; one lies in another file. Save them in one file.")
    shift = number * keyframe.nbytes if number >= len(series) else 0
    if grid.is_raw:
        return _rows(keyframe, [offset + shift for offset in page.dataoffsets], grid)
    together = keyframe.samplesperpixel // _samples_together(keyframe)
    if shift or len(page.dataoffsets) < together * grid.across * grid.down:
        raise NotOneImage("must have all tiles or strips of its header. Replace the file.")
    decode, tables = keyframe.decode, {"jpegtables": page.jpegtables}
    tables["jpegheader"] = keyframe.jpegheader

    def decoded(data: bytes, index: int) -> np.ndarray:
        pixels: Any = decode(data, index, **tables)[0]  # [1, h, w, samples]
        return pixels[0]

    return _Pieces(page.dataoffsets, page.databytecounts, decoded)


def _rows(page: tifffile.TiffPage, starts: Sequence[int], grid: _Grid) -> _Pieces:
    """Returns the pieces of strips without compression, one for each start: rows of them."""
    samples = _samples_together(page)
    stored = np.dtype(page.dtype).newbyteorder(page.parent.byteorder)
    row_bytes = page.imagewidth * samples * stored.itemsize
    tops = range(0, page.imagelength, grid.height)

    def decoded(data: bytes, index: int) -> np.ndarray:
        return np.frombuffer(data, stored).reshape(-1, page.imagewidth, samples)

    return _Pieces(
        [start + top * row_bytes for start in starts for top in tops],
        [min(grid.height, page.imagelength - top) * row_bytes for top in tops] * len(starts),
        decoded,
    )


def read_piece(path: Path, pieces: _Pieces, index: int) -> np.ndarray | None:
    """Reads one tile or strip `[h, w, samples]`, or None for one that the file leaves out.

    Raises:
        InputError: it is damaged.
    """
    offset, count = pieces.offsets[index], pieces.counts[index]
    if not count:
        return None
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(count)
        if len(data) < count:
            raise ValueError("its end is missing")
        return pieces.decode(data, index)
    except Exception as error:  # decoders raise many kinds of errors for damaged bytes
        raise damaged(path, error) from error


def _overlaps(wanted: range, size: int) -> Iterator[tuple[int, slice, slice]]:
    """Yields the pieces of `size` that overlap `wanted`: number, slice of `wanted`, of it."""
    for number in range(wanted.start // size, -(-wanted.stop // size)):
        start = number * size
        first, end = (
            min(max(0, -((wanted.start - edge) // wanted.step)), len(wanted))
            for edge in (start, start + size)
        )
        if first < end:
            inside = slice(wanted[first] - start, wanted[end - 1] - start + 1, wanted.step)
            yield number, slice(first, end), inside
