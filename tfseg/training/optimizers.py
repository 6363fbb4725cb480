"""Optimizers of Keras by name, with the learning rate and weight decay of a configuration."""

from __future__ import annotations

import inspect

import keras

from tfseg import calls, checks
from tfseg.config import HEADS, RunConfig
from tfseg.config.train import DEFAULT_STEPS
from tfseg.training.muon import Muon
from tfseg.training.schedules import Schedule

# Arguments of Keras's optimizers that fields of the configuration replace. Keras would apply them
# before the gradients of the replicas are summed, or outside the graph.
_REPLACED_BY = {
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


@calls.check
def make_optimizer(
    config: RunConfig, schedule: Schedule | None = None
) -> keras.optimizers.Optimizer:
    """Returns the optimizer of `config`, not yet built.

    Args:
        config: of the run.
        schedule: of the learning rate; by default from `config`, which then has no epochs or
            minutes.

    Raises:
        InputError: the optimizer does not have an option, another field replaces it, or the number
            of steps is not known.

    Examples:
        >>> config = tfseg.RunConfig(optimizer=tfseg.OptimizerConfig(name="adam"))
        >>> type(tfseg.make_optimizer(config)).__name__
        'Adam'
    """
    group = config.optimizer
    kind = Muon if group.name == Muon.__name__ else getattr(keras.optimizers, group.name)
    known = set(inspect.signature(kind).parameters) - {"kwargs", "name", "loss_scale_factor"}
    for name in group.options:
        if name in _REPLACED_BY:
            raise checks.InputError(
                f"optimizer.options must not have {name}; give {_REPLACED_BY[name]}."
            )
        checks.one_of(
            f"A name in optimizer.options of {group.name}",
            name,
            known - _REPLACED_BY.keys(),
        )
    options = dict(group.options)
    if kind is Muon:
        options["adam_weight_decay"] = group.weight_decay
        options.setdefault("exclude_layers", list(HEADS))  # the last layer has the head's name
    schedule = schedule or _schedule_of_steps(config)
    try:
        optimizer = kind(schedule, weight_decay=group.weight_decay, **options)
    except (TypeError, ValueError) as error:
        raise checks.InputError(f"optimizer.options does not suit {group.name}: {error}") from error
    optimizer.exclude_from_weight_decay(var_names=_WITHOUT_DECAY)
    return optimizer


def _schedule_of_steps(config: RunConfig) -> Schedule:
    train = config.train
    if train.epochs or train.minutes:
        raise checks.InputError(
            "train.steps must be given for an optimizer without a data set; got train.epochs "
            f"{train.epochs:g} and train.minutes {train.minutes:g}."
        )
    return Schedule(config.optimizer, steps=train.steps or DEFAULT_STEPS)
