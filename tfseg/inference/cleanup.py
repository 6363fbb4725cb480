"""Cleanup of predicted ids: extra components, holes, instances at the edge, small instances."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy import ndimage
from skimage import measure

from tfseg import calls, checks, large_arrays
from tfseg.inference.components import Band, Components
from tfseg.inference.instances import Instances, areas
from tfseg.metrics.conventions import edge_ids

_NEIGHBOURS = (
    (np.s_[1:], np.s_[:-1]),
    (np.s_[:-1], np.s_[1:]),
    (np.s_[:, 1:], np.s_[:, :-1]),
    (np.s_[:, :-1], np.s_[:, 1:]),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cleanup(metaclass=calls.Public):
    """Steps that clean the ids of an image, in this order; all are off by default.

    Attributes:
        one_piece: keep only the largest connected component of each instance; pixels that touch
            only at a corner are not connected.
        fill_holes: fill background that is enclosed by a single instance.
        drop_edge: drop instances that touch the edge of the image.
        min_area: drop instances with fewer pixels.

    Raises:
        InputError: a step is not true or false, or `min_area` no whole number from 0 on.

    Examples:
        >>> labels = np.array([[1, 1, 0, 2]], np.int32)
        >>> scores, classes = np.array([0.9, 0.8]), np.array([1, 1])
        >>> instances = tfseg.Instances(labels, scores, classes)
        >>> tfseg.Cleanup(min_area=2).apply(instances).labels
        array([[1, 1, 0, 0]], dtype=int32)
    """

    one_piece: bool = False
    fill_holes: bool = False
    drop_edge: bool = False
    min_area: int = 0

    def __post_init__(self) -> None:
        """Checks the values."""
        for name in ("one_piece", "fill_holes", "drop_edge"):
            checks.flag(f"{name} of Cleanup", getattr(self, name))
        checks.integer("min_area", self.min_area, low=0)

    @calls.check
    def apply(self, instances: Instances) -> Instances:
        """Returns the instances that remain, with ids from 1 without gaps, in the same order."""
        label, scores, classes = instances
        if self.one_piece:
            label = largest_components(label)
        if self.fill_holes:
            label = fill_holes(label)
        kept = areas(label, len(scores)) >= max(1, self.min_area)
        kept[0] = False
        if self.drop_edge:
            kept[edge_ids(label)] = False
        number = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
        remaining = large_arrays.zeros_like(label, np.int32)
        for top, rows in large_arrays.bands(label):
            remaining[top : top + len(rows)] = number[rows]
            large_arrays.release(remaining)
        return Instances(remaining, scores[kept[1:]], classes[kept[1:]])


def largest_components(label: np.ndarray) -> np.ndarray:
    """Keeps only the largest connected component of each id in `label` `[H, W]` int32, from 0 on.

    Among components of equal size the first one is kept; other components become background.
    """
    parts = Components(label, _connect_ids)
    ids, area = np.zeros(parts.size, label.dtype), np.zeros(parts.size, np.int64)
    for band in parts.bands():
        ids[band.components] = band.ids
        area += np.bincount(band.components.ravel(), minlength=parts.size)
    order = np.lexsort((np.arange(parts.size), -area, ids))  # by id, the largest component first
    _, first = np.unique(ids[order], return_index=True)
    kept = np.zeros(parts.size, bool)
    kept[order[first]] = True
    return _filled(label, parts, lambda band: np.where(kept[band.components], band.ids, 0))


def fill_holes(label: np.ndarray) -> np.ndarray:
    """Fills the holes of the instances in `label` `[H, W]` int32, ids from 0 on.

    A hole is background that touches a single id and not the edge of the image; a hole with another
    instance inside stays.
    """
    parts = Components(label, lambda ids: ndimage.label(ids == 0))
    lowest = np.full(parts.size, np.iinfo(np.int32).max, np.int32)
    highest = np.zeros(parts.size, np.int32)
    is_open = np.zeros(parts.size, bool)
    is_open[0] = True
    last = None
    for band in parts.bands():
        ids, components = band.ids, band.components
        if last is None:
            is_open[components[0]] = True
        else:  # its last row touches this band
            ids = np.concatenate([last.ids[-1:], ids])
            components = np.concatenate([last.components[-1:], components])
        for one, other in _NEIGHBOURS:
            touching = (components[one] > 0) & (ids[other] > 0)
            np.minimum.at(lowest, components[one][touching], ids[other][touching])
            np.maximum.at(highest, components[one][touching], ids[other][touching])
        is_open[components[:, [0, -1]]] = True
        last = band
    if last is not None:
        is_open[last.components[-1]] = True
    filling = np.where((lowest == highest) & ~is_open, highest, 0)
    return _filled(
        label, parts, lambda band: np.where(band.ids == 0, filling[band.components], band.ids)
    )


def _connect_ids(ids: np.ndarray) -> tuple[np.ndarray, int]:
    return measure.label(ids, background=0, connectivity=1, return_num=True)


def _filled(
    label: np.ndarray, parts: Components, ids_of: Callable[[Band], np.ndarray]
) -> np.ndarray:
    """Returns a new map like `label`, with the ids of each band."""
    filled = large_arrays.zeros_like(label, label.dtype)
    for band in parts.bands():
        filled[band.top : band.top + len(band.ids)] = ids_of(band)
        large_arrays.release(filled)
    return filled
