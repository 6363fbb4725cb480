"""run.json: the provenance of a run, so that it can be repeated and explained."""

from __future__ import annotations

import datetime
import json
import shlex
import subprocess
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfseg import atomic, config
from tfseg.checks import InputError
from tfseg.config import RunConfig
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.dataset.integrity import info_sha256, records_sha256
from tfseg.data.dataset.mixture import parts_of
from tfseg.data.files.paths import DataPath, is_remote
from tfseg.training.session import Session
from tfseg.version import versions

_PACKAGES = ("tensorflow", "keras", "numpy", "segmentation-models")
_SPLITS = ("train", "val")  # those that a training reads


def record(path: Path, session: Session, *, first_step: int) -> None:
    """Writes configuration, data and this start to `path`, and keeps earlier starts.

    Args:
        path: of run.json.
        session: the session that will train.
        first_step: number of steps already done.

    Raises:
        InputError: the file of the earlier starts is damaged, or cannot be written.
    """
    before = _read(path) if path.exists() else {"data": [], "starts": []}
    content = {
        "config": config.to_dict(session.config),
        "data": [_data(part, before["data"]) for part in parts_of(session.dataset)],
        "starts": [*before["starts"], {"first_step": first_step, **_start(session)}],
    }
    _write(path, content)


def _write(path: Path, content: dict[str, Any]) -> None:
    with atomic.writing(path, "Free some space, or choose another run directory."):
        atomic.write_text(path, json.dumps(content, indent=2) + "\n")


def write_config(path: Path, run_config: RunConfig) -> None:
    """Replaces the configuration in `path`, a run.json.

    Raises:
        InputError: the file cannot be written.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    _write(path, content | {"config": config.to_dict(run_config)})


def check_data(path: Path, dataset: Dataset) -> None:
    """Checks that the data of a run to resume are those it was trained on, at any path.

    dataset.json has the SHA-256 of all shards. If it differs, the records of the splits train and
    val are compared: the same records in other shards are the same training.

    Args:
        path: of run.json; if it is missing, a warning says that nothing was compared.
        dataset: to resume with.

    Raises:
        InputError: other data, or run.json is damaged.
    """
    if not path.exists():
        warnings.warn(
            f"{path} is missing, so the data were not compared with those of the run.",
            stacklevel=2,
        )
        return
    before, parts = _read(path)["data"], parts_of(dataset)
    if len(before) != len(parts):
        names = ", ".join(entry["path"] for entry in before)
        raise _other_data(f"{dataset.path}; it was trained on {names}")
    for part, entry in zip(parts, before, strict=True):
        if info_sha256(part) == entry["sha256"]:
            continue
        splits, expected = _splits(part), entry.get("splits", {})
        differing = [_difference(name, expected, splits) for name in _SPLITS]
        if any(differing):
            raise _other_data(
                f"{', '.join(filter(None, differing))} in {part.path}; it was trained on "
                f"{entry['path']}"
            )


def _difference(name: str, expected: Mapping[str, Any], present: Mapping[str, Any]) -> str:
    """Returns how a split differs from the expected one, or ""."""
    before, now = (splits.get(name, {"num_images": 0}) for splits in (expected, present))
    if before == now:
        return ""
    if (number := now["num_images"]) != before["num_images"]:
        return f"{number} instead of {before['num_images']} images of the split {name}"
    return f"other images or labels among the {number} of the split {name}"


def _other_data(difference: str) -> InputError:
    return InputError(
        f"A run must be resumed on the data it was trained on; got {difference}. Give these data, "
        "or start another run, with --train.init RUN_DIR to begin with the weights of this one."
    )


def _read(path: Path) -> dict[str, Any]:
    """Returns the content of run.json, with "data" and "starts"."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        content["starts"] = list(content["starts"])
        for entry in content["data"]:
            entry["path"], entry["sha256"]
        return content
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise InputError(
            f"{path} must be the record of the earlier starts of the run; it cannot be read "
            f"({error}). Restore or remove it, then resume again."
        ) from error


def _data(dataset: Dataset, before: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns path and content of a data set; what was already computed for it is kept."""
    digest = info_sha256(dataset)
    known = [entry["splits"] for entry in before if entry["sha256"] == digest and "splits" in entry]
    splits = known[0] if known else _splits(dataset)
    return {"path": _absolute(dataset.path), "sha256": digest, "splits": splits}


def _splits(dataset: Dataset) -> dict[str, dict[str, Any]]:
    return {
        name: {"num_images": split.num_images, "records_sha256": records_sha256(dataset, name)}
        for name, split in dataset.info.splits.items()
        if name in _SPLITS
    }


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
