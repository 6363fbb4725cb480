"""Cleaning of predicted ids: pieces, holes, objects at the border, small ones."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import ndimage
from skimage import measure

from tfseg import checks
from tfseg.inference.instances import Instances


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cleanup:
    """What is done to the ids of an image, in this order; by default nothing.

    Attributes:
        one_piece: keep the largest piece of every instance; pixels that touch at a corner only
            are two pieces.
        fill_holes: give background that one instance encloses to this instance.
        drop_border: drop instances that touch the border of the image.
        min_area: drop instances of fewer pixels.

    Raises:
        InputError: `min_area` is no whole number from 0 on.
    """

    one_piece: bool = False
    fill_holes: bool = False
    drop_border: bool = False
    min_area: int = 0

    def __post_init__(self) -> None:
        """Checks the values."""
        checks.integer("min_area", self.min_area, low=0)

    def apply(self, found: Instances) -> Instances:
        """Returns the instances that are left, ids from 1 without gaps, in the same order."""
        label, scores, classes = found
        if self.one_piece:
            label = largest_pieces(label)
        if self.fill_holes:
            label = filled(label)
        area = np.bincount(label.ravel(), minlength=len(scores) + 1)
        kept = area >= max(1, self.min_area)
        kept[0] = False
        if self.drop_border:
            for side in (label[0], label[-1], label[:, 0], label[:, -1]):
                kept[side] = False
        number = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
        return Instances(number[label], scores[kept[1:]], classes[kept[1:]])


def largest_pieces(label: np.ndarray) -> np.ndarray:
    """Returns `label` `[H, W]` int32 with the largest piece of every id, the first of equal ones.

    What is left is background. Ids from 0 on.
    """
    pieces, count = measure.label(label, background=0, connectivity=1, return_num=True)
    owner = np.zeros(count + 1, label.dtype)
    owner[pieces] = label
    area = np.bincount(pieces.ravel(), minlength=count + 1)
    order = np.lexsort((np.arange(count + 1), -area, owner))  # of each owner the largest first
    _, first = np.unique(owner[order], return_index=True)
    kept = np.zeros(count + 1, bool)
    kept[order[first]] = True
    return np.where(kept[pieces], label, 0).astype(label.dtype)


def filled(label: np.ndarray) -> np.ndarray:
    """Returns `label` `[H, W]` int32 without holes: background that touches one id and no border.

    A hole with another instance in it stays. Ids from 0 on.
    """
    padded = np.pad(label, 1)  # what is outside is one piece of the background, and no hole
    pieces, count = ndimage.label(padded == 0)
    lowest = np.full(count + 1, np.iinfo(np.int32).max, np.int32)
    highest = np.zeros(count + 1, np.int32)
    for one, other in (
        (np.s_[1:], np.s_[:-1]),
        (np.s_[:-1], np.s_[1:]),
        (np.s_[:, 1:], np.s_[:, :-1]),
        (np.s_[:, :-1], np.s_[:, 1:]),
    ):
        beside = (pieces[one] > 0) & (padded[other] > 0)
        np.minimum.at(lowest, pieces[one][beside], padded[other][beside])
        np.maximum.at(highest, pieces[one][beside], padded[other][beside])
    owner = np.where(lowest == highest, highest, 0).astype(label.dtype)
    owner[[0, pieces[0, 0]]] = 0
    return np.where(padded == 0, owner[pieces], padded)[1:-1, 1:-1]
