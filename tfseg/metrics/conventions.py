"""What is counted, and what a figure of nothing is: the choices that change figures."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfseg import checks
from tfseg.checks import InputError
from tfseg.ids import IGNORE
from tfseg.metrics.matching import Overlaps, overlaps

# Hundredths divided, not 0.5 + 0.05 i: an IoU of 12 / 20 then is exactly the threshold 0.6.
THRESHOLDS = tuple(percent / 100 for percent in range(50, 100, 5))
BORDERS = ("keep", "ignore")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conventions:
    """The choices behind the figures; they stand in the summary.

    Attributes:
        thresholds: of IoU, each in (0, 1], ascending; 0.5 is one of them.
        empty: figure of nothing to find and nothing found, in [0, 1], or NaN: then such an image is
            left out of averages.
        border: "keep": instances at the border of the image count as all others; "ignore": a true
            one is ignored, and a predicted one that matches none is no error.
        boundary: also count what lies on the outlines: boundary F, boundary AP, Hausdorff distance.
            It takes half a second for 1,000 instances on 1024 x 1024 pixels, all else 0.01 s.
        coco: also COCO's mask AP and AR; needs pycocotools.
    """

    thresholds: tuple[float, ...] = THRESHOLDS
    empty: float = 1.0
    border: str = "keep"
    boundary: bool = False
    coco: bool = False

    def __post_init__(self) -> None:
        given = tuple(self.thresholds)
        good = all(isinstance(each, int | float) and 0 < each <= 1 for each in given)
        if not good or 0.5 not in given or list(given) != sorted(set(given)):
            raise InputError(
                "thresholds must be numbers in (0, 1], ascending, 0.5 (for ap50) among them; "
                f"got {list(given)}."
            )
        object.__setattr__(self, "thresholds", given)
        if self.empty == self.empty:  # not NaN
            checks.in_range("empty", self.empty, low=0.0, high=1.0)
        checks.one_of("border", self.border, BORDERS)
        checks.flag("boundary", self.boundary)
        checks.flag("coco", self.coco)

    def prepare(self, truth: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, Overlaps]:
        """Returns the truth `[H, W]` with what the border policy ignores, and the table.

        Raises:
            InputError: the maps cannot be compared.
        """
        table = overlaps(truth, prediction)
        if self.border == "keep":
            return truth, table
        at_border = edge_ids(truth)
        truth = np.where(np.isin(truth, at_border[at_border > 0]), IGNORE, truth.astype(np.int64))
        return truth, overlaps(truth, prediction)

    def excuse(self, table: Overlaps, prediction: np.ndarray) -> Overlaps:
        """Returns the table without predictions that are neither right nor wrong.

        Left out is a predicted instance without a partner of IoU > 0.5 of which more than half is
        ignored, or which lies at the border where the border is ignored.

        Source:
            Kirillov et al. 2019, Panoptic Segmentation, section 4.1, "Void labels", and
            panopticapi/evaluation.py.
        """
        excused = table.predicted_ignored > table.predicted_areas
        if self.border == "ignore":
            excused |= np.isin(table.predicted_ids, edge_ids(prediction))
        excused[table.predicted_index[table.iou > 0.5]] = False
        return table.select(np.ones(len(table.truth_ids), bool), ~excused)


def edge_ids(ids: np.ndarray) -> np.ndarray:
    """Returns the ids in the first or last row or column of `ids` `[H, W]`."""
    if not ids.size:
        return np.zeros(0, np.int64)
    return np.unique(np.concatenate([ids[0], ids[-1], ids[:, 0], ids[:, -1]]))
