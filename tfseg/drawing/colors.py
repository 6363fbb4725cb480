"""Neighbouring instances, and colours that differ between neighbours."""

from __future__ import annotations

import numpy as np

from tfseg.large_arrays import Windows, bands

# The colours of Okabe and Ito, which differ for all kinds of colour vision; blue is brighter for
# outlines on dark images, and white replaces their black.
COLORS = np.array(
    [
        (230, 159, 0),
        (86, 180, 233),
        (0, 158, 115),
        (240, 228, 66),
        (70, 120, 255),
        (213, 94, 0),
        (204, 121, 167),
        (255, 255, 255),
    ],
    np.uint8,
)
_REACH = 3  # pixels, within which instances do not share a colour


def neighbours(label: np.ndarray | Windows, *, reach: int = 1) -> np.ndarray:
    """Returns the pairs of instances that have pixels at most `reach` rows and columns apart.

    Args:
        label: `[H, W]` integer ids; ids of 0 and below are no instances.
        reach: 1 for instances that touch by a side or a corner of a pixel.

    Returns:
        `[K, 2]` ids, the smaller one first, each pair once, ascending.
    """
    met = [np.zeros((0, 2), label.dtype)]
    for _, rows in bands(label, overlap=reach):
        met.append(_neighbours(rows, reach))
    return np.unique(np.concatenate(met), axis=0)


def _neighbours(label: np.ndarray, reach: int) -> np.ndarray:
    height, width = label.shape
    met = [np.zeros((0, 2), label.dtype)]
    for down in range(reach + 1):
        for across in range(-reach if down else 1, reach + 1):
            right, left = max(across, 0), max(-across, 0)
            one = label[down:, right : width - left]
            other = label[: height - down, left : width - right]
            both = (one != other) & (one > 0) & (other > 0)
            met.append(np.stack([one[both], other[both]], axis=1))
    return np.unique(np.sort(np.concatenate(met), axis=1), axis=0)


def color_neighbours(label: np.ndarray) -> np.ndarray:
    """Returns a picture of ids `[H, W]` in eight colours that differ between neighbours.

    A neighbour is at most 3 pixels away. An instance shares a colour with a neighbour only if its
    neighbours have all eight colours. The picture is `[H, W, 3]` uint8, 0 without an instance.
    """
    ids, numbers = np.unique(np.append(np.maximum(label, 0), 0), return_inverse=True)
    numbers = numbers[:-1].reshape(label.shape)  # 0 stays 0
    beside: list[list[int]] = [[] for _ in ids]
    for one, other in neighbours(numbers, reach=_REACH).tolist():
        beside[other].append(one)
    chosen = np.zeros(len(ids), int)
    for number in range(len(ids)):
        used = np.bincount(chosen[beside[number]], minlength=len(COLORS))
        # The search starts at another colour each time, so that all are used about equally often.
        order = np.roll(np.arange(len(COLORS)), -number)
        chosen[number] = order[np.argmin(used[order])]
    painted = COLORS[chosen[numbers]]
    painted[label <= 0] = 0
    return painted
