"""Chains of geometric transforms, for libraries without chains that have probabilities."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

Transform = Callable[..., tuple[Any, Any]]


def transformed(
    pair: tuple[Any, Any],
    policy: list[dict[str, Any]],
    transforms: Mapping[str, Transform],
    draw: random.Random,
) -> tuple[Any, Any]:
    """Returns image and mask after the transforms of a policy, each with its probability.

    Args:
        pair: image and mask.
        policy: plain values as in `policies`.
        transforms: by name, functions of image, mask, entry of the policy and `draw`.
        draw: the generator of all random numbers.
    """
    for entry in policy:
        if draw.random() < entry["p"]:
            pair = transforms[entry["name"]](*pair, entry, draw)
    return pair
