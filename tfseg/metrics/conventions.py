"""What is counted, and how an empty image is scored: the choices that change metrics."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfseg import calls, checks
from tfseg.checks import InputError
from tfseg.ids import IGNORE, check_map
from tfseg.large_arrays import Windows, as_raster, bands
from tfseg.metrics.matching import Overlaps, overlaps

# Divided hundredths, not 0.5 + 0.05 i, so that an IoU of 12 / 20 is exactly the threshold 0.6.
THRESHOLDS = tuple(percent / 100 for percent in range(50, 100, 5))
EDGE_POLICIES = ("keep", "ignore")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conventions(metaclass=calls.Public):
    """The choices that metrics depend on; the summary lists them.

    Attributes:
        thresholds: of IoU, in (0, 1], ascending; 0.5 is one of them.
        empty: value of a metric without true and predicted instances, in [0, 1]; NaN leaves such
            images out of averages.
        edge_instances: instances that reach the edge of the image. "keep": they count like all
            others; "ignore": true ones are ignored, and unmatched predicted ones are not errors.
        boundary: also count outline pixels: boundary F, boundary AP, Hausdorff distance. It takes
            half a second for 1,000 instances on 1024 x 1024 pixels, all other counts 0.01 s, and
            images of at most 100 million pixels.
        coco: also compute COCO's mask AP and AR, of such images; needs pycocotools.
    """

    thresholds: tuple[float, ...] = THRESHOLDS
    empty: float = 1.0
    edge_instances: str = "keep"
    boundary: bool = False
    coco: bool = False

    def __post_init__(self) -> None:
        checks.sequence("thresholds", self.thresholds, "[0.5, 0.75]")
        given = tuple(self.thresholds)
        good = all(isinstance(iou, int | float) and 0 < iou <= 1 for iou in given)
        if not good or 0.5 not in given or list(given) != sorted(set(given)):
            raise InputError(
                "thresholds must be numbers in (0, 1], ascending, and include 0.5 (for ap50); "
                f"got {list(given)}."
            )
        object.__setattr__(self, "thresholds", given)
        if self.empty == self.empty:  # not NaN
            checks.in_range("empty", self.empty, low=0.0, high=1.0)
        checks.one_of("edge_instances", self.edge_instances, EDGE_POLICIES)
        checks.flag("boundary", self.boundary)
        checks.flag("coco", self.coco)

    def overlaps(self, truth: np.ndarray | Windows, prediction: np.ndarray | Windows) -> Overlaps:
        """Returns the table, without edge instances of the truth if they are ignored.

        Raises:
            InputError: the maps cannot be compared.
        """
        if self.edge_instances == "keep":
            return overlaps(truth, prediction)
        truth = as_raster(truth)
        check_map("truth", truth)
        return overlaps(truth, prediction, ignored_ids=_inner_ids(edge_ids(truth)))

    def without_edge_instances(self, truth: np.ndarray) -> np.ndarray:
        """Returns the truth `[H, W]` with edge instances as ignored pixels, if they are ignored."""
        if self.edge_instances == "keep":
            return truth
        at_edge = np.isin(truth, _inner_ids(edge_ids(truth)))
        return np.where(at_edge, IGNORE, truth.astype(np.int64))

    def without_void_predictions(
        self, table: Overlaps, prediction: np.ndarray | Windows
    ) -> Overlaps:
        """Returns the table without predictions that are neither right nor wrong.

        These are predicted instances without a partner of IoU > 0.5 that are more than half
        ignored, or that reach the edge of the image if edge instances are ignored.

        Source:
            Kirillov et al. 2019, Panoptic Segmentation, section 4.1, "Void labels", and
            panopticapi/evaluation.py.
        """
        void = table.predicted_ignored > table.predicted_areas
        if self.edge_instances == "ignore":
            void |= np.isin(table.predicted_ids, edge_ids(as_raster(prediction)))
        void[table.predicted_index[table.iou > 0.5]] = False
        return table.select(np.ones(len(table.truth_ids), bool), ~void)


def _inner_ids(ids: np.ndarray) -> np.ndarray:
    return ids[ids > 0]


def edge_ids(ids: np.ndarray | Windows) -> np.ndarray:
    """Returns the ids in the first or last row or column of `ids` `[H, W]`."""
    height, width = ids.shape
    if not height * width:
        return np.zeros(0, np.int64)
    sides = [ids[:1, :], ids[height - 1 : height, :]]
    sides += [rows[:, [0, -1]] for _, rows in bands(ids)]
    return np.unique(np.concatenate([side.ravel() for side in sides]))
