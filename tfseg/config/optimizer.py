"""How the weights are updated."""

from __future__ import annotations

import dataclasses
from typing import Any

from tfseg import calls, checks
from tfseg.config.fields import check_numbers, match_names

# Optimizers of Keras that need only the gradients, by their Keras names.
OPTIMIZERS = (
    *("Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion"),
    *("Muon", "Nadam", "RMSprop", "SGD"),
)
SCHEDULES = ("constant", "cosine", "plateau", "poly", "step")


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimizerConfig(metaclass=calls.Public):
    """How the weights are updated: optimizer, learning rate, regularisation.

    Attributes:
        name: a class of keras.optimizers, such as AdamW, Lamb, Lion, Muon or SGD, or its name in
            small letters, such as adamw. Muon updates the
            kernels of convolutions and leaves all other weights to AdamW. On a CPU it is slow for
            kernels with 512 channels, as in the encoders of segmentation-models.
        options: further arguments of this class, such as {momentum: 0.9}.
        learning_rate: peak of the schedule.
        schedule: learning rate after the warm-up: constant, cosine, poly (falls as (1 - progress)
            ** power), step (falls by a factor at each milestone) or plateau (falls by a factor
            after some validations in a row without an improvement of `log.best`).
        schedule_options: "power" of poly; "milestones", as shares of the steps, and "factor" of
            step; "patience", a number of validations, and "factor" of plateau; "final" of cosine
            and poly, the last learning rate as a share of the peak.
        warmup_steps: number of first steps in which the learning rate rises linearly to its peak;
            empty uses 20, but at most a fifth of the steps.
        weight_decay: decoupled weight decay, multiplied by the learning rate; biases and
            normalisation layers have none.
        clip_norm: gradients are scaled down to this global norm; 0 does not clip.
        freeze_encoder: number of first steps in which the encoder's weights do not change or decay;
            the moving averages of its batch normalisation are still updated.
        encoder_learning_rate: learning rate of the encoder as a share of the learning rate of other
            layers; such as 0.1 for a pretrained encoder.
        ema: decay per step of a moving average of the weights. The average is validated, used for
            prediction and exported instead of the weights; 0 keeps none.

    Examples:
        >>> tfseg.OptimizerConfig(name="adam", learning_rate=1e-3).name
        'Adam'
    """

    name: str = "Muon"
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    learning_rate: float = 1e-2
    schedule: str = "cosine"
    schedule_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    warmup_steps: int | None = None
    weight_decay: float = 1e-4
    clip_norm: float = 0.0
    freeze_encoder: int = 0
    encoder_learning_rate: float = 1.0
    ema: float = 0.0

    def __post_init__(self) -> None:
        match_names(self, "optimizer", name=OPTIMIZERS, schedule=SCHEDULES)
        for name in ("options", "schedule_options"):
            checks.mapping(f"optimizer.{name}", getattr(self, name))
        steps = ("freeze_encoder", *(("warmup_steps",) if self.warmup_steps is not None else ()))
        check_numbers(self, "optimizer", checks.integer, steps, low=0)
        for names, high in (
            (("learning_rate", "encoder_learning_rate"), 10.0),
            (("weight_decay", "ema"), 1.0),
            (("clip_norm",), float("inf")),
        ):
            check_numbers(self, "optimizer", checks.in_range, names, low=0.0, high=high)
        if self.name == "SGD" and self.options.get("nesterov") and not self.options.get("momentum"):
            raise checks.InputError(
                "optimizer.options nesterov has no effect without momentum. Give momentum, such as "
                "{momentum: 0.9, nesterov: true}."
            )
        if self.name == "Ftrl" and (self.freeze_encoder, self.encoder_learning_rate) != (0, 1):
            raise checks.InputError(
                "optimizer.freeze_encoder and optimizer.encoder_learning_rate have no effect with "
                "Ftrl, which computes the weights from the sum of all gradients. Use another "
                "optimizer.name."
            )
