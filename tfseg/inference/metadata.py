"""Metadata that is stored with a network: inputs, outputs, units, thresholds."""

from __future__ import annotations

import dataclasses
from typing import Any

from tfseg import lengths
from tfseg.config import ModelConfig, registry
from tfseg.data.pipeline.normalization import Normalization
from tfseg.heads import head_without_classes
from tfseg.version import __version__

_UNITS = {
    "labels": "[B, H, W] int32, pixels: ids from 1, 0 = background",
    "scores": "[B, N] float32 in [0, 1], of id k at k - 1; 0 where the image has no id k",
    "classes": "[B, N] int32, classes from 1, of id k at k - 1; 0 where the image has no id k",
}


def describe(model: ModelConfig, *, pixel_size: float = 0.0) -> dict[str, Any]:
    """Returns the description of a network, ready for JSON.

    Keys: tfseg_version; pixel_size of the images, in micrometres, 0 where it is not known; channels
    of the images; channel_names, empty for grey and RGB without names; class_names, class 1 first;
    units of inputs and outputs; head; head_options, including its thresholds; architecture;
    backbone; plugins that registered head, losses and architecture.
    """
    head = head_without_classes(model)
    scale = f", of {lengths.text(pixel_size)} a pixel" if pixel_size else ""
    return {
        "tfseg_version": __version__,
        "pixel_size": pixel_size,
        "channels": model.channels,
        "channel_names": list(model.channel_names),
        "class_names": list(model.class_names),
        "units": {"images": f"[B, H, W, C], {_exposure(model)}{scale}", **_UNITS},
        "head": model.head,
        "head_options": dataclasses.asdict(head),  # type: ignore[call-overload]
        "architecture": model.architecture,
        "backbone": model.backbone,
        "plugins": registry.plugins_of(model.names()),
    }


def _exposure(model: ModelConfig) -> str:
    normalization = Normalization.of(model)
    unit = "in the unit of the training images" + (f", {model.bits} bits" if model.bits else "")
    if normalization.fixed:
        return f"values between {_pairs(normalization.fixed, '{:g} and {:g}')}, {unit}"
    what = "channel of every image" if normalization.by_channel else "image"
    text = f"any exposure: every {what} is normalised by its percentiles"
    if not normalization.min_contrast:
        return text
    distances = _pairs(normalization.min_contrast, "{:g} below and {:g} above")
    return f"{text}, at least {distances} its median, {unit}"


def _pairs(numbers: tuple[float, ...], pattern: str) -> str:
    """Returns two numbers, or two for each channel, in words."""
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return ", ".join(pattern.format(*pair) for pair in pairs)
