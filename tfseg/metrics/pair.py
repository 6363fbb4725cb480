"""One image to score: its true and its predicted instances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfseg.large_arrays import Windows


class Pair(NamedTuple):
    """One image to score; functions also accept a tuple of the first three.

    Attributes:
        id: name of the image.
        truth: `[H, W]` integer ids, 0 = background, -1 = ignored: an array, or `Windows`, which are
            read in bands of rows (all at once for outlines, COCO's and registered metrics).
        prediction: the same without -1.
        truth_class_of: `[N]` int, class from 1 on of id i at index i - 1; None without classes.
        predicted_class_of: the same for the prediction.
        scores: `[N]` float, score of predicted id i at index i - 1; used only by COCO's metrics.
        group: name shared by images that belong together, such as those of one patient; "" = none.
        masks: run lengths (see `tfseg.run_lengths`) of the predicted masks as given, of id i at
            i - 1: they may overlap, which `prediction` cannot. COCO's metrics are of them.
    """

    id: str
    truth: np.ndarray | Windows
    prediction: np.ndarray | Windows
    truth_class_of: np.ndarray | None = None
    predicted_class_of: np.ndarray | None = None
    scores: np.ndarray | None = None
    group: str = ""
    masks: Sequence[np.ndarray] | None = None
