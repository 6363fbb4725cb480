"""Heads: how a dense network represents instances. One file each; `base` defines what a head is."""

from __future__ import annotations

from typing import Any

from tfseg import checks, config
from tfseg.config import ModelConfig
from tfseg.heads.base import Decoded, Head, Maps
from tfseg.heads.boundary import Boundary
from tfseg.heads.center_offset import CenterOffset
from tfseg.heads.classified import Classified
from tfseg.heads.distance import Distance
from tfseg.heads.mask import MaskHead
from tfseg.heads.semantic import Semantic

# Named as the options that they inherit.
HEADS: dict[str, type[Head]] = {
    name: head
    for name, options in config.HEADS.items()
    for head in (CenterOffset, Boundary, Distance, Semantic)
    if issubclass(head, options)
}

__all__ = [
    "HEADS",
    "Boundary",
    "CenterOffset",
    "Classified",
    "Decoded",
    "Distance",
    "Head",
    "Maps",
    "MaskHead",
    "Semantic",
    "head_of",
    "head_without_classes",
    "make_head",
]


def make_head(name: str, *, loss: str = "", **options: Any) -> Head:
    """Returns the head called `name`.

    Args:
        name: one of `HEADS`.
        loss: of its mask, as `model.loss`; empty takes the head's default.
        options: as `model.head_options`; those left out have their defaults.

    Raises:
        InputError: there is no such head or option, or a value of another kind.
    """
    checks.one_of("model.head", name, HEADS)
    config.check_head_options(name, options)
    return HEADS[name](**({"loss": loss} if loss else {}), **options)


def head_without_classes(model: ModelConfig) -> Head:
    """Returns the head of a network that finds instances, ignoring their classes.

    Raises:
        InputError: an option or a loss that the head refuses.
    """
    return make_head(model.head, loss=model.loss, **model.head_options)


def head_of(model: ModelConfig) -> Head:
    """Returns the head of a network, with classes where the network has several.

    Raises:
        InputError: an option that the head refuses, or weights of classes that are no numbers yet.
    """
    head = head_without_classes(model)
    count = len(model.class_names)
    if count < 2:
        return head
    if isinstance(model.class_weights, str):
        raise checks.InputError(
            f"model.class_weights {model.class_weights} becomes numbers in tfseg train, from the "
            f"data set; without training give {count} numbers."
        )
    return Classified(head=head, num_classes=count, class_weights=model.class_weights)
