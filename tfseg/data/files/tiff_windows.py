"""Reads windows of TIFF images, without the tiles or strips outside them."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile

from tfseg.data.files.decoding import damaged
from tfseg.data.files.limits import MAX_BYTES, NotOneImage
from tfseg.data.files.picture_windows import CACHE_BYTES, PictureWindows, overlaps
from tfseg.data.files.tiff_layout import Layout

_STRIP_BYTES = 2**20  # read at once of what is stored in one strip, without compression


class TiffWindows(PictureWindows):
    """A TIFF image `[H, W, C]` that is read one window at a time, see `PictureWindows`."""

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
        self._pages = layout.pages.tolist()
        self._reads = list(self._grid.reads(page, channels))
        super().__init__(
            (page.imagelength, page.imagewidth),
            np.full((1, 1, len(channels)), page.nodata, page.dtype),
            convert,
            num_planes=len(self._pages),
            projection=projection,
            tag=tag,
        )
        pieces = {
            number: _pieces(layout.series, number, self._grid) for number in layout.pages.flat
        }
        self._piece = functools.lru_cache(maxsize=max(1, CACHE_BYTES // self._grid.piece_bytes))(
            lambda number, index: read_piece(path, pieces[number], index)
        )

    def _fill(self, pixels: np.ndarray, plane: int, rows: range, columns: range) -> None:
        grid, pages = self._grid, self._pages[plane]
        for row, to_rows, from_rows in overlaps(rows, grid.height):
            for column, to_columns, from_columns in overlaps(columns, grid.width):
                for page, first, channels, samples in self._reads:
                    piece = self._piece(pages[page], first + row * grid.across + column)
                    if piece is not None:
                        window = piece[from_rows, from_columns]
                        pixels[to_rows, to_columns, channels] = window[..., samples]


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
