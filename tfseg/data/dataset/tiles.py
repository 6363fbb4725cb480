"""The tiles of a large image: a fixed grid, and windows that are read through it.

An image of more than 2 x 2 tiles is stored in tiles; a smaller one is a single tile, itself.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tfseg.checks import InputError
from tfseg.large_arrays import Windows

SIDE = 512  # pixels; see docs/large_images.md for others
_MOST_IN_ONE = 4  # tiles; an image of at most their pixels is one record
MOST_JOINED = 10**8  # pixels of an image in tiles that are read at once
_CACHE_BYTES = 2**27  # of the tiles that were read last

Slices = tuple[slice, slice]


class Grid(NamedTuple):
    """How an image of `height` x `width` pixels is divided; tiles are numbered row by row."""

    height: int
    width: int
    side: int = SIDE

    @property
    def down(self) -> int:
        """Number of rows of tiles."""
        return math.ceil(self.height / self.side)

    @property
    def across(self) -> int:
        """Number of tiles in a row."""
        return math.ceil(self.width / self.side)

    @property
    def num_tiles(self) -> int:
        """Number of tiles."""
        return self.down * self.across

    def slices(self, tile: int) -> Slices:
        """Returns the rows and columns of a tile; those at the far borders may be smaller."""
        top, left = (number * self.side for number in divmod(tile, self.across))
        return (
            slice(top, min(top + self.side, self.height)),
            slice(left, min(left + self.side, self.width)),
        )


def is_tiled(shape: Sequence[int], side: int = SIDE) -> bool:
    """Returns whether an image of this height and width is stored in tiles."""
    return shape[0] * shape[1] > _MOST_IN_ONE * side**2


def num_records(shape: Sequence[int], side: int = SIDE) -> int:
    """Returns how many records an image of this height and width is stored in."""
    return 1 + Grid(shape[0], shape[1], side).num_tiles if is_tiled(shape, side) else 1


def check_joined(id: str, height: int, width: int) -> None:
    """Refuses an image that is too large to be read at once.

    Raises:
        InputError: more than `MOST_JOINED` pixels.
    """
    if height * width > MOST_JOINED:
        raise InputError(
            f"{id!r} must have at most {MOST_JOINED} pixels to be read at once; it has "
            f"{height * width}. Read it by windows, Dataset.images, or convert it in regions, "
            "--split_regions 2048."
        )


class TiledArray(Windows):
    """An array `[H, W, ...]` that is read by windows: `array[rows, columns]`, or `array[rows]`.

    Rows and columns are slices with steps above 0, or numbers.

    Attributes:
        shape: of the array.
        dtype: of the array.
    """

    def __init__(
        self,
        shape: Sequence[int],
        dtype: np.dtype | type | str,
        read: Callable[[int], np.ndarray],
        *,
        side: int = SIDE,
    ) -> None:
        """Makes an array of tiles.

        Args:
            shape: of the array.
            dtype: of the array.
            read: returns a tile, given its number in the grid.
            side: of a tile, in pixels.
        """
        self.shape, self.dtype = tuple(shape), np.dtype(dtype)
        self.grid = Grid(self.shape[0], self.shape[1], side)
        size = side**2 * math.prod(self.shape[2:]) * self.dtype.itemsize
        self._read = functools.lru_cache(maxsize=max(1, _CACHE_BYTES // size))(read)

    def __getitem__(self, window: slice | int | tuple[slice | int, slice | int]) -> np.ndarray:
        """Reads the window of these rows and columns, and no tile outside it."""
        keys = window if isinstance(window, tuple) else (window, slice(None))
        side, across = self.grid.side, self.grid.across
        rows, columns = (
            range(length)[key] if isinstance(key, slice) else range(length)[key:][:1]
            for key, length in zip(keys, self.shape, strict=False)
        )
        pixels = np.empty((len(rows), len(columns), *self.shape[2:]), self.dtype)
        for tile_row, down, from_rows in _parts(rows, side):
            for tile_column, beside, from_columns in _parts(columns, side):
                tile = self._read(tile_row * across + tile_column)
                pixels[down, beside] = tile[from_rows, from_columns]
        return pixels[tuple(slice(None) if isinstance(key, slice) else 0 for key in keys)]

    def tiles(self) -> Iterator[np.ndarray]:
        """Yields the tiles, row by row."""
        return map(self._read, range(self.grid.num_tiles))


def _parts(wanted: range, side: int) -> Iterator[tuple[int, slice, slice]]:
    """Yields the tiles of rows or columns: number, slice of `wanted`, and slice of the tile."""
    first = 0
    while first < len(wanted):
        tile, inside = divmod(wanted[first], side)
        count = min(-(-(side - inside) // wanted.step), len(wanted) - first)
        yield (
            tile,
            slice(first, first + count),
            slice(inside, inside + (count - 1) * wanted.step + 1, wanted.step),
        )
        first += count
