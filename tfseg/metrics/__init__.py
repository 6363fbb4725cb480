"""Figures of instance segmentation in NumPy: foreground overlap, AP and panoptic quality.

Everything is computed from counts that add up over images, and the counts of an image from one
sparse table of overlaps (`matching`). The modules beside this one state the formulas.

Conventions, here once:
    - An id map is `[H, W]`, any integer type, ids in any order and with gaps, 0 = background. A
      truth may have -1 = ignored: such a pixel counts neither in the truth nor in the prediction.
    - A figure of nothing to find and nothing found is 1.
    - AP compares IoU >= threshold (StarDist), PQ compares IoU > 0.5 (Kirillov et al.).
"""

from __future__ import annotations

from tfseg.metrics.evaluate import FORMULAS, Evaluation, ImageCounts, evaluate_pairs
from tfseg.metrics.instances import THRESHOLDS, InstanceCounts, count_instances
from tfseg.metrics.matching import Overlaps, match, overlaps
from tfseg.metrics.pixels import PixelCounts, count_pixels

__all__ = [
    "FORMULAS",
    "THRESHOLDS",
    "Evaluation",
    "ImageCounts",
    "InstanceCounts",
    "Overlaps",
    "PixelCounts",
    "count_instances",
    "count_pixels",
    "evaluate_pairs",
    "match",
    "overlaps",
]
