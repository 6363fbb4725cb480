"""Where the weights and thresholds of a network come from, for every file of its results."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from tfseg.config import ModelConfig
from tfseg.heads import head_without_classes
from tfseg.inference.thresholds import Tuned
from tfseg.run_files import RECORD


@dataclasses.dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the weights and thresholds of a network come from.

    Attributes:
        run: folder of the run; empty for a network that is not of a run.
        checkpoint: "best" or "last".
        step: optimizer steps of the checkpoint.
        thresholds: values of the options that only the decoding reads.
        tuned: how `tune` chose them, as in thresholds.yaml; empty for those of config.yaml.
        data: "path" and "sha256" of dataset.json of each data set of the training, as in run.json.
    """

    run: str = ""
    checkpoint: str = ""
    step: int = 0
    thresholds: dict[str, float]
    tuned: dict[str, Any] = dataclasses.field(default_factory=dict)
    data: list[dict[str, str]] = dataclasses.field(default_factory=list)

    @classmethod
    def of_run(
        cls, run_dir: Path, model: ModelConfig, *, checkpoint: str, step: int, tuned: Tuned
    ) -> Origin:
        """Returns the origin of a network of a run."""
        return cls(
            run=str(run_dir.resolve()),
            checkpoint=checkpoint,
            step=step,
            thresholds=thresholds_of(model),
            tuned=tuned.facts,
            data=_data_of(run_dir / RECORD),
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values."""
        return dataclasses.asdict(self)


def thresholds_of(model: ModelConfig) -> dict[str, float]:
    """Returns the values of the options that only the decoding reads."""
    head = head_without_classes(model)
    return {name: getattr(head, name) for name in head.tunable}


def _data_of(record: Path) -> list[dict[str, str]]:
    """Returns the data sets in run.json; none if it is missing or damaged: results need none."""
    try:
        data = json.loads(record.read_text(encoding="utf-8"))["data"]
        return [{"path": entry["path"], "sha256": entry["sha256"]} for entry in data]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return []
