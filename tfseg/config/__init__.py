"""The configuration of a run: plain values, checked when created, stored with every result.

Sizes are in pixels, ranges are `(low, high)`, steps are optimizer steps. A configuration file uses
the names of these classes; for an unknown name, the error suggests the nearest valid one.
"""

from __future__ import annotations

from tfseg.config.data import CACHES, DataConfig
from tfseg.config.devices import PRECISIONS, STRATEGIES, DeviceConfig
from tfseg.config.fields import names_free_on_resume
from tfseg.config.heads import (
    HEADS,
    BoundaryOptions,
    CenterOffsetOptions,
    DistanceOptions,
    MaskOptions,
    SemanticOptions,
    check_head_options,
)
from tfseg.config.log import BEST_METRICS, LogConfig
from tfseg.config.model import (
    ARCHITECTURES,
    BALANCED,
    CHANNEL,
    DATASET,
    IMAGE,
    KERAS,
    NETWORKS,
    NORMALIZATIONS,
    NUM_STAGES,
    PREPROCESSING,
    ModelConfig,
)
from tfseg.config.optimizer import OPTIMIZERS, SCHEDULES, OptimizerConfig
from tfseg.config.run import DEFAULT_AUGMENT, RunConfig
from tfseg.config.train import ON_NONFINITE, TrainConfig
from tfseg.config.values import PRESETS, flat, from_dict, frozen, preset, read, to_dict, write

__all__ = [
    "ARCHITECTURES",
    "BALANCED",
    "BEST_METRICS",
    "BoundaryOptions",
    "CACHES",
    "CHANNEL",
    "CenterOffsetOptions",
    "DATASET",
    "DEFAULT_AUGMENT",
    "DataConfig",
    "DeviceConfig",
    "DistanceOptions",
    "HEADS",
    "IMAGE",
    "KERAS",
    "LogConfig",
    "MaskOptions",
    "ModelConfig",
    "NETWORKS",
    "NORMALIZATIONS",
    "NUM_STAGES",
    "ON_NONFINITE",
    "OPTIMIZERS",
    "OptimizerConfig",
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
    "names_free_on_resume",
    "preset",
    "read",
    "to_dict",
    "write",
]
__dir__ = __all__.copy
