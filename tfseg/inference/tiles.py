"""Large images: maps tile by tile, decoded window by window.

The maps of some rows of the image are held, never of all; large ones are on the disk, and so are
the ids of a large image. The result is that of the whole image if instances are at most a quarter
of a tile long, because

- a pixel of the maps is taken from a tile in which it is at least the network's context away from
  any cut, and tiles start at multiples of the network's stride;
- an instance with a pixel in the core of a window lies completely in the window, and windows start
  at multiples of the cells in which pixels look up their centre (`kernels.votes`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfseg import checks, large_arrays
from tfseg.checks import InputError
from tfseg.inference.instances import Instances
from tfseg.inference.joining import Joined
from tfseg.networks.layers import STRIDE

# Sides of tiles are multiples of it, and windows begin there: so the cells of up to this side are
# those of the image. They reach 1,024 pixels.
MULTIPLE = 128
_USUAL = 1024  # pixels, the side of tiles if the context is at most 256
_LONGEST = 4  # instances of up to 1 / _LONGEST of a tile lie completely in a window

Network = Callable[[slice, slice], np.ndarray]
Decode = Callable[[np.ndarray], Instances]


class Plan(NamedTuple):
    """How an image is cut.

    Attributes:
        size: rows and columns of a tile, a multiple of `MULTIPLE`, at least `least_size(context)`.
        context: pixels beside a cut where maps depend on what lies beyond it.
    """

    size: int
    context: int


class Span(NamedTuple):
    """A part of an axis, from `start` to `end`, of which only the core is used."""

    start: int
    end: int
    core_start: int
    core_end: int

    @property
    def core(self) -> slice:
        """The core, counted from `start`."""
        return slice(self.core_start - self.start, self.core_end - self.start)


def predict_tiles(
    network: Network,
    shape: tuple[int, int, int],
    plan: Plan,
    *,
    decode: Decode,
    folder: Path | None = None,
) -> Instances:
    """Finds the instances of an image, tile by tile.

    Args:
        network: returns maps `[h, w, channels]` float32 of the given rows and columns of the image.
        shape: height and width of the image, channels of the maps.
        plan: size and overlap of the tiles.
        decode: returns the instances of maps of any size.
        folder: of the temporary files of a large image; None for that of temporary files.
    """
    height, width, _ = shape
    joined = Joined((height, width), folder)
    maps = _LastRows(network, shape, plan, folder)
    for rows in window_spans(height, plan.size):
        maps.compute(rows.end)
        for columns in window_spans(width, plan.size):
            window = maps[rows.start : rows.end, columns.start : columns.end]
            joined.add(decode(window), rows.start, columns.start, (rows.core, columns.core))
    return joined.instances()


def all_maps(network: Network, shape: tuple[int, int, int], plan: Plan) -> np.ndarray:
    """Returns the maps of an image, `[H, W, channels]`, in memory; see `predict_tiles`."""
    maps = np.empty(shape, np.float32)
    for rows in tile_spans(shape[0], plan):
        for columns, part in _row_of_tiles(network, rows, shape[1], plan):
            maps[rows.core_start : rows.core_end, columns] = part
    return maps


class _LastRows:
    """The maps of the last rows that were computed: of those of a window, and of a row of tiles.

    The row r of the image is the row r modulo their number, so that none is ever moved.
    """

    def __init__(
        self, network: Network, shape: tuple[int, int, int], plan: Plan, folder: Path | None
    ) -> None:
        height, self._width, channels = shape
        self._network, self._plan = network, plan
        self._rows = iter(tile_spans(height, plan))
        self._end = 0  # of the rows computed so far
        window = max(span.end - span.start for span in window_spans(height, plan.size))
        number = min(height, window + plan.size)
        self._maps = large_arrays.zeros((number, self._width, channels), np.float32, folder)

    def compute(self, end: int) -> None:
        """Computes the rows up to `end`, which overwrite the first ones."""
        while self._end < end:
            rows = next(self._rows)
            for columns, part in _row_of_tiles(self._network, rows, self._width, self._plan):
                self._maps[self._held(rows.core_start, rows.core_end), columns] = part
                large_arrays.release(self._maps)
            self._end = rows.core_end

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        rows, columns = window
        maps = np.asarray(self._maps[self._held(rows.start, rows.stop), columns])
        large_arrays.release(self._maps)
        return maps

    def _held(self, start: int, end: int) -> np.ndarray:
        return np.arange(start, end) % len(self._maps)


def _row_of_tiles(
    network: Network, rows: Span, width: int, plan: Plan
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields the columns of the core of every tile, and its maps `[h, w, channels]`."""
    for columns in tile_spans(width, plan):
        maps = network(slice(rows.start, rows.end), slice(columns.start, columns.end))
        yield slice(columns.core_start, columns.core_end), maps[rows.core, columns.core]


def check_size(size: int, context: int | None) -> None:
    """Checks the side of tiles for a network with this context; None: it sees whole images.

    Raises:
        InputError: no multiple of `MULTIPLE`, or too small.
    """
    checks.integer("tile", size, low=0)
    if size % MULTIPLE:
        raise InputError(
            f"tile must be a multiple of {MULTIPLE}, or 0 for no tiles; got {size}. "
            f"Use {-(-size // MULTIPLE) * MULTIPLE}."
        )
    least = least_size(context or 0)
    if size < least:
        raise InputError(
            f"tile must be at least {least}, or 0 for no tiles, because this network looks "
            f"{context} pixels far; got {size}. Use {least}."
        )


def least_size(context: int) -> int:
    """Returns the least side of tiles for a network with this context, a multiple of `MULTIPLE`."""
    return -(-(2 * _margin(context) + STRIDE) // MULTIPLE) * MULTIPLE


def suitable_size(context: int) -> int:
    """Returns a side of tiles of which at least half are core: pixels are computed four times."""
    return max(_USUAL, -(-4 * _margin(context) // MULTIPLE) * MULTIPLE)


def tile_spans(length: int, plan: Plan) -> list[Span]:
    """Returns the tiles along one axis; their cores are the context away from all cuts."""
    size, margin = plan.size, _margin(plan.context)
    starts = range(0, max(1, length - 2 * margin), size - 2 * margin) if length > size else [0]
    spans = []
    for start in starts:
        end = min(start + size, length)
        core_end = end if end == length else end - margin
        spans.append(Span(start, end, start + margin if start else 0, core_end))
    return spans


def window_spans(length: int, size: int) -> list[Span]:
    """Returns the windows along one axis; their cores are the longest instance away from cuts."""
    longest = size // _LONGEST
    spans = []
    for core_start in range(0, length, size):
        core_end = min(core_start + size, length)
        start = max(0, core_start - longest) // MULTIPLE * MULTIPLE
        spans.append(Span(start, min(core_end + longest, length), core_start, core_end))
    return spans


def _margin(context: int) -> int:
    """Returns the context, rounded up so that tiles start at multiples of the stride."""
    return -(-context // STRIDE) * STRIDE
