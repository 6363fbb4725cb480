"""Heads: what makes a dense network find instances. One file each; `base` says what a head is."""

from __future__ import annotations

from tfseg import checks
from tfseg.heads.base import Head
from tfseg.heads.center_offset import CenterOffset

HEADS: dict[str, type[Head]] = {"center_offset": CenterOffset}

__all__ = ["HEADS", "CenterOffset", "Head", "make_head"]


def make_head(name: str) -> Head:
    """Returns the head called `name` with its default parameters.

    Raises:
        InputError: there is no such head.
    """
    checks.one_of("model.head", name, HEADS)
    return HEADS[name]()
