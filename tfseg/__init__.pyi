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
from .config import DataConfig, ModelConfig, RunConfig, TrainConfig
from .data.check import Finding, check
from .data.convert import convert
from .data.formats.base import Reading
from .data.pipeline import augmented, training_batches, validation_batches
from .data.replay import Replay, replay
from .data.samples import convert_samples
from .data.store import Dataset
from .evaluation.bench import BenchReport, Speed, StageSpeed, bench
from .evaluation.curves import plot_curves
from .evaluation.evaluate import evaluate
from .evaluation.plots import plot_instances
from .evaluation.previews import plot_augmentations
from .evaluation.report import Report
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
    "Evaluation",
    "Finding",
    "InputError",
    "Instances",
    "ModelConfig",
    "PredictReport",
    "Reading",
    "Replay",
    "Report",
    "RunConfig",
    "Segmenter",
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
    "replay",
    "sample",
    "training",
    "training_batches",
    "tune",
    "validation_batches",
]
