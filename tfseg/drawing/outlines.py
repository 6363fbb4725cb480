"""Outlines of instances, exactly along the sides of their pixels."""

from __future__ import annotations

import numpy as np

_STEP = ((0, 1), (1, 0), (0, -1), (-1, 0))  # along the top, right, bottom, left side: clockwise
_OUT = ((-1, 0), (0, 1), (1, 0), (0, -1))  # across them, to the other pixel
_START = ((0, 0), (0, 1), (1, 1), (1, 0))  # the corner of the pixel where the side starts


def outlines(label: np.ndarray) -> dict[int, str]:
    """Returns the SVG path of every instance by id, in pixels, with holes and all parts.

    Args:
        label: `[H, W]` integer ids; 0 = background, and so are ids below 0.
    """
    return {name: "".join(map(_path, corners)) for name, corners in rings(label).items()}


def rings(label: np.ndarray) -> dict[int, list[list[tuple[int, int]]]]:
    """Returns the closed outlines of every instance by id: corners (y, x) in pixels, in order.

    Outer rings run clockwise in a picture, holes counter-clockwise. Pixels that touch at a corner
    are in one ring. (0, 0) is the upper left corner of the first pixel, (0.5, 0.5) its centre.

    Args:
        label: `[H, W]` integer ids; 0 = background, and so are ids below 0.
    """
    following, width = _sides(label)
    ids = np.pad(label, 1).ravel()
    rings_of: dict[int, list[list[tuple[int, int]]]] = {}
    while following:
        loop = _loop(following)
        rings_of.setdefault(int(ids[loop[0] // 4]), []).append(_corners(loop, width))
    return rings_of


def _sides(label: np.ndarray) -> tuple[dict[int, int], int]:
    """Returns for each side on an outline the next one, and the width of the padded label.

    A side is 4 x the position of its pixel in the padded label + 0, 1, 2, 3 for top, right, ...
    """
    padded = np.pad(np.maximum(label, 0), 1)
    width, flat = padded.shape[1], padded.ravel()
    (pixels,) = np.nonzero(flat)
    following: dict[int, int] = {}
    for side in range(4):
        step, out = (dy * width + dx for dy, dx in (_STEP[side], _OUT[side]))
        inside = pixels[flat[pixels] != flat[pixels + out]]
        ahead, diagonal = inside + step, inside + step + out
        turns_right = flat[ahead] != flat[inside]
        continues = ~turns_right & (flat[diagonal] != flat[inside])
        after = np.where(
            turns_right,
            4 * inside + (side + 1) % 4,
            np.where(continues, 4 * ahead + side, 4 * diagonal + (side - 1) % 4),
        )
        following.update(zip((4 * inside + side).tolist(), after.tolist(), strict=True))
    return following, width


def _loop(following: dict[int, int]) -> list[int]:
    """Removes the sides of one closed outline from `following`, and returns them in order."""
    side = next(iter(following))
    loop = []
    while side in following:
        loop.append(side)
        side = following.pop(side)
    return loop


def _corners(loop: list[int], width: int) -> list[tuple[int, int]]:
    corners = []
    for before, now in zip(loop[-1:] + loop[:-1], loop, strict=True):
        if before % 4 != now % 4:
            y, x = divmod(now // 4, width)
            corners.append((y - 1 + _START[now % 4][0], x - 1 + _START[now % 4][1]))
    return corners


def _path(ring: list[tuple[int, int]]) -> str:
    (top, left), *rest = ring
    text = [f"M{left} {top}"]
    for y, x in rest:
        text.append(f"v{y - top}" if x == left else f"h{x - left}")
        top, left = y, x
    return "".join(text) + "z"
