"""Which instances lie beside each other, and colours of which neighbours never share one."""

from __future__ import annotations

import numpy as np

# Okabe and Ito's colours, told apart by all kinds of colour vision; blue is brighter here, for
# outlines on dark images, and white stands for their black.
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
_REACH = 3  # pixels, within which instances are not to share a colour


def neighbours(label: np.ndarray, *, reach: int = 1) -> np.ndarray:
    """Returns the pairs of instances that have pixels at most `reach` rows and columns apart.

    Args:
        label: `[H, W]` integer ids; ids of 0 and below are no instances.
        reach: 1 finds those that touch by a side or a corner of a pixel.

    Returns:
        `[K, 2]` ids, the smaller one first, each pair once, ascending.
    """
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
    """Paints ids `[H, W]` in few colours that are far apart; neighbours have different ones.

    A neighbour is at most 3 pixels away. Only an instance whose neighbours have all the eight
    colours shares one with some of them. Returns `[H, W, 3]` uint8, 0 where there is no instance.
    """
    ids, numbers = np.unique(np.append(np.maximum(label, 0), 0), return_inverse=True)
    numbers = numbers[:-1].reshape(label.shape)  # 0 stays 0
    beside: list[list[int]] = [[] for _ in ids]
    for one, other in neighbours(numbers, reach=_REACH).tolist():
        beside[other].append(one)
    chosen = np.zeros(len(ids), int)
    for number in range(len(ids)):
        used = np.bincount(chosen[beside[number]], minlength=len(COLORS))
        # From another colour on each time, so that all of them are used about as often.
        order = np.roll(np.arange(len(COLORS)), -number)
        chosen[number] = order[np.argmin(used[order])]
    painted = COLORS[chosen[numbers]]
    painted[label <= 0] = 0
    return painted
