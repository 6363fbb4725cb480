"""Thresholds tuned after the training, in a small file in the folder of the run."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tfseg import atomic, checks
from tfseg.config import ModelConfig, check_head_options, frozen
from tfseg.run_files import THRESHOLDS


class Tuned(NamedTuple):
    """The tuned options of a head, and how they were chosen; both are empty without a tuning."""

    options: dict[str, Any]
    facts: dict[str, Any]

    def check_step(self, run_dir: Path, step: int) -> None:
        """Warns if the thresholds were chosen for the weights of another step."""
        if (tuned_at := self.facts.get("step", step)) != step:
            warnings.warn(
                f"{run_dir / THRESHOLDS} was tuned for the weights of step {tuned_at}; these are "
                f"of step {step}. Run tfseg tune again.",
                stacklevel=3,
            )


def write(run_dir: Path, options: dict[str, float], **facts: Any) -> Path:
    """Writes the tuned `options` of the head, and `facts` of the tuning, into a run directory."""
    path = run_dir / THRESHOLDS
    text = yaml.safe_dump({**facts, "head_options": options}, sort_keys=False)
    atomic.write_text(path, text)
    return path


def read(run_dir: Path, model: ModelConfig) -> Tuned:
    """Returns the tuned options of the run.

    Raises:
        InputError: the file is damaged, or belongs to another head.
    """
    path = run_dir / THRESHOLDS
    if not path.is_file():
        return Tuned({}, {})
    try:
        facts = dict(yaml.safe_load(path.read_text(encoding="utf-8")))
        options = facts.pop("head_options")
        check_head_options(model.head, frozen(options))
    except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise checks.InputError(
            f"{path} cannot be used ({reason}). Remove it, or run tfseg tune again."
        ) from error
    return Tuned(frozen(options), facts)
