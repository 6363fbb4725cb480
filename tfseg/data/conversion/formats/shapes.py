"""Pixels of outlines.

Coordinates are (x, y), continuous, in pixels: the pixel in row i and column j covers the square
[j, j + 1) x [i, i + 1), as in COCO. It belongs to an outline if its centre (j + .5, i + .5) lies
inside by the even-odd rule; a centre exactly on the outline belongs to it on the left and upper
side. Parts beyond the image are cut off.

This is what `skimage.draw.polygon` gives for the outline moved by half a pixel, which tests every
pixel against every edge (0.8 s for 1000 x 1000 pixels and 300 corners; 7 ms here). Pillow cuts
corners to whole pixels and paints the outline too: a square from 2 to 8 gets 49 pixels, not 36.
pycocotools traces the outline on a grid five times finer, and differs by pixels along the edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_MOST_CROSSINGS = 2**18  # held at once, 100 bytes each


class Region(NamedTuple):
    """A set of pixels of an image, in a window.

    Attributes:
        mask: `[h, w]` bool: which pixels of the window belong to the region.
        y: row of the upper left corner of the window in the image.
        x: column of that corner.
    """

    mask: np.ndarray
    y: int = 0
    x: int = 0


def polygon(rings: Sequence[np.ndarray], shape: tuple[int, int]) -> Region:
    """Fills one or several outlines.

    A ring that runs the other way round and lies, for the most part, inside the area of the larger
    ones is a hole. Any other ring is a further part. A ring that is listed twice is one, whichever
    way it runs and wherever it starts.

    Args:
        rings: at least one, each `[N, 2]` finite (x, y), N from 3 on; the last corner is joined to
            the first.
        shape: (height, width) of the image.
    """
    if len(rings) > 1:
        rings = list({_edges(ring): ring for ring in reversed(rings)}.values())[::-1]
    corners = np.concatenate(rings)
    limits = np.array([shape[1], shape[0]])
    low = np.clip(np.floor(corners.min(axis=0)), 0, limits).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)), low, limits).astype(int)
    width, height = (high - low).tolist()
    areas = [_signed_area(ring - low) for ring in rings]
    mask = np.zeros((height, width), bool)
    parts: list[float] = []
    for index in sorted(range(len(rings)), key=lambda index: -abs(areas[index])):
        filled = _fill(rings[index] - low, (height, width))
        turned = any(part * areas[index] < 0 for part in parts)
        if turned and 2 * np.count_nonzero(filled & ~mask) < np.count_nonzero(filled):
            mask &= ~filled
        else:
            mask |= filled
            parts.append(areas[index])
    return Region(mask, int(low[1]), int(low[0]))


def placed(mask: np.ndarray, y: int, x: int, shape: tuple[int, int]) -> Region:
    """Returns the part of a `mask` `[h, w]` bool, put at (y, x), that lies in an image."""
    top, left = np.clip([-y, -x], 0, mask.shape)
    bottom, right = np.clip([shape[0] - y, shape[1] - x], (top, left), mask.shape)
    low = np.clip([y, x], 0, shape)
    return Region(mask[top:bottom, left:right], int(low[0]), int(low[1]))


def joined(regions: Sequence[Region]) -> Region:
    """Returns the union of at least one region."""
    top, left = min(part.y for part in regions), min(part.x for part in regions)
    bottom = max(part.y + part.mask.shape[0] for part in regions)
    right = max(part.x + part.mask.shape[1] for part in regions)
    mask = np.zeros((bottom - top, right - left), bool)
    for part in regions:
        (height, width), y, x = part.mask.shape, part.y - top, part.x - left
        mask[y : y + height, x : x + width] |= part.mask
    return Region(mask, top, left)


def resampled(region: Region, size: tuple[int, int], level: tuple[int, int]) -> Region:
    """Returns the pixels of a region in a level of a pyramid.

    A pixel of the level belongs to it if the pixel of level 0 at its centre does.

    Args:
        region: in level 0.
        size: height and width of level 0.
        level: height and width of the level.
    """
    (rows, y), (columns, x) = (
        _of_level(start, length, full, side)
        for start, length, full, side in zip(
            region[1:], region.mask.shape, size, level, strict=True
        )
    )
    return Region(region.mask[rows][:, columns], y, x)


def _of_level(start: int, length: int, full: int, side: int) -> tuple[np.ndarray, int]:
    """Returns which lines of a mask the lines of a level take, and the first of these."""
    first, end = start * side // full, min(-(-(start + length) * side // full), side)
    lines = (2 * np.arange(first, end) + 1) * full // (2 * side) - start
    inside = (lines >= 0) & (lines < length)
    return lines[inside], first + int(np.argmax(inside)) if inside.any() else first


def circle(center: np.ndarray, radius: float) -> np.ndarray:
    """Returns the outline `[64, 2]` of a circle about `center` `[2]`, as (x, y)."""
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    return center + radius * np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def ellipse(center: np.ndarray, radii: np.ndarray, angle: float) -> np.ndarray:
    """Returns the outline `[64, 2]` of an ellipse about `center` `[2]`, as (x, y).

    Args:
        center: (x, y).
        radii: `[2]`, along x and y before it is turned.
        angle: in radians, clockwise as one sees it.
    """
    cosine, sine = np.cos(angle), np.sin(angle)
    return circle(np.zeros(2), 1) * radii @ np.array([[cosine, sine], [-sine, cosine]]) + center


def _fill(ring: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Returns `[h, w]` bool: pixels with centres inside the ring, by the even-odd rule.

    An edge crosses the rows with centres in the half-open range of its heights; to the right of a
    crossing, inside and outside are swapped.
    """
    height, width = shape
    starts, stops = ring, np.roll(ring, -1, axis=0)
    heights = np.stack([starts[:, 1], stops[:, 1]])
    rows = np.clip(np.ceil(heights - 0.5), 0, height).astype(np.int64)
    first, counts = rows.min(axis=0), np.abs(rows[1] - rows[0])
    changes = np.zeros((height, width + 1), np.uint8)
    for edges in _portions(counts):
        edge = np.repeat(edges, counts[edges])
        begins = np.cumsum(counts[edges]) - counts[edges]
        row = first[edge] + np.arange(len(edge)) - np.repeat(begins, counts[edges])
        (x, y), (dx, dy) = starts[edge].T, (stops - starts)[edge].T
        crossing = x + (row + 0.5 - y) / dy * dx
        column = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.int64)
        np.bitwise_xor.at(changes, (row, column), 1)
    return np.bitwise_xor.accumulate(changes, axis=1)[:, :width].astype(bool)


def _portions(counts: np.ndarray) -> list[np.ndarray]:
    """Splits the indices of `counts` into groups with a bounded sum, or of one index."""
    ends = np.cumsum(counts)
    limits = np.arange(_MOST_CROSSINGS, int(ends[-1]), _MOST_CROSSINGS)
    return np.split(np.arange(len(counts)), np.unique(np.searchsorted(ends, limits)))


def _edges(ring: np.ndarray) -> bytes:
    """Returns the edges of a ring as a key: equal for a ring turned round or begun elsewhere."""
    ends = np.stack([ring, np.roll(ring, -1, axis=0)])
    is_later = (ends[0, :, 0] > ends[1, :, 0]) | (
        (ends[0, :, 0] == ends[1, :, 0]) & (ends[0, :, 1] > ends[1, :, 1])
    )
    ends = np.where(is_later[:, None], ends[::-1], ends)
    edges = np.concatenate(ends[:, (ends[0] != ends[1]).any(axis=1)], axis=1)
    return np.unique(edges, axis=0).tobytes()


def _signed_area(ring: np.ndarray) -> float:
    """Returns the area inside a ring; its sign is the direction of the ring."""
    x, y = ring.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
