"""Cleanup of predicted ids: extra components, holes, instances at the edge, small instances."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import ndimage
from skimage import measure

from tfseg import calls, checks
from tfseg.inference.instances import Instances


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
        area = np.bincount(label.ravel(), minlength=len(scores) + 1)
        kept = area >= max(1, self.min_area)
        kept[0] = False
        if self.drop_edge:
            for side in (label[0], label[-1], label[:, 0], label[:, -1]):
                kept[side] = False
        number = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
        return Instances(number[label], scores[kept[1:]], classes[kept[1:]])


def largest_components(label: np.ndarray) -> np.ndarray:
    """Keeps only the largest connected component of each id in `label` `[H, W]` int32, from 0 on.

    Among components of equal size the first one is kept; other components become background.
    """
    components, count = measure.label(label, background=0, connectivity=1, return_num=True)
    ids = np.zeros(count + 1, label.dtype)  # of each component
    ids[components] = label
    area = np.bincount(components.ravel(), minlength=count + 1)
    order = np.lexsort((np.arange(count + 1), -area, ids))  # by id, the largest component first
    _, first = np.unique(ids[order], return_index=True)
    kept = np.zeros(count + 1, bool)
    kept[order[first]] = True
    return np.where(kept[components], label, 0).astype(label.dtype)


def fill_holes(label: np.ndarray) -> np.ndarray:
    """Fills the holes of the instances in `label` `[H, W]` int32, ids from 0 on.

    A hole is background that touches a single id and not the edge of the image; a hole with another
    instance inside stays.
    """
    padded = np.pad(label, 1)  # joins the background at the edge to one component, not a hole
    components, count = ndimage.label(padded == 0)
    lowest = np.full(count + 1, np.iinfo(np.int32).max, np.int32)
    highest = np.zeros(count + 1, np.int32)
    for one, other in (
        (np.s_[1:], np.s_[:-1]),
        (np.s_[:-1], np.s_[1:]),
        (np.s_[:, 1:], np.s_[:, :-1]),
        (np.s_[:, :-1], np.s_[:, 1:]),
    ):
        touching = (components[one] > 0) & (padded[other] > 0)
        np.minimum.at(lowest, components[one][touching], padded[other][touching])
        np.maximum.at(highest, components[one][touching], padded[other][touching])
    filling = np.where(lowest == highest, highest, 0).astype(label.dtype)
    filling[[0, components[0, 0]]] = 0
    return np.where(padded == 0, filling[components], padded)[1:-1, 1:-1]
