"""Windows of large images for the gallery, where a picture of the image would show no instance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from tfseg.evaluation.report.outcomes import Outcomes, is_wrong
from tfseg.large_arrays import Windows
from tfseg.metrics import Pair

SIDE = 512  # pixels
MOST = 12  # windows of an image


def windows_of(
    pair: Pair, image: np.ndarray | Windows | None, outcomes: Outcomes
) -> Iterator[tuple[Pair, np.ndarray | None, Outcomes]]:
    """Yields the windows of a grid with the most wrong instances, as small images.

    Without a wrong instance, they are those with the most instances. An instance belongs to the
    window in which the middle of its box lies, and only that shows it.

    Args:
        pair: of the image.
        image: `[H, W, C]`; None without an image file.
        outcomes: of the instances of the image.
    """
    height, width = pair.truth.shape
    across = -(-width // SIDE)
    cells = [_cells(table, across) for table in outcomes]
    wrong = [cell[part] for cell, part in zip(cells, is_wrong(outcomes), strict=True)]
    counted = np.concatenate(wrong if sum(map(len, wrong)) else cells)
    ranked, numbers = np.unique(counted, return_counts=True)
    for cell in ranked[np.argsort(-numbers, kind="stable")][:MOST].tolist():
        top, left = (SIDE * index for index in divmod(cell, across))
        bottom, right = min(top + SIDE, height), min(left + SIDE, width)
        window = slice(top, bottom), slice(left, right)
        tables = (
            _moved(table[cell_of == cell], window)
            for table, cell_of in zip(outcomes, cells, strict=True)
        )
        part = pair._replace(
            id=f"{pair.id}, rows {top} to {bottom}, columns {left} to {right}",
            truth=np.array(pair.truth[window]),
            prediction=np.array(pair.prediction[window]),
        )
        yield part, None if image is None else np.array(image[window]), Outcomes(*tables)


def _cells(table: pd.DataFrame, across: int) -> np.ndarray:
    """Returns the number of the window of each instance, row by row."""
    y, x = (table["top"] + table["bottom"]) // 2, (table["left"] + table["right"]) // 2
    return (y // SIDE * across + x // SIDE).to_numpy(np.int64)


def _moved(table: pd.DataFrame, window: tuple[slice, slice]) -> pd.DataFrame:
    """Returns a table with the boxes in a window, without what lies beyond it."""
    sides = {}
    for part, names in zip(window, (("top", "bottom"), ("left", "right")), strict=True):
        for name in names:
            sides[name] = table[name].clip(part.start, part.stop) - part.start
    return table.assign(**sides).reset_index(drop=True)
