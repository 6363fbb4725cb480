"""Metrics of instance segmentation in NumPy: foreground overlap, AP, panoptic quality and others.

Metrics are computed from counts that add up over images; the counts of an image come from one
sparse table of overlaps (`matching`). `counts` and `formulas` have the formulas, docs/metrics.md
all of them with their sources. `graph` has Keras metrics of the same counts for training; it alone
imports TensorFlow, and is not imported by this package.

Conventions:
    - An id map is `[H, W]`, any integer type, ids in any order and with gaps, 0 = background. A
      truth may have -1 = ignored: such a pixel counts neither in the truth nor in the prediction,
      and an unmatched prediction that lies mostly on such pixels is not an error.
    - Without true and predicted instances a metric is 1 (`Conventions.empty`).
    - AP compares IoU >= threshold (StarDist), PQ compares IoU > 0.5 (Kirillov et al.).
"""

from __future__ import annotations

from tfseg.config import registry
from tfseg.metrics import registered
from tfseg.metrics.bootstrap import intervals
from tfseg.metrics.comparison import compare
from tfseg.metrics.conventions import THRESHOLDS, Conventions
from tfseg.metrics.counts import count_instances, count_pixels
from tfseg.metrics.evaluation import Evaluation
from tfseg.metrics.formulas import FORMULAS, FURTHER_FORMULAS, compute_metrics
from tfseg.metrics.matching import Overlaps, match, overlaps
from tfseg.metrics.pair import Pair
from tfseg.metrics.registered import Metric
from tfseg.metrics.scoring import evaluate_pairs

__all__ = [
    "FORMULAS",
    "FURTHER_FORMULAS",
    "THRESHOLDS",
    "Conventions",
    "Evaluation",
    "Metric",
    "Overlaps",
    "Pair",
    "compare",
    "compute_metrics",
    "count_instances",
    "count_pixels",
    "evaluate_pairs",
    "intervals",
    "match",
    "overlaps",
]
__dir__ = __all__.copy

registry.declare(
    registry.Kind(
        name="metric",
        base=Metric,
        tables=(registered.METRICS,),
        reserved=(*FORMULAS, *FURTHER_FORMULAS),
        check=registered.check,
        made=lambda kind: kind(),
    )
)
