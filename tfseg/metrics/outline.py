"""The outline pixels of instances."""

from __future__ import annotations

import numpy as np


def outline_pixels(ids: np.ndarray, ignored: np.ndarray | None = None) -> np.ndarray:
    """Returns `[H, W]` bool: pixels of an instance with a neighbour (of 4) of another id.

    The edge of the image is not an outline.

    Args:
        ids: `[H, W]` integer ids; ids of 0 and below are not instances.
        ignored: `[H, W]` bool, pixels that do not count as neighbours.
    """
    outline = np.zeros(ids.shape, bool)
    for axis in (0, 1):
        # Views: the neighbours along rows, then along columns.
        labels, pixels = (np.moveaxis(array, axis, 0) for array in (ids, outline))
        differs = labels[1:] != labels[:-1]
        if ignored is not None:
            counted = np.moveaxis(~ignored, axis, 0)
            differs &= counted[1:] & counted[:-1]
        pixels[1:] |= differs
        pixels[:-1] |= differs
    return outline & (ids > 0)
