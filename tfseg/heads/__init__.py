"""Heads: what makes a dense network find instances. One file each; `base` says what a head is."""

from __future__ import annotations

import dataclasses
from typing import Any

from tfseg import checks
from tfseg.config import ModelConfig
from tfseg.heads.base import Decoded, Head, Maps
from tfseg.heads.boundary import Boundary
from tfseg.heads.center_offset import CenterOffset
from tfseg.heads.classified import Classified
from tfseg.heads.distance import Distance
from tfseg.heads.mask import MaskHead
from tfseg.heads.semantic import Semantic

HEADS: dict[str, type[Head]] = {
    "center_offset": CenterOffset,
    "boundary": Boundary,
    "distance": Distance,
    "semantic": Semantic,
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
    "make_head",
]


def make_head(name: str, **options: Any) -> Head:
    """Returns the head called `name`.

    Args:
        name: one of `HEADS`.
        options: its attributes; the others have their defaults.

    Raises:
        InputError: there is no such head or option, or a value of another kind.
    """
    checks.one_of("model.head", name, HEADS)
    fields = {field.name: field for field in dataclasses.fields(HEADS[name])}  # type: ignore[arg-type]
    for option, value in options.items():
        checks.one_of(f"An option of the head {name}", option, fields)
        _check(f"The option {option} of the head {name}", value, fields[option].default)
    return HEADS[name](**options)


def head_of(config: ModelConfig) -> Head:
    """Returns the head of a network, with its classes where it tells several apart.

    Raises:
        InputError: an option that the head refuses, or weights of classes that are no numbers yet.
    """
    head = make_head(config.head, **{"loss": config.loss, **config.head_options})
    count = len(config.class_names)
    if count < 2:
        return head
    if isinstance(config.class_weights, str):
        raise checks.InputError(
            f"model.class_weights {config.class_weights} is settled by tfseg train, from its data; "
            f"without a training give {count} numbers."
        )
    return Classified(head=head, num_classes=count, class_weights=config.class_weights)


def _check(name: str, value: Any, default: Any) -> None:
    """Refuses a value of another kind than the default's."""
    if isinstance(default, int):
        checks.integer(name, value, low=0)
    elif isinstance(default, float):
        checks.in_range(name, value, low=0.0)
    elif not isinstance(value, type(default)):
        raise checks.InputError(f"{name} must be like {default!r}; got {value!r}.")
