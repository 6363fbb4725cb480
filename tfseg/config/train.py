"""Duration and batches of a training."""

from __future__ import annotations

import dataclasses

from tfseg import checks
from tfseg.config.fields import free_on_resume

ON_NONFINITE = ("skip", "stop")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Duration and batches of a training.

    Attributes:
        steps: optimizer steps in total.
        epochs: passes over the data, which replace `steps`; 0 uses `steps`.
        minutes: training time, which replaces `steps`: before the run starts, a few steps are timed
            to compute their number, which is written to config.yaml; 0 uses `steps`.
        batch_size: samples per batch, over all replicas.
        accumulate: batches per step, with gradients added up. Only batch normalisation differs from
            one large batch: it uses the statistics of each batch.
        init: folder of a run, or a checkpoint in it, with the initial weights of the network. Maps
            and classes are taken by their names. What the run does not have, and layers with
            another shape, start from scratch and are named. Empty: all layers start from scratch.
        patience: training ends after this many validations in a row without an improvement of
            `log.best`; 0 never ends it early.
        on_nonfinite: reaction to a step with non-finite loss or gradients, which changes no
            weights: stop, or skip, which counts the step in history.csv. nonfinite.csv has the ids
            of its samples.
    """

    steps: int = free_on_resume(1000)
    epochs: float = free_on_resume(0.0)
    minutes: float = free_on_resume(0.0)
    batch_size: int = 8
    accumulate: int = 1
    init: str = ""
    patience: int = free_on_resume(0)
    on_nonfinite: str = free_on_resume("stop")

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulate"):
            checks.integer(f"train.{name}", getattr(self, name), low=1)
        for name in ("epochs", "minutes"):
            checks.in_range(f"train.{name}", getattr(self, name), low=0.0)
        if self.epochs and self.minutes:
            raise checks.InputError(
                "Only one of train.epochs and train.minutes may be set; "
                f"got {self.epochs:g} and {self.minutes:g}. Leave one of them 0."
            )
        checks.integer("train.patience", self.patience, low=0)
        checks.one_of("train.on_nonfinite", self.on_nonfinite, ON_NONFINITE)
