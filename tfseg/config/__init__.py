"""The configuration of a run: plain values, checked when created, stored with every result.

Sizes are in pixels, ranges are `(low, high)`, steps are optimizer steps. A configuration file uses
the names of these classes; for an unknown name, the error suggests the nearest valid one.
"""

from __future__ import annotations

from tfseg.config.data import CACHES, DataConfig
from tfseg.config.model import (
    ARCHITECTURES,
    BALANCED,
    DATASET,
    HEADS,
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
    "CACHES",
    "DATASET",
    "DEFAULT_AUGMENT",
    "DataConfig",
    "FIGURES",
    "HEADS",
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
    "TrainConfig",
    "flat",
    "from_dict",
    "frozen",
    "preset",
    "read",
    "to_dict",
    "write",
]
