"""Large images: maps tile by tile, decoded window by window.

Memory holds the maps of some rows of the image, never of all. The result is that of the whole image
if instances are at most a quarter of a tile long, because

- a pixel of the maps is taken from a tile in which it is at least the network's context away from
  any cut, and tiles start at multiples of the network's stride;
- an instance with a pixel in the core of a window lies completely in the window, and windows start
  at multiples of the cells in which pixels look up their centre (`kernels.votes`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from tfseg import checks
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
    network: Network, shape: tuple[int, int, int], plan: Plan, *, decode: Decode
) -> Instances:
    """Finds the instances of an image, tile by tile.

    Args:
        network: returns maps `[h, w, channels]` float32 of the given rows and columns of the image.
        shape: height and width of the image, channels of the maps.
        plan: size and overlap of the tiles.
        decode: returns the instances of maps of any size.
    """
    height, width, _ = shape
    joined = Joined((height, width))
    parts = bands(network, shape, plan)
    held, first = next(parts), 0  # maps, and the row of the image where they start
    for rows in window_spans(height, plan.size):
        held, first = held[rows.start - first :], rows.start
        while first + len(held) < rows.end:
            held = np.concatenate([held, next(parts)])
        for columns in window_spans(width, plan.size):
            window = held[: rows.end - first, columns.start : columns.end]
            joined.add(decode(window), rows.start, columns.start, (rows.core, columns.core))
    return joined.instances()


def bands(network: Network, shape: tuple[int, int, int], plan: Plan) -> Iterator[np.ndarray]:
    """Yields the maps from top to bottom, `[rows, W, channels]` at a time; see `predict_tiles`."""
    height, width, channels = shape
    for rows in tile_spans(height, plan):
        band = np.empty((rows.core_end - rows.core_start, width, channels), np.float32)
        for columns in tile_spans(width, plan):
            maps = network(slice(rows.start, rows.end), slice(columns.start, columns.end))
            band[:, columns.core_start : columns.core_end] = maps[rows.core, columns.core]
        yield band


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
