"""Painting instances that may overlap into one id map."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tfseg.checks import InputError
from tfseg.data.conversion.formats.base import Sample
from tfseg.data.conversion.formats.shapes import Region, resampled
from tfseg.data.dataset.records import instance_ids
from tfseg.data.files.opening import Picture
from tfseg.data.files.windows import zeros
from tfseg.ids import IGNORE
from tfseg.large_arrays import bands_of

_IGNORED, _CONTESTED = np.uint8(1), np.uint8(2)  # marks of pixels


def paint(
    picture: Picture, regions: Iterable[tuple[Region, int]], *, overlap: str, name: Path
) -> Sample:
    """Paints instances with the ids 1, 2, ... in their order; a pixel gets at most one id.

    The regions are taken one at a time and need not all be in memory.

    Args:
        picture: the image.
        regions: regions inside level 0 of the image, each with its class from 1 on, or with
            `IGNORE`: then its pixels outside of all instances are ignored.
        overlap: as in `Reading`.
        name: image file, for errors.

    Raises:
        InputError: two instances overlap and `overlap` is "error".
    """
    size = picture.pixels.shape[0], picture.pixels.shape[1]
    label, marked = zeros(size, np.int32), zeros(size, np.uint8)
    areas = np.zeros(64, np.int64)
    classes: list[int] = []
    for region, class_index in regions:
        if picture.size != size:
            region = resampled(region, picture.size, size)
        mask, y, x = region
        window = slice(y, y + mask.shape[0]), slice(x, x + mask.shape[1])
        if class_index == IGNORE:
            marked[window][mask] |= _IGNORED
            continue
        classes.append(class_index)
        id = len(classes)
        if id == len(areas):
            areas = np.concatenate([areas, np.zeros_like(areas)])
        areas[id] = np.count_nonzero(mask)
        claimed = mask & (label[window] > 0)
        if overlap == "error" and claimed.any():
            raise InputError(_refused(name, claimed, id, label[window]))
        marked[window][claimed] |= _CONTESTED
        if overlap == "smaller_wins" and claimed.any():
            claimed &= ~_larger(label[window], areas > areas[id])
        label[window][mask & ~claimed] = id
    visible = instance_ids(label)
    return Sample(
        picture.pixels,
        label,
        np.array(classes, np.int64)[visible - 1],
        overlap_pixels=_finish(label, marked),
        hidden_instances=len(classes) - len(visible),
        turned=picture.turned,
    )


def _finish(label: np.ndarray, marked: np.ndarray) -> int:
    """Ignores the background that is marked so, and returns the number of contested pixels."""
    contested = 0
    for rows in bands_of(label.shape):
        contested += int(np.count_nonzero(marked[rows] & _CONTESTED))
        label[rows][(marked[rows] & _IGNORED > 0) & (label[rows] == 0)] = IGNORE
    return contested


def renumbered(values: np.ndarray, present: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Replaces values by ids.

    Args:
        values: `[H, W]` integers.
        present: `[N]`, the values that occur, ascending.
        ids: `[N]`, the id of each of them.

    Returns:
        `[H, W]` int32.
    """
    made = zeros((values.shape[0], values.shape[1]), np.int32)
    for rows in bands_of(values.shape):  # NumPy converts an array used as an index to 64 bits
        made[rows] = ids[np.searchsorted(present, values[rows])]
    return made


def _larger(owners: np.ndarray, is_larger: np.ndarray) -> np.ndarray:
    """Returns `[h, w]` bool: which pixels belong to one of the larger instances."""
    made = np.empty(owners.shape, bool)
    for rows in bands_of(owners.shape):
        made[rows] = is_larger[owners[rows]]
    return made


def _refused(name: Path, claimed: np.ndarray, id: int, owners: np.ndarray) -> str:
    other = int(owners[claimed][0])
    return (
        f"Instances of {name} must not overlap with overlap 'error'; number {id} shares "
        f"{np.count_nonzero(claimed)} pixels with number {other} and others. Correct them, or "
        "choose smaller_wins or first."
    )
