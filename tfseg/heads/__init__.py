"""Heads: how a dense network represents instances. One head per file; `base` has the interface."""

from __future__ import annotations

import dataclasses
from typing import Any

from tfseg import calls, checks, config
from tfseg.config import ModelConfig, registry
from tfseg.heads.base import Decoded, Head, Maps
from tfseg.heads.boundary import Boundary
from tfseg.heads.center_offset import CenterOffset
from tfseg.heads.classified import Classified
from tfseg.heads.distance import Distance
from tfseg.heads.mask import MaskHead
from tfseg.heads.semantic import Semantic

# Heads have the names of the options that they inherit.
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
__dir__ = __all__.copy


@calls.check
def make_head(name: str, *, loss: str = "", **options: Any) -> Head:
    """Returns the head called `name`.

    Args:
        name: one of `HEADS`.
        loss: of the mask, as in `model.loss`; empty uses the head's default.
        options: as in `model.head_options`; missing options have their defaults.

    Raises:
        InputError: an unknown head or option, or a value of the wrong type.

    Examples:
        >>> tfseg.make_head("center_offset", min_area=25).outputs
        {'foreground': 1, 'center': 1, 'offset': 2}
    """
    checks.one_of("model.head", name, HEADS)
    config.check_head_options(name, options)
    return HEADS[name](**({"loss": loss} if loss else {}), **options)


@calls.check
def head_without_classes(model: ModelConfig) -> Head:
    """Returns the head of a network that finds instances, ignoring their classes.

    Raises:
        InputError: the head rejects an option or the loss.
    """
    return make_head(model.head, loss=model.loss, **model.head_options)


@calls.check
def head_of(model: ModelConfig) -> Head:
    """Returns the head of a network, with classes where the network has several.

    Raises:
        InputError: the head rejects an option, or the class weights are not numbers yet.
    """
    head = head_without_classes(model)
    count = len(model.class_names)
    if count < 2:
        return head
    if isinstance(model.class_weights, str):
        raise checks.InputError(
            f"model.class_weights must be {count} numbers; got {model.class_weights}, which only "
            "tfseg train replaces by numbers, from the data set."
        )
    return Classified(head=head, num_classes=count, class_weights=model.class_weights)


def _check(head: type[Head]) -> None:
    """Checks what a registered head must have: outputs, and options with plain defaults.

    Raises:
        InputError: something is missing.
    """
    registry.check_dataclass("head", head)
    outputs = getattr(head, "outputs", None)
    if not (isinstance(outputs, dict) and outputs):
        raise checks.InputError(
            f'The head {head.__name__} must define outputs, such as {{"foreground": 1}}, the '
            f"channels of every map by its name; got {outputs!r}."
        )
    for field in dataclasses.fields(head):  # type: ignore[arg-type]
        if not isinstance(field.default, bool | int | float | str | tuple):
            raise checks.InputError(
                f"The option {field.name} of the head {head.__name__} must have a default, a "
                "number, text, true, false or a tuple; it decides on the type of the values. Add "
                "one."
            )


registry.declare(registry.Kind(name="head", base=Head, tables=(HEADS, config.HEADS), check=_check))
