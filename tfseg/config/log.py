"""Logging, validation and checkpoints of a training."""

from __future__ import annotations

import dataclasses

from tfseg import calls, checks
from tfseg.config.fields import check_numbers, free_on_resume, match_names

# Metrics by which the best checkpoint may be chosen.
BEST_METRICS = ("loss", "ap50", "pq", "dice", "iou")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LogConfig(metaclass=calls.Public):
    """Logging, validation and checkpoints of a training.

    Attributes:
        log_every: steps between two rows of history.csv.
        checkpoint_every: steps between two checkpoints.
        keep: number of last checkpoints to keep, in case the newest is damaged.
        validate_every: steps between two validations on the centre crops of the split val, if the
            data set has one: loss, ap50, pq, dice and iou; 0 validates with every checkpoint.
        validation_images: number of images of the split to validate, from the first on; 0 uses all.
        best: metric of the validation that chooses the best checkpoint, and that `train.patience`
            watches: loss, ap50, pq, dice or iou.

    Examples:
        >>> tfseg.RunConfig(log=tfseg.LogConfig(best="ap50")).log.validate_every
        0
    """

    log_every: int = free_on_resume(10)
    checkpoint_every: int = free_on_resume(100)
    keep: int = free_on_resume(2)
    validate_every: int = 0
    validation_images: int = 0
    best: str = "loss"

    def __post_init__(self) -> None:
        check_numbers(self, "log", checks.integer, ("log_every", "checkpoint_every", "keep"), low=1)
        check_numbers(self, "log", checks.integer, ("validate_every", "validation_images"), low=0)
        match_names(self, "log", best=BEST_METRICS)
