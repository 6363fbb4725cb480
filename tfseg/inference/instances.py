"""What a prediction is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Instances(NamedTuple):
    """Instances of one image.

    `label` `[H, W]` int32, ids 1 to N; `scores` `[N]` float32 in [0, 1] and `classes` `[N]` int32,
    from 1 on, of id k at k - 1.
    """

    label: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
