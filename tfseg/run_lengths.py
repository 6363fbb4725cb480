"""COCO's run lengths: masks as counts of pixels, and counts as compressed strings.

The counts `[N]` of a mask alternate between pixels outside and inside, column by column, starting
with pixels outside.

Source: https://cocodataset.org, "Data Format"; maskApi.c of https://github.com/cocodataset/cocoapi.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

_BITS = 5  # of a number per character; the sixth bit is set if more characters follow


def encode(mask: np.ndarray, *, y: int, x: int, shape: tuple[int, int]) -> np.ndarray:
    """Returns the counts `[N]` int64 of a mask in an image.

    Args:
        mask: `[h, w]` bool, a window of the image with at least one pixel inside.
        y: row of the upper left corner of the window in the image.
        x: its column.
        shape: (height, width) of the image.
    """
    height, width = shape
    column, row = np.nonzero(mask.T)
    pixels = (column + x) * height + row + y
    breaks = np.flatnonzero(np.diff(pixels) != 1)
    starts = pixels[np.concatenate([[0], breaks + 1])]
    ends = pixels[np.concatenate([breaks, [len(pixels) - 1]])] + 1
    return _counts(starts, ends, height * width)


def encode_ids(ids: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the ids of `[H, W]` except 0, ascending, with the counts `[N]` int64 of each."""
    flat = ids.ravel(order="F")
    starts = np.flatnonzero(np.append(flat.size > 0, flat[1:] != flat[:-1]))
    ends = np.append(starts[1:], flat.size)
    run_ids = flat[starts]
    order = np.argsort(run_ids, kind="stable")
    for name, group in itertools.groupby(order.tolist(), key=lambda run: int(run_ids[run])):
        if name != 0:
            runs = list(group)
            yield name, _counts(starts[runs], ends[runs], flat.size)


def decode(counts: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Returns the mask `[H, W]` bool of counts.

    Args:
        counts: `[N]` int64.
        shape: (height, width) of the image.

    Raises:
        ValueError: a count is negative, or their sum is not the number of pixels of the image.
    """
    mask = np.zeros(shape, bool)
    part, y, x = decode_box(counts, shape)
    mask[y : y + part.shape[0], x : x + part.shape[1]] = part
    return mask


def decode_box(counts: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, int, int]:
    """Returns the mask of counts in the least window that has all its pixels.

    Args:
        counts: `[N]` int64.
        shape: (height, width) of the image.

    Returns:
        The mask `[h, w]` bool, and the row and the column of its upper left corner in the image.

    Raises:
        ValueError: as `decode`.
    """
    height, width = shape
    if counts.size and counts.min() < 0:
        raise ValueError(f"a run of {counts.min()} pixels")
    total = sum(counts.tolist())  # of Python integers, which do not overflow
    if total != height * width:
        raise ValueError(f"runs of {total} pixels for {height} x {width}")
    edges = np.cumsum(counts)
    ends = edges[1::2]
    starts = ends - counts[1::2]
    starts, ends = starts[starts < ends], ends[starts < ends]
    if not starts.size:
        return np.zeros((0, 0), bool), 0, 0
    left, right = int(starts[0]) // height, (int(ends[-1]) - 1) // height + 1
    runs = np.diff(np.stack([starts, ends], axis=1).ravel(), prepend=left * height)
    columns = np.zeros((right - left) * height, bool)
    columns[: ends[-1] - left * height] = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    mask = columns.reshape(right - left, height).T
    rows = np.flatnonzero(mask.any(axis=1))
    return mask[rows[0] : rows[-1] + 1], int(rows[0]), left


def compress(counts: np.ndarray) -> str:
    """Returns the compressed string of counts `[N]`; `decompress` explains its format."""
    values = counts.astype(np.int64)
    values[3:] -= counts[1:-2]
    text = []
    for value in values.tolist():
        while True:
            code, value = value & 31, value >> _BITS
            more = value != (-1 if code & 16 else 0)
            text.append(chr(48 + code + 32 * more))
            if not more:
                break
    return "".join(text)


def decompress(text: str) -> np.ndarray:
    """Returns the counts `[N]` int64 of a compressed string.

    Every count is a little-endian number with 5 bits per character, plus 48. The sixth bit is set
    if more characters follow, and the fifth bit of the last character is the sign. From the fourth
    count on, the string has the difference from the count two positions before.

    Source: rleFrString in maskApi.c.

    Raises:
        ValueError: a character is not allowed, or the string ends within a number.
    """
    codes = np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int64) - 48
    if not codes.size:
        return codes
    ends = np.flatnonzero(codes & 32 == 0)
    if codes.min() < 0 or codes.max() > 63 or not ends.size or ends[-1] != len(codes) - 1:
        raise ValueError("not a run length string")
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > 12:  # 60 bits
        raise ValueError("a run of more pixels than an image can have")
    digits = np.arange(len(codes)) - np.repeat(starts, lengths)
    values = np.add.reduceat((codes & 31) << (_BITS * digits), starts)
    values -= np.where(codes[ends] & 16, np.int64(1) << (_BITS * lengths), 0)
    for first in (1, 2):
        values[first::2] = np.cumsum(values[first::2])
    return values


def _counts(starts: np.ndarray, ends: np.ndarray, num_pixels: int) -> np.ndarray:
    """Returns the counts of runs from `starts` to `ends` (excluded) among `num_pixels`."""
    edges = np.stack([starts, ends], axis=1).ravel()
    counts = np.diff(edges, prepend=0, append=num_pixels)
    return counts if counts[-1] else counts[:-1]  # COCO has no empty run at the end
