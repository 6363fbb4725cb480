"""What was chosen for a run after its training: a small file beside its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tfseg import atomic, checks
from tfseg.config import ModelConfig, frozen
from tfseg.heads import make_head
from tfseg.run_files import THRESHOLDS


def write(run_dir: Path, options: dict[str, float], **facts: Any) -> Path:
    """Writes the `options` of the head that were chosen, and how, into a run directory."""
    path = run_dir / THRESHOLDS
    text = yaml.safe_dump({**facts, "head_options": options}, sort_keys=False)
    atomic.write_text(path, text)
    return path


def read(run_dir: Path, model: ModelConfig) -> dict[str, Any]:
    """Returns the options that were chosen for the run; none where there is no such file.

    Raises:
        InputError: the file is damaged, or of another head.
    """
    path = run_dir / THRESHOLDS
    if not path.is_file():
        return {}
    try:
        options = yaml.safe_load(path.read_text(encoding="utf-8"))["head_options"]
        make_head(model.head, **frozen(options))
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise checks.InputError(
            f"{path} cannot be used ({reason}); remove it, or choose again: tfseg tune."
        ) from error
    return frozen(options)
