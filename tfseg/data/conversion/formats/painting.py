"""Painting instances that may overlap into one id map."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from tfseg.checks import InputError
from tfseg.data.conversion.formats.base import Sample
from tfseg.data.conversion.formats.shapes import Region
from tfseg.data.dataset.records import instance_ids
from tfseg.ids import IGNORE

_BLOCK = 2**22  # pixels looked up at once


def paint(
    image: np.ndarray, regions: Iterable[tuple[Region, int]], *, overlap: str, name: Path
) -> Sample:
    """Paints instances with the ids 1, 2, ... in their order; a pixel gets at most one id.

    The regions are taken one at a time and need not all be in memory.

    Args:
        image: `[H, W, C]`.
        regions: regions inside the image, each with its class from 1 on, or with `IGNORE`: then its
            pixels outside of all instances are ignored.
        overlap: as in `Reading`.
        name: image file, for errors.

    Raises:
        InputError: two instances overlap and `overlap` is "error".
    """
    label = np.zeros(image.shape[:2], np.int32)
    ignored, contested = np.zeros((2, *label.shape), bool)
    areas = np.zeros(64, np.int64)
    classes: list[int] = []
    for (mask, y, x), class_index in regions:
        window = slice(y, y + mask.shape[0]), slice(x, x + mask.shape[1])
        if class_index == IGNORE:
            ignored[window] |= mask
            continue
        classes.append(class_index)
        id = len(classes)
        if id == len(areas):
            areas = np.concatenate([areas, np.zeros_like(areas)])
        areas[id] = np.count_nonzero(mask)
        claimed = mask & (label[window] > 0)
        if overlap == "error" and claimed.any():
            raise InputError(_refused(name, claimed, id, label[window]))
        contested[window] |= claimed
        if overlap == "smaller_wins" and claimed.any():
            claimed &= ~_larger(label[window], areas > areas[id])
        label[window][mask & ~claimed] = id
    visible = instance_ids(label)
    label[ignored & (label == 0)] = IGNORE
    return Sample(
        image,
        label,
        np.array(classes, np.int64)[visible - 1],
        overlap_pixels=int(np.count_nonzero(contested)),
        hidden_instances=len(classes) - len(visible),
    )


def renumbered(values: np.ndarray, present: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Replaces values by ids.

    Args:
        values: `[H, W]` integers.
        present: `[N]`, the values that occur, ascending.
        ids: `[N]`, the id of each of them.

    Returns:
        `[H, W]` int32.
    """
    made = np.empty(values.shape, np.int32)
    for rows in _blocks(values):
        made[rows] = ids[np.searchsorted(present, values[rows])]
    return made


def _larger(owners: np.ndarray, is_larger: np.ndarray) -> np.ndarray:
    """Returns `[h, w]` bool: which pixels belong to one of the larger instances."""
    made = np.empty(owners.shape, bool)
    for rows in _blocks(owners):
        made[rows] = is_larger[owners[rows]]
    return made


def _blocks(array: np.ndarray) -> Iterator[slice]:
    """Yields blocks of rows: an array used as an index is converted to 64 bits by NumPy."""
    height, width = array.shape
    step = max(1, _BLOCK // max(1, width))
    return (slice(start, start + step) for start in range(0, height, step))


def _refused(name: Path, claimed: np.ndarray, id: int, owners: np.ndarray) -> str:
    other = int(owners[claimed][0])
    return (
        f"Instances of {name} must not overlap with overlap 'error'; number {id} shares "
        f"{np.count_nonzero(claimed)} pixels with number {other} and others. Correct them, or "
        "choose smaller_wins or first."
    )
