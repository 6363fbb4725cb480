"""One image to score: its true and its predicted instances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Pair(NamedTuple):
    """One image to score; a tuple of the first three is as good.

    Attributes:
        id: name of the image.
        truth: `[H, W]` integer ids, 0 = background, -1 = ignored.
        prediction: `[H, W]` integer ids, 0 = background.
        truth_class_of: `[N]` int, the class of id i at i - 1, from 1 on; None without classes.
        predicted_class_of: the same of the prediction.
        scores: `[N]` float, the score of predicted id i at i - 1; used by COCO's metrics only.
        group: name shared by images that belong together, such as those of one patient; "" = none.
        masks: run lengths (see `tfseg.run_lengths`) of the predicted masks as given, of id i at
            i - 1: they may overlap, which `prediction` cannot. COCO's metrics are of them.
    """

    id: str
    truth: np.ndarray
    prediction: np.ndarray
    truth_class_of: np.ndarray | None = None
    predicted_class_of: np.ndarray | None = None
    scores: np.ndarray | None = None
    group: str = ""
    masks: Sequence[np.ndarray] | None = None
