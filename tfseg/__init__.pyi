from . import (
    augment,
    config,
    data,
    evaluation,
    heads,
    inference,
    kernels,
    losses,
    metrics,
    networks,
    random,
    sample,
    training,
)
from .checks import InputError
from .config import (
    DataConfig,
    DeviceConfig,
    LogConfig,
    ModelConfig,
    OptimizerConfig,
    RunConfig,
    TrainConfig,
)
from .config.registry import register
from .data.conversion.check import Finding, check
from .data.conversion.convert import convert
from .data.conversion.formats.base import Reading
from .data.conversion.from_samples import convert_samples
from .data.dataset.dataset import Dataset
from .data.files.selection import Selection
from .data.pipeline.batches import augmented, training_batches, validation_batches
from .data.pipeline.replay import Replay, replay
from .drawing.curves import plot_curves
from .drawing.overlays import plot_instances
from .evaluation.bench import BenchReport, Speed, StageSpeed, bench
from .evaluation.evaluate import evaluate
from .evaluation.previews import plot_augmentations
from .evaluation.report.report import Report
from .evaluation.tune import Tuning, tune
from .heads import make_head
from .inference.cleanup import Cleanup
from .inference.export import export
from .inference.instances import Instances
from .inference.predict import PredictReport, predict_files
from .inference.segmenter import Segmenter, load
from .metrics import Evaluation, evaluate_pairs
from .networks.build import build_model
from .training.optimizers import make_optimizer
from .training.trainer import Trainer, TrainingSummary

__version__: str

__all__ = [
    "BenchReport",
    "Cleanup",
    "DataConfig",
    "Dataset",
    "DeviceConfig",
    "Evaluation",
    "Finding",
    "InputError",
    "Instances",
    "LogConfig",
    "ModelConfig",
    "OptimizerConfig",
    "PredictReport",
    "Reading",
    "Replay",
    "Report",
    "RunConfig",
    "Segmenter",
    "Selection",
    "Speed",
    "StageSpeed",
    "TrainConfig",
    "Trainer",
    "TrainingSummary",
    "Tuning",
    "__version__",
    "augment",
    "augmented",
    "bench",
    "build_model",
    "check",
    "config",
    "convert",
    "convert_samples",
    "data",
    "evaluate",
    "evaluate_pairs",
    "evaluation",
    "export",
    "heads",
    "inference",
    "kernels",
    "load",
    "losses",
    "make_head",
    "make_optimizer",
    "metrics",
    "networks",
    "plot_augmentations",
    "plot_curves",
    "plot_instances",
    "predict_files",
    "random",
    "register",
    "replay",
    "sample",
    "training",
    "training_batches",
    "tune",
    "validation_batches",
]
