"""Agreement of the instances: AP at IoU thresholds and panoptic quality.

"AP" has three meanings in use. Here it is TP / (TP + FP + FN) at a threshold, with the counts of
all images pooled: no ranking by score and no limit of detections an image.

Source:
    AP: Schmidt et al. 2018, Cell Detection with Star-convex Polygons, section 3, and its code,
        stardist/matching.py ("accuracy"; TP where IoU >= threshold).
    PQ, SQ, RQ: Kirillov et al. 2019, Panoptic Segmentation, equations 1 and 2 (match where
        IoU > 0.5, which makes the matching unique).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

from tfseg.metrics.matching import Overlaps, match
from tfseg.metrics.pixels import fraction

# Hundredths divided, not 0.5 + 0.05 i: an IoU of 12 / 20 then is exactly the threshold 0.6.
THRESHOLDS = tuple(percent / 100 for percent in range(50, 100, 5))


@dataclasses.dataclass(frozen=True)
class InstanceCounts:
    """Instances found, of one image or of many.

    Attributes:
        num_truth: true instances, TP + FN at every threshold.
        num_predicted: predicted instances, TP + FP at every threshold.
        true_positives: matches with IoU >= threshold, for each of THRESHOLDS.
        num_matched: matches with IoU > 0.5, those of PQ.
        iou_sum: sum of the IoU of the `num_matched`.
    """

    num_truth: int
    num_predicted: int
    true_positives: tuple[int, ...]
    num_matched: int
    iou_sum: float

    @classmethod
    def total(cls, counts: Iterable[InstanceCounts]) -> InstanceCounts:
        """Returns the counts of all images together, the same in whatever order they come."""
        counts = list(counts)
        return cls(
            num_truth=sum(count.num_truth for count in counts),
            num_predicted=sum(count.num_predicted for count in counts),
            true_positives=tuple(
                sum(count.true_positives[index] for count in counts)
                for index in range(len(THRESHOLDS))
            ),
            num_matched=sum(count.num_matched for count in counts),
            iou_sum=math.fsum(count.iou_sum for count in counts),
        )

    @property
    def ap(self) -> tuple[float, ...]:
        """TP / (TP + FP + FN) at each of THRESHOLDS; 1 where there are no instances at all."""
        instances = self.num_truth + self.num_predicted
        return tuple(fraction(matches, instances - matches) for matches in self.true_positives)

    @property
    def sq(self) -> float:
        """Segmentation quality: mean IoU of the matches.

        0 without a match, but 1 where there are no instances at all.
        """
        if not self.num_matched:
            return float(self.num_truth + self.num_predicted == 0)
        return self.iou_sum / self.num_matched

    @property
    def rq(self) -> float:
        """Recognition quality: TP / (TP + FP / 2 + FN / 2); 1 where there are no instances."""
        return fraction(2 * self.num_matched, self.num_truth + self.num_predicted)

    @property
    def pq(self) -> float:
        """Panoptic quality: sum of IoU / (TP + FP / 2 + FN / 2); 1 where there are no instances."""
        return fraction(2 * self.iou_sum, self.num_truth + self.num_predicted)


def count_instances(table: Overlaps) -> InstanceCounts:
    """Counts the instances of one image, and those matched at each of THRESHOLDS."""
    matched = table.iou[table.iou > 0.5]
    return InstanceCounts(
        num_truth=len(table.truth_ids),
        num_predicted=len(table.predicted_ids),
        true_positives=tuple(len(match(table, threshold)) for threshold in THRESHOLDS),
        num_matched=len(matched),
        # Rounded once, so that renumbering the instances changes no digit.
        iou_sum=math.fsum(matched),
    )
