"""Figures of instance segmentation in NumPy: foreground overlap, AP, panoptic quality and others.

Everything is computed from counts that add up over images, and the counts of an image from one
sparse table of overlaps (`matching`). `counts` and `figures` state the formulas, docs/metrics.md
has all of them with their sources. `graph` has Keras metrics of the same counts for training; it
alone imports TensorFlow, and is not imported here.

Conventions, here once:
    - An id map is `[H, W]`, any integer type, ids in any order and with gaps, 0 = background. A
      truth may have -1 = ignored: such a pixel counts neither in the truth nor in the prediction,
      and a prediction that matches nothing and lies there for the most part is no error.
    - A figure of nothing to find and nothing found is 1 (`Conventions.empty`).
    - AP compares IoU >= threshold (StarDist), PQ compares IoU > 0.5 (Kirillov et al.).
"""

from __future__ import annotations

from tfseg.metrics.bootstrap import compare, intervals
from tfseg.metrics.conventions import THRESHOLDS, Conventions
from tfseg.metrics.counts import count_instances, count_pixels
from tfseg.metrics.evaluation import Evaluation
from tfseg.metrics.formulas import FORMULAS, FURTHER_FORMULAS, figures
from tfseg.metrics.matching import Overlaps, match, overlaps
from tfseg.metrics.scoring import Pair, evaluate_pairs

__all__ = [
    "FORMULAS",
    "FURTHER_FORMULAS",
    "THRESHOLDS",
    "Conventions",
    "Evaluation",
    "Overlaps",
    "Pair",
    "compare",
    "count_instances",
    "count_pixels",
    "evaluate_pairs",
    "figures",
    "intervals",
    "match",
    "overlaps",
]
