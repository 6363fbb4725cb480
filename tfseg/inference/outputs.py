"""Predicted instances as a table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tfseg.checks import InputError


def instance_table(label: np.ndarray, scores: np.ndarray) -> pd.DataFrame:
    """Returns a row for every instance of an image.

    Args:
        label: `[H, W]` int32 ids 1 to N, 0 = background.
        scores: `[N]` float32 in [0, 1]; `scores[i]` is that of id i + 1.

    Returns:
        Columns `id`; `area` in pixels; `centroid_y`, `centroid_x` in pixels, pixel centres on
        integers; `box_top`, `box_left`, `box_bottom`, `box_right` in pixels, the last two just
        outside the instance (`label[top:bottom, left:right]` holds it); `score`. Ascending ids; an
        id without a pixel has no row.

    Raises:
        InputError: an id has no score.
    """
    y, x = np.nonzero(label > 0)
    ids = label[y, x].astype(np.int64)
    count = len(scores)
    if ids.size and ids.max() > count:
        raise InputError(f"Every id must have a score; got the id {ids.max()} and {count} scores.")
    size = count + 1
    area = np.bincount(ids, minlength=size)
    present = np.flatnonzero(area)
    top_left, bottom_right = np.full((2, size), max(label.shape)), np.zeros((2, size), np.int64)
    for axis, position in enumerate((y, x)):
        np.minimum.at(top_left[axis], ids, position)
        np.maximum.at(bottom_right[axis], ids, position + 1)
    centroid_y, centroid_x = (
        np.bincount(ids, weights=position, minlength=size)[present] / area[present]
        for position in (y, x)
    )
    return pd.DataFrame(
        {
            "id": present,
            "area": area[present],
            "centroid_y": centroid_y,
            "centroid_x": centroid_x,
            "box_top": top_left[0, present],
            "box_left": top_left[1, present],
            "box_bottom": bottom_right[0, present],
            "box_right": bottom_right[1, present],
            "score": np.asarray(scores)[present - 1],
        }
    )
