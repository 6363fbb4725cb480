"""The options of every head, with defaults. Like all configurations, it imports no TensorFlow.

The classes of `tfseg.heads` inherit from these, so an option is declared once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfseg import calls, checks

_GROUP = "model.head_options"
_LOSS = "loss"  # an attribute of heads that a configuration sets by model.loss


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskOptions(metaclass=calls.Public):
    """Options of all heads, which all have a mask among their outputs.

    Attributes:
        separation_weight: added to the weight 1 of a pixel in the loss of the mask where two
            instances touch; it decreases with the gap between them. U-Net uses 10.
        separation_sigma: in pixels; a pixel with distances to two instances that add up to this
            value gets 0.6 of `separation_weight`.
        size_power: pixels of an instance have the weight (mean area / area) to this power; at 1
            every instance of an image has the same total weight.
        min_area: smaller instances are dropped, pixels.
    """

    separation_weight: float = 0.0
    separation_sigma: float = 5.0
    size_power: float = 0.0
    min_area: int = 12

    def __post_init__(self) -> None:
        """Checks the ranges."""
        checks.in_range(f"{_GROUP}.separation_weight", self.separation_weight, low=0, high=1e3)
        checks.in_range(f"{_GROUP}.separation_sigma", self.separation_sigma, low=0.1, high=100)
        if not self.separation_weight and self.separation_sigma != MaskOptions.separation_sigma:
            raise checks.InputError(
                f"{_GROUP}.separation_sigma has no effect while separation_weight is 0; got "
                f"{self.separation_sigma:g}. Set separation_weight, such as 10."
            )
        checks.in_range(f"{_GROUP}.size_power", self.size_power, low=0, high=2)
        checks.integer(f"{_GROUP}.min_area", self.min_area, low=0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CenterOffsetOptions(MaskOptions):
    """Options of the head center_offset.

    Attributes:
        sigma: width of the heatmap's bump, as a share of the square root of the instance's area.
        foreground_threshold: probability above which a pixel belongs to an object.
        center_threshold: height above which a peak of the heatmap is a centre, in [0, 1].
        center_distance: if two peaks are at most this many rows and columns apart, the lower one is
            dropped, pixels.
        center_weight: weight of the heatmap's loss; the foreground's loss has the weight 1.
        offset_weight: weight of the offsets' loss.
        offset_beta: smooth L1: offset errors below it are squared, units of 8 pixels; 0 means L1.
    """

    sigma: float = 0.2
    foreground_threshold: float = 0.5
    center_threshold: float = 0.15
    center_distance: int = 3
    center_weight: float = 5.0
    offset_weight: float = 0.5
    offset_beta: float = 0.0

    def __post_init__(self) -> None:
        """Checks the ranges."""
        super().__post_init__()
        _check_weights(center_weight=self.center_weight, offset_weight=self.offset_weight)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BoundaryOptions(MaskOptions):
    """Options of the head boundary.

    Attributes:
        growth: largest number of pixels that an instance grows over the boundary.
        part_weights: weights of the pixels of background, interior and boundary in the loss; empty
            means 1 for all.
    """

    growth: int = 4
    part_weights: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class DistanceOptions(MaskOptions):
    """Options of the head distance.

    Attributes:
        foreground_threshold: probability above which a pixel belongs to an object.
        seed_threshold: depth, as a share of the instance's largest depth, above which a connected
            component is the seed of an instance. Lower values merge touching instances, higher
            values split bent instances.
        levels: number of equal steps of depth from the seeds to the border.
        distance_weight: weight of the depth's loss; the foreground's loss has the weight 1.
    """

    foreground_threshold: float = 0.5
    seed_threshold: float = 0.5
    levels: int = 8
    distance_weight: float = 5.0

    def __post_init__(self) -> None:
        """Checks the ranges."""
        super().__post_init__()
        _check_weights(distance_weight=self.distance_weight)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SemanticOptions(MaskOptions):
    """Options of the head semantic.

    Attributes:
        foreground_threshold: probability above which a pixel belongs to an object.
    """

    foreground_threshold: float = 0.5


# Registered heads are here too: they have their options themselves.
HEADS: dict[str, type[Any]] = {
    "center_offset": CenterOffsetOptions,
    "boundary": BoundaryOptions,
    "distance": DistanceOptions,
    "semantic": SemanticOptions,
}


def check_head_options(head: str, options: Mapping[str, Any]) -> None:
    """Checks the options of a head: their names, types and ranges.

    Args:
        head: one of `HEADS`.
        options: by name; missing options have their defaults.

    Raises:
        InputError: an option is unknown, or its value is invalid.
    """
    checks.mapping(_GROUP, options)
    if _LOSS in options:
        raise checks.InputError(
            f"{_GROUP} must not have {_LOSS}; got {options[_LOSS]!r}. Set model.loss."
        )
    defaults = {field.name: field.default for field in dataclasses.fields(HEADS[head])}
    defaults.pop(_LOSS, None)
    for name, value in options.items():
        checks.one_of(f"A name in {_GROUP}, with model.head {head},", name, defaults)
        _check_kind(f"{_GROUP}.{name}", value, defaults[name])
    HEADS[head](**options)


def _check_weights(**weights: float) -> None:
    """Checks weights of losses: an output without a loss is noise, and so are its instances."""
    for name, weight in weights.items():
        checks.in_range(f"{_GROUP}.{name}", weight, low=1e-6, high=1e6)


def _check_kind(name: str, value: Any, default: Any) -> None:
    """Checks that a value has the type of the default."""
    if isinstance(default, bool):
        checks.flag(name, value)
    elif isinstance(default, int):
        checks.integer(name, value, low=0)
    elif isinstance(default, float):
        checks.in_range(name, value, low=0.0)
    elif not isinstance(value, type(default)):
        raise checks.InputError(f"{name} must be a {type(default).__name__}; got {value!r}.")
