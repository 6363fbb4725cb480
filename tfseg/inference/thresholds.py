"""Thresholds tuned after the training, in a small file in the folder of the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tfseg import atomic, checks
from tfseg.config import ModelConfig, check_head_options, frozen
from tfseg.run_files import THRESHOLDS


def write(run_dir: Path, options: dict[str, float], **facts: Any) -> Path:
    """Writes the tuned `options` of the head, and `facts` of the tuning, into a run directory."""
    path = run_dir / THRESHOLDS
    text = yaml.safe_dump({**facts, "head_options": options}, sort_keys=False)
    atomic.write_text(path, text)
    return path


def read(run_dir: Path, model: ModelConfig) -> dict[str, Any]:
    """Returns the tuned options of the run; empty if it was not tuned.

    Raises:
        InputError: the file is damaged, or belongs to another head.
    """
    path = run_dir / THRESHOLDS
    if not path.is_file():
        return {}
    try:
        options = yaml.safe_load(path.read_text(encoding="utf-8"))["head_options"]
        check_head_options(model.head, frozen(options))
    except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise checks.InputError(
            f"{path} cannot be used ({reason}). Remove it, or run tfseg tune again."
        ) from error
    return frozen(options)
