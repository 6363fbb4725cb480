"""Checkpoints: one file each, written atomically.

A checkpoint is a NumPy archive of every variable, the step it belongs to, and the losses of those
steps that no row of the history has yet. The next batch is a function of the step, so nothing else
is needed to resume. The file ends with a SHA-256 of its bytes, which is compared before anything is
read: a damaged file is an error, never wrong weights.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfseg import atomic, checks
from tfseg.networks import weights

_PENDING = "pending/"  # prefix of the names of the losses
_REMEDY = "The checkpoint before it is kept; free some space or choose another run directory."


def save(
    path: Path,
    variables: Sequence[keras.Variable],
    *,
    step: int,
    loss: float,
    keep: int = 1,
    pending: Sequence[Mapping[str, Any]] = (),
) -> bool:
    """Writes `variables` atomically, if all of them are finite.

    Args:
        path: replaced only when the new file is complete and on disk.
        variables: in the order in which `weights.restore` will get them.
        step: optimizer steps done.
        loss: the best validation loss so far.
        keep: number of files; older ones are renamed to last-1.npz, last-2.npz and so on.
        pending: losses, scalars float32, of the steps after the last row of the history.

    Returns:
        Whether it was written.

    Raises:
        InputError: the file cannot be written.
    """
    arrays = {f"{index:05d}": np.asarray(variable) for index, variable in enumerate(variables)}
    if not all(np.isfinite(array).all() for array in arrays.values()):
        return False
    for name in pending[0] if pending else ():
        arrays[_PENDING + name] = np.array([losses[name] for losses in pending], np.float32)
    with atomic.writing(path, _REMEDY):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.replacing(path, durable=False) as partial:
            weights.write(partial, {"step": step, "loss": loss, **arrays})
            atomic.sync(partial)  # before the older files are renamed
            _make_room(path, keep)
        for older in _numbered(path)[keep - 1 :]:
            older.unlink()
    return True


def _make_room(path: Path, keep: int) -> None:
    """Renames `path` and the older files to the next higher number, the oldest first."""
    for number in reversed(range(1, keep)):
        newer = _older(path, number - 1) if number > 1 else path
        if newer.exists():
            newer.replace(_older(path, number))


def _older(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}-{number}{path.suffix}")


def _numbered(path: Path) -> list[Path]:
    """Returns the older files, the newest first."""
    files = path.parent.glob(f"{path.stem}-*{path.suffix}")
    return sorted(files, key=lambda file: int(file.stem.rpartition("-")[2]))


def newest(path: Path) -> Path:
    """Returns `path`, or if it is damaged or missing, the newest intact file before it.

    Damaged files are renamed, so that they do not count among the files to keep.

    Raises:
        InputError: there is no intact file, or it is of an older version.
    """
    damaged = []
    for file in [path, *_numbered(path)]:
        if not file.is_file():
            continue
        try:
            weights.read(file)
        except weights.DamagedCheckpoint:
            damaged.append(file.replace(file.with_name(f"{file.name}.damaged")))
            continue
        if damaged:
            warnings.warn(
                f"Damaged checkpoints are set aside: {checks.listed(damaged)}; resuming from "
                f"{file}.",
                stacklevel=2,
            )
        return file
    if damaged:
        raise checks.InputError(
            f"{checks.listed(damaged)} is damaged, and there is no other checkpoint; train again."
        )
    weights.require(path)
    return path


def pending(path: Path) -> list[dict[str, np.float32]]:
    """Returns the losses of the steps after the last row of the history, as `save` got them.

    Raises:
        InputError: the file is damaged.
    """
    with weights.opened(path) as file:
        names = [name for name in file.files if name.startswith(_PENDING)]
        columns = {name.removeprefix(_PENDING): file[name] for name in names}
    rows = zip(*columns.values(), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]
