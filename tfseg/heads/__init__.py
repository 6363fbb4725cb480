"""Heads: what makes a dense network find instances. One file each; `base` says what a head is."""

from __future__ import annotations

from tfseg import checks
from tfseg.heads.base import Head
from tfseg.heads.boundary import Boundary
from tfseg.heads.center_offset import CenterOffset
from tfseg.heads.distance import Distance
from tfseg.heads.semantic import Semantic

HEADS: dict[str, type[Head]] = {
    "center_offset": CenterOffset,
    "boundary": Boundary,
    "distance": Distance,
    "semantic": Semantic,
}

__all__ = ["HEADS", "Boundary", "CenterOffset", "Distance", "Head", "Semantic", "make_head"]


def make_head(name: str) -> Head:
    """Returns the head called `name` with its default parameters.

    Raises:
        InputError: there is no such head.
    """
    checks.one_of("model.head", name, HEADS)
    return HEADS[name]()
