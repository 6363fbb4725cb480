"""Chains of moves for libraries that have none with a probability for each."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

Move = Callable[..., tuple[Any, Any]]


def moved(
    pair: tuple[Any, Any],
    policy: list[dict[str, Any]],
    moves: Mapping[str, Move],
    draw: random.Random,
) -> tuple[Any, Any]:
    """Returns image and mask after the moves of a policy for which the coin says so.

    Args:
        pair: image and mask.
        policy: plain values as in `policies`.
        moves: by name, functions of image, mask, entry of the policy and `draw`.
        draw: of the coins, and of what the moves draw.
    """
    for entry in policy:
        if draw.random() < entry["p"]:
            pair = moves[entry["name"]](*pair, entry, draw)
    return pair
