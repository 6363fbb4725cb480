"""run.json: the provenance of a run, so that it can be repeated and explained."""

from __future__ import annotations

import datetime
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfseg import atomic, config
from tfseg.checks import InputError
from tfseg.config import RunConfig
from tfseg.data.dataset.dataset import INFO_FILE, Dataset, file_sha256
from tfseg.data.dataset.mixture import parts_of
from tfseg.data.files.paths import DataPath, is_remote
from tfseg.training.session import Session
from tfseg.version import versions

_PACKAGES = ("tensorflow", "keras", "numpy", "segmentation-models")


def record(path: Path, session: Session, *, first_step: int) -> None:
    """Writes configuration, data and this start to `path`, and keeps earlier starts.

    Args:
        path: of run.json.
        session: the session that will train.
        first_step: number of steps already done.

    Raises:
        InputError: the file of the earlier starts is damaged.
    """
    dataset = session.dataset
    starts = _starts(path) if path.exists() else []
    content = {
        "config": config.to_dict(session.config),
        "data": [
            {"path": _absolute(part.path), "sha256": checksum(part)} for part in parts_of(dataset)
        ],
        "starts": [*starts, {"first_step": first_step, **_start(session)}],
    }
    text = json.dumps(content, indent=2) + "\n"
    atomic.write_text(path, text)


def write_config(path: Path, run_config: RunConfig) -> None:
    """Replaces the configuration in `path`, a run.json."""
    content = json.loads(path.read_text(encoding="utf-8"))
    text = json.dumps(content | {"config": config.to_dict(run_config)}, indent=2) + "\n"
    atomic.write_text(path, text)


def _starts(path: Path) -> list[dict[str, Any]]:
    try:
        return list(json.loads(path.read_text(encoding="utf-8"))["starts"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise InputError(
            f"{path} must be the record of the earlier starts of the run; it cannot be read "
            f"({error}). Restore or remove it, then resume again."
        ) from error


def checksum(dataset: Dataset) -> str:
    """Returns the SHA-256 of dataset.json, which contains the SHA-256 of all shards, in hex."""
    return file_sha256(dataset.path / INFO_FILE)


def _absolute(path: DataPath) -> str:
    return str(path if is_remote(path) else path.resolve())


def _start(session: Session) -> dict[str, Any]:
    devices = [str(device) for device in session.strategy.extended.worker_devices]
    return {
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": shlex.join(sys.argv),
        "versions": versions(*_PACKAGES),
        "git_commit": git_commit(),
        "devices": devices,
        "gpus": [
            tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
            for gpu in tf.config.list_physical_devices("GPU")
        ],
    }


def git_commit() -> str | None:
    """Returns the commit of the working directory, with "+" if files differ from it."""

    def git(*arguments: str) -> str:
        result = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, check=True, timeout=10
        )
        return result.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None
