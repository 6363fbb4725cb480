"""The configuration of a run: plain values, checked when created, stored with every result.

Sizes are in pixels, ranges are `(low, high)`, steps are optimizer steps. A configuration file uses
the names of these classes; for an unknown name, the error suggests the nearest valid one.
"""

from __future__ import annotations

from tfseg.config.data import CACHES, DataConfig
from tfseg.config.heads import (
    HEADS,
    BoundaryOptions,
    CenterOffsetOptions,
    DistanceOptions,
    MaskOptions,
    SemanticOptions,
    check_head_options,
)
from tfseg.config.model import (
    ARCHITECTURES,
    BALANCED,
    DATASET,
    NUM_STAGES,
    PREPROCESSING,
    ModelConfig,
)
from tfseg.config.run import DEFAULT_AUGMENT, RunConfig
from tfseg.config.train import (
    FIGURES,
    ON_NONFINITE,
    OPTIMIZERS,
    PRECISIONS,
    SCHEDULES,
    STRATEGIES,
    TrainConfig,
)
from tfseg.config.values import PRESETS, flat, from_dict, frozen, preset, read, to_dict, write

__all__ = [
    "ARCHITECTURES",
    "BALANCED",
    "BoundaryOptions",
    "CACHES",
    "CenterOffsetOptions",
    "DATASET",
    "DEFAULT_AUGMENT",
    "DataConfig",
    "DistanceOptions",
    "FIGURES",
    "HEADS",
    "MaskOptions",
    "ModelConfig",
    "NUM_STAGES",
    "ON_NONFINITE",
    "OPTIMIZERS",
    "PRECISIONS",
    "PREPROCESSING",
    "PRESETS",
    "RunConfig",
    "SCHEDULES",
    "STRATEGIES",
    "SemanticOptions",
    "TrainConfig",
    "check_head_options",
    "flat",
    "from_dict",
    "frozen",
    "preset",
    "read",
    "to_dict",
    "write",
]
