"""Keras's optimizers by name, with what the other options of a training say about them."""

from __future__ import annotations

import inspect

import keras

from tfseg import checks
from tfseg.config import HEADS, TrainConfig
from tfseg.training.muon import Muon
from tfseg.training.schedules import Schedule

# What Keras would do too, but before the gradients of the replicas are summed, or not in the graph.
_ELSEWHERE = {
    "learning_rate": "learning_rate",
    "weight_decay": "weight_decay",
    "adam_weight_decay": "weight_decay",
    "clipnorm": "clip_norm",
    "clipvalue": "clip_norm",
    "global_clipnorm": "clip_norm",
    "use_ema": "ema",
    "ema_momentum": "ema",
    "ema_overwrite_frequency": "ema",
    "gradient_accumulation_steps": "accumulate",
}
_WITHOUT_DECAY = ["bias", "gamma", "beta"]


def make_optimizer(
    config: TrainConfig, schedule: Schedule | None = None
) -> keras.optimizers.Optimizer:
    """Returns the optimizer, not yet built, on `schedule`, by default the one of `config`.

    Raises:
        InputError: an option that the optimizer does not have, or that another option stands for.
    """
    kind = (
        Muon if config.optimizer == Muon.__name__ else getattr(keras.optimizers, config.optimizer)
    )
    known = set(inspect.signature(kind).parameters) - {"kwargs", "name", "loss_scale_factor"}
    for name in config.optimizer_options:
        if name in _ELSEWHERE:
            raise checks.InputError(
                f"train.optimizer_options must not have {name}; give train.{_ELSEWHERE[name]}."
            )
        checks.one_of(
            f"A name in train.optimizer_options of {config.optimizer}",
            name,
            known - _ELSEWHERE.keys(),
        )
    options = dict(config.optimizer_options)
    if kind is Muon:
        options["adam_weight_decay"] = config.weight_decay
        options.setdefault("exclude_layers", list(HEADS))  # the last layer is called as its head
    try:
        optimizer = kind(schedule or Schedule(config), weight_decay=config.weight_decay, **options)
    except (TypeError, ValueError) as error:
        raise checks.InputError(
            f"train.optimizer_options does not suit {config.optimizer}: {error}"
        ) from error
    optimizer.exclude_from_weight_decay(var_names=_WITHOUT_DECAY)
    return optimizer
