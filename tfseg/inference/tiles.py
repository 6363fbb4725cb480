"""Large images: maps tile by tile, blended where tiles overlap, decoded window by window.

Memory holds the maps of one row of tiles, never of the image. The result is the same as without
tiles if the receptive field of the network is at most `reach` and instances are at most a quarter
of a tile long: then a window with part of an instance in its core contains the full instance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from tfseg.inference.instances import Instances
from tfseg.inference.joining import Joined

MULTIPLE = 128  # of a tile's side, so that tiles start at multiples of the networks' stride, 32
_OVERLAP = 4  # neighbouring tiles overlap by 1 / _OVERLAP of their side
_FADE = 8  # tiles are blended in 1 / _FADE of the overlap; the rest is a margin

Network = Callable[[slice, slice], np.ndarray]
Decode = Callable[[np.ndarray], Instances]


def predict_tiles(
    network: Network, decode: Decode, shape: tuple[int, int, int], *, size: int
) -> Instances:
    """Finds the instances of an image, tile by tile.

    Args:
        network: returns maps `[h, w, channels]` float32 of the given rows and columns of the image.
        decode: returns the instances of such maps, of any size.
        shape: height and width of the image, channels of the maps.
        size: rows and columns of a tile, a multiple of `MULTIPLE`.
    """
    context = size // _OVERLAP
    joined = Joined(shape[:2])
    first = 0  # row of the window in the image
    for maps, rows in _with_context(_bands(network, shape, size), context):
        for start in range(0, shape[1], size):
            left, right = max(0, start - context), start + size + context
            columns = slice(start - left, min(start + size, shape[1]) - left)
            joined.add(decode(maps[:, left:right]), first, left, (rows, columns))
        first += rows.stop - context  # the next window repeats 2 x context rows
    return joined.instances()


def reach(size: int) -> int:
    """Returns the largest receptive field, pixels, with which tiles of `size` change nothing."""
    overlap = size // _OVERLAP
    return (overlap - overlap // _FADE) // 2


def tile_spans(length: int, size: int) -> list[tuple[int, int]]:
    """Returns start and end of overlapping tiles along one axis."""
    overlap = size // _OVERLAP
    starts = range(0, max(1, length - overlap), size - overlap)
    return [(start, min(start + size, length)) for start in starts]


def blend_weights(start: int, end: int, length: int, size: int) -> np.ndarray:
    """Returns the weight of each row of a tile; the weights of all tiles add up to 1."""
    overlap = size // _OVERLAP
    fade = overlap // _FADE
    rising = np.clip((np.arange(overlap) - reach(size) + 0.5) / fade, 0, 1).astype(np.float32)
    weights = np.ones(end - start, np.float32)
    if start > 0:
        weights[:overlap] = rising
    if end < length:
        weights[-overlap:] = 1 - rising
    return weights


def _bands(network: Network, shape: tuple[int, int, int], size: int) -> Iterator[np.ndarray]:
    """Yields the blended maps from top to bottom, `[rows, W, channels]` at a time."""
    height, width, channels = shape
    carried = np.zeros((0, width, channels), np.float32)
    for top, bottom in tile_spans(height, size):
        band = np.zeros((bottom - top, width, channels), np.float32)
        for left, right in tile_spans(width, size):
            maps = network(slice(top, bottom), slice(left, right))
            weights = np.outer(
                blend_weights(top, bottom, height, size), blend_weights(left, right, width, size)
            )
            band[:, left:right] += weights[..., None] * maps
        band[: len(carried)] += carried
        finished = len(band) if bottom == height else size - size // _OVERLAP
        yield band[:finished]
        carried = band[finished:]


def _with_context(bands: Iterator[np.ndarray], context: int) -> Iterator[tuple[np.ndarray, slice]]:
    """Yields bands with up to `context` extra rows on both sides, and the rows of their core."""
    held, above = next(bands), 0
    for band in bands:
        held = np.concatenate([held, band])
        yield held, slice(above, len(held) - context)
        above = context
        held = held[-2 * context :]
    yield held, slice(above, len(held))
