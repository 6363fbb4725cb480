"""Outlines of instances, exactly along the sides of their pixels."""

from __future__ import annotations

import numpy as np

_STEP = ((0, 1), (1, 0), (0, -1), (-1, 0))  # along the top, right, bottom, left side: clockwise
_OUT = ((-1, 0), (0, 1), (1, 0), (0, -1))  # across them, to the other pixel
_START = ((0, 0), (0, 1), (1, 1), (1, 0))  # the corner of the pixel where the side starts


def outlines(label: np.ndarray) -> dict[int, str]:
    """Returns the SVG path of every instance, holes and all parts included, in pixels, by id.

    Args:
        label: `[H, W]` integer ids; 0 = background, and so are ids below 0.
    """
    return {own: "".join(map(_path, found)) for own, found in rings(label).items()}


def rings(label: np.ndarray) -> dict[int, list[list[tuple[int, int]]]]:
    """Returns the closed outlines of every instance by id: corners (y, x) in pixels, in turn.

    The instance lies to the right of the way: outer rings run clockwise as seen in a picture, holes
    the other way round. Pixels that touch at a corner are in one ring. The corner (0, 0) is that of
    the first pixel, whose centre is at (0.5, 0.5).

    Args:
        label: `[H, W]` integer ids; 0 = background, and so are ids below 0.
    """
    following, width = _sides(label)
    ids = np.pad(label, 1).ravel()
    found: dict[int, list[list[tuple[int, int]]]] = {}
    while following:
        loop = _loop(following)
        found.setdefault(int(ids[loop[0] // 4]), []).append(_corners(loop, width))
    return found


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
        here = pixels[flat[pixels] != flat[pixels + out]]
        ahead, diagonal = here + step, here + step + out
        turns_right = flat[ahead] != flat[here]
        goes_on = ~turns_right & (flat[diagonal] != flat[here])
        after = np.where(
            turns_right,
            4 * here + (side + 1) % 4,
            np.where(goes_on, 4 * ahead + side, 4 * diagonal + (side - 1) % 4),
        )
        following.update(zip((4 * here + side).tolist(), after.tolist(), strict=True))
    return following, width


def _loop(following: dict[int, int]) -> list[int]:
    """Takes the sides of one closed outline out of `following`."""
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
