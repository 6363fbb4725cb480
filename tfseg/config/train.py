"""Duration and batches of a training."""

from __future__ import annotations

import dataclasses

from tfseg import calls, checks
from tfseg.config.fields import check_numbers, free_on_resume, match_names

ON_NONFINITE = ("skip", "stop")
AUGMENT_ON = ("host", "device")
DEFAULT_STEPS = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig(metaclass=calls.Public):
    """Duration and batches of a training.

    Attributes:
        steps: optimizer steps in total; empty uses 1000, unless epochs or minutes are given.
        epochs: passes over the data, instead of `steps`.
        minutes: training time, instead of `steps`: the schedule of the learning rate follows the
            clock, and the run ends when the time is up. config.yaml then has the number of steps,
            and `progress`.
        progress: of the schedule of a run with `minutes`, which another run with the same `steps`
            can repeat: triples of a step, the position in [0, 1] there, and the step to which it
            rises linearly to 1. Empty: it rises linearly over all steps after the warm-up.
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
        augment_on: where a trainer augments and makes targets: on the host, while the device
            computes; or on the device at the beginning of each step, which leaves the host only
            reading, decoding and cutting. The ids are the same, the pixels to 1e-5.

    Examples:
        >>> tfseg.RunConfig(train=tfseg.TrainConfig(epochs=10, batch_size=4)).train.steps is None
        True
    """

    steps: int | None = free_on_resume(None)
    epochs: float = free_on_resume(0.0)
    minutes: float = free_on_resume(0.0)
    progress: tuple[tuple[int, float, int], ...] = free_on_resume(())
    batch_size: int = 8
    accumulate: int = 1
    init: str = ""
    patience: int = free_on_resume(0)
    on_nonfinite: str = free_on_resume("stop")
    augment_on: str = free_on_resume("host")

    def __post_init__(self) -> None:
        numbers = ("batch_size", "accumulate", *(("steps",) if self.steps is not None else ()))
        check_numbers(self, "train", checks.integer, numbers, low=1)
        check_numbers(self, "train", checks.in_range, ("epochs", "minutes"), low=0.0)
        check_numbers(self, "train", checks.integer, ("patience",), low=0)
        match_names(self, "train", on_nonfinite=ON_NONFINITE, augment_on=AUGMENT_ON)
        lengths = {"steps": self.steps, "epochs": self.epochs, "minutes": self.minutes}
        given = [f"{name} {value:g}" for name, value in lengths.items() if value]
        if len(given) > 1:
            raise checks.InputError(
                "Only one of train.steps, train.epochs and train.minutes may be given; got "
                f"{' and '.join(given)}. Leave out the others, or set train.steps to null and "
                "train.epochs and train.minutes to 0."
            )
        self._check_progress()

    def _check_progress(self) -> None:
        checks.sequence("train.progress", self.progress, "[[20,0.0,900],[900,1.0,900]]")
        for line in self.progress:
            checks.sequence("A part of train.progress", line, "[20,0.0,900]")
            if len(line) != 3:
                raise checks.InputError(
                    f"A part of train.progress must have 3 values: step, position, end; got {line}."
                )
            checks.integer("A step of train.progress", line[0], low=0)
            checks.in_range("A position of train.progress", line[1], low=0.0, high=1.0)
            checks.integer("An end of train.progress", line[2], low=line[0])
        starts = [line[0] for line in self.progress]
        if starts != sorted(set(starts)):
            raise checks.InputError(
                f"The steps of train.progress must increase; got {starts}. Take the values that "
                "a run with train.minutes wrote to its config.yaml."
            )
        if starts and starts[-1] != self.steps:
            raise checks.InputError(
                f"train.progress must end at the last step; it ends at {starts[-1]}, and "
                f"train.steps is {self.steps}. Set train.progress to [] for a plain schedule."
            )
