"""How long a network is trained, and on what batches."""

from __future__ import annotations

import dataclasses

from tfseg import checks
from tfseg.config.fields import free_on_resume

ON_NONFINITE = ("skip", "stop")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How long the network is trained, and on what batches.

    Attributes:
        steps: optimizer steps in total.
        epochs: passes over the data, which replace `steps`; 0 uses `steps`.
        minutes: training time, which replaces `steps`: before the run starts, the speed of a few
            steps gives their number, which is written to config.yaml; 0 uses `steps`.
        batch_size: samples per batch, over all replicas together.
        accumulate: batches per step: the gradients of all of them are added up. Only batch
            normalisation differs from one large batch: its statistics are those of each batch.
        init: folder of a run, or a checkpoint, from which the network's first weights are taken.
            Layers of another shape, as with another head, start from scratch and are named. Empty:
            the whole network starts from scratch.
        patience: training ends after so many validations in a row without an improvement of
            `log.best`; 0 never ends it early.
        on_nonfinite: what to do if loss or gradients of a step are not finite; such a step changes
            no weights. stop, or skip, which counts the step in history.csv. nonfinite.csv has the
            ids of its samples.
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
