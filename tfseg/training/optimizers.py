"""Keras's optimizers by name, with what the other options of a training say about them."""

from __future__ import annotations

import inspect

import keras

from tfseg import checks
from tfseg.config import HEADS, RunConfig
from tfseg.training.muon import Muon
from tfseg.training.schedules import Schedule

# What Keras would do too, but before the gradients of the replicas are summed, or not in the graph.
_ELSEWHERE = {
    "learning_rate": "optimizer.learning_rate",
    "weight_decay": "optimizer.weight_decay",
    "adam_weight_decay": "optimizer.weight_decay",
    "clipnorm": "optimizer.clip_norm",
    "clipvalue": "optimizer.clip_norm",
    "global_clipnorm": "optimizer.clip_norm",
    "use_ema": "optimizer.ema",
    "ema_momentum": "optimizer.ema",
    "ema_overwrite_frequency": "optimizer.ema",
    "gradient_accumulation_steps": "train.accumulate",
}
_WITHOUT_DECAY = ["bias", "gamma", "beta"]


def make_optimizer(
    config: RunConfig, schedule: Schedule | None = None
) -> keras.optimizers.Optimizer:
    """Returns the optimizer, not yet built, on `schedule`, by default the one of `config`.

    Raises:
        InputError: an option that the optimizer does not have, or that another option stands for.
    """
    group = config.optimizer
    kind = Muon if group.name == Muon.__name__ else getattr(keras.optimizers, group.name)
    known = set(inspect.signature(kind).parameters) - {"kwargs", "name", "loss_scale_factor"}
    for name in group.options:
        if name in _ELSEWHERE:
            raise checks.InputError(
                f"optimizer.options must not have {name}; give {_ELSEWHERE[name]}."
            )
        checks.one_of(
            f"A name in optimizer.options of {group.name}",
            name,
            known - _ELSEWHERE.keys(),
        )
    options = dict(group.options)
    if kind is Muon:
        options["adam_weight_decay"] = group.weight_decay
        options.setdefault("exclude_layers", list(HEADS))  # the last layer is called as its head
    try:
        schedule = schedule or Schedule(group, steps=config.train.steps)
        optimizer = kind(schedule, weight_decay=group.weight_decay, **options)
    except (TypeError, ValueError) as error:
        raise checks.InputError(f"optimizer.options does not suit {group.name}: {error}") from error
    optimizer.exclude_from_weight_decay(var_names=_WITHOUT_DECAY)
    return optimizer
