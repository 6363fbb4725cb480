"""How a network is trained."""

from __future__ import annotations

import dataclasses
from typing import Any

from tfseg import checks

# Those of Keras that train weights by their gradients alone, by their Keras names.
OPTIMIZERS = (
    *("Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion"),
    *("Muon", "Nadam", "RMSprop", "SGD"),
)
SCHEDULES = ("constant", "cosine", "plateau", "poly", "step")
ON_NONFINITE = ("skip", "stop")
STRATEGIES = ("auto", "multi_worker", "mirrored", "one_device")
# What the best checkpoint may be chosen by.
FIGURES = ("loss", "ap50", "pq", "dice", "iou")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How the network is trained.

    Attributes:
        steps: optimizer steps in all.
        epochs: passes over the data, in place of steps; 0 leaves it to them.
        minutes: time of the training, in place of steps: they are fixed before it begins, from the
            speed of the first few, and stand in config.yaml; 0 leaves it to them.
        batch_size: samples a batch, over all replicas together.
        accumulate: batches a step; the step is that of one batch with all their samples, but for
            the statistics of batch normalisation.
        optimizer: a class of keras.optimizers, such as AdamW, Lamb, Lion, Muon or SGD. Muon moves
            the kernels of convolutions, and by AdamW all else; on a CPU it is slow where they have
            512 channels, as in the encoders of segmentation-models.
        optimizer_options: further arguments of that class, such as {momentum: 0.9}.
        schedule: course of the learning rate after the warm-up: constant, cosine, poly (falls as
            (1 - progress) ** power), step (falls by a factor at each milestone) or plateau (falls
            by a factor after each row of validations without a better `best`).
        schedule_options: "power" of poly; "milestones", shares of the steps, and "factor" of step;
            "patience", validations in such a row, and "factor" of plateau; "final", share of the
            peak at which cosine and poly end.
        learning_rate: peak of the schedule.
        warmup_steps: steps of linear rise to the peak.
        freeze_encoder: steps from the first on in which the weights of the encoder stay as they
            are, and do not decay; the averages of its batch normalisation follow the data.
        encoder_learning_rate: of the encoder, as a share of the others'; for one that was trained
            before, such as 0.1.
        weight_decay: decoupled decay, times the learning rate; biases and normalisations have none.
        clip_norm: gradients are scaled down to this norm of all of them together; 0 leaves them.
        precision: what layers compute in: float32, or half of it with weights, last layer and
            losses in float32, as mixed_bfloat16 or mixed_float16, with a loss scale of its own. For
            GPUs: a CPU is slower with them. Prediction is always in float32.
        ema: decay a step of a moving average of the weights, which is then what is validated,
            predicted with and exported; 0 keeps none.
        on_nonfinite: what follows a step whose loss or gradients are not finite, and that therefore
            changed nothing: stop, or skip, which counts it in history.csv. nonfinite.csv names its
            samples.
        log_every: steps between two rows of history.csv.
        checkpoint_every: steps between two checkpoints.
        validate_every: steps between two validations on the middle crops of the `val` split, where
            there is one: loss, ap50, pq, dice and iou; 0 validates with every checkpoint.
        validation_images: images of the split that are validated on, from the first on; 0 takes
            all.
        best: figure of the validation that chooses the best checkpoint, and that patience is about:
            loss, ap50, pq, dice or iou.
        keep: last checkpoints that are kept, in case the newest is damaged.
        patience: validations in a row without a better one that end the training; 0 goes on.
        strategy: over what the training is spread: auto (multi_worker where TF_CONFIG or srun names
            several processes, else mirrored), multi_worker, mirrored (over `devices`), or
            one_device, the first of them.
        init: a run, or a checkpoint of one, whose network's weights are the first ones; layers of
            another shape, as with another head, begin anew and are named. Empty begins all anew.
        deterministic: lets TensorFlow take operations that give the same bits every time on a GPU
            too, for the rest of the process; they are slower, some several times. On a CPU the same
            seed gives the same bits without it.
        jit_compile: compiles forward and backward pass by XLA, on one device. On a CPU a step is
            slower with it and the first one takes 10 s more; a GPU may be faster.
        devices: devices to mirror over, such as CPU:0 CPU:1; empty takes every visible GPU, or the
            CPU where there is none.
    """

    steps: int = 1000
    epochs: float = 0.0
    minutes: float = 0.0
    batch_size: int = 8
    accumulate: int = 1
    optimizer: str = "Muon"
    optimizer_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    schedule: str = "cosine"
    schedule_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    learning_rate: float = 1e-2
    warmup_steps: int = 20
    freeze_encoder: int = 0
    encoder_learning_rate: float = 1.0
    weight_decay: float = 1e-4
    clip_norm: float = 0.0
    precision: str = "float32"
    ema: float = 0.0
    on_nonfinite: str = "stop"
    log_every: int = 10
    checkpoint_every: int = 100
    validate_every: int = 0
    validation_images: int = 0
    best: str = "loss"
    keep: int = 2
    patience: int = 0
    strategy: str = "auto"
    init: str = ""
    deterministic: bool = False
    jit_compile: bool = False
    devices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulate", "log_every", "checkpoint_every", "keep"):
            checks.integer(f"train.{name}", getattr(self, name), low=1)
        for name in ("epochs", "minutes"):
            checks.in_range(f"train.{name}", getattr(self, name), low=0.0)
        if self.epochs and self.minutes:
            raise checks.InputError(
                "train.epochs and train.minutes are two budgets; "
                f"got {self.epochs:g} and {self.minutes:g}. Give one of them."
            )
        checks.one_of("train.optimizer", self.optimizer, OPTIMIZERS)
        checks.one_of("train.schedule", self.schedule, SCHEDULES)
        checks.one_of("train.on_nonfinite", self.on_nonfinite, ON_NONFINITE)
        checks.one_of("train.strategy", self.strategy, STRATEGIES)
        checks.one_of("train.best", self.best, FIGURES)
        checks.one_of("train.precision", self.precision, PRECISIONS)
        for name in ("optimizer_options", "schedule_options"):
            checks.mapping(f"train.{name}", getattr(self, name))
        checks.in_range("train.learning_rate", self.learning_rate, low=0.0, high=10.0)
        highest = self.steps if not (self.epochs or self.minutes) else 2**31 - 1
        checks.integer("train.warmup_steps", self.warmup_steps, low=0, high=highest)
        checks.in_range("train.weight_decay", self.weight_decay, low=0.0, high=1.0)
        checks.in_range("train.clip_norm", self.clip_norm, low=0.0)
        checks.in_range("train.ema", self.ema, low=0.0, high=1.0)
        self._check_encoder()
        for name in ("validate_every", "validation_images", "patience"):
            checks.integer(f"train.{name}", getattr(self, name), low=0)
        for name in ("deterministic", "jit_compile"):
            checks.flag(f"train.{name}", getattr(self, name))
        checks.sequence("train.devices", self.devices, "[CPU:0]")

    def _check_encoder(self) -> None:
        checks.integer("train.freeze_encoder", self.freeze_encoder, low=0)
        checks.in_range(
            "train.encoder_learning_rate", self.encoder_learning_rate, low=0.0, high=10.0
        )
        if self.optimizer == "Ftrl" and (self.freeze_encoder, self.encoder_learning_rate) != (0, 1):
            raise checks.InputError(
                "train.freeze_encoder and train.encoder_learning_rate are not for Ftrl, whose "
                "weights are a function of the sum of all gradients, however little they were "
                "moved by them. Take another train.optimizer."
            )
