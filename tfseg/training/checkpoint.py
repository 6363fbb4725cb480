"""Checkpoints: one file each, written whole or not at all.

A checkpoint is a NumPy archive of every variable and the step it belongs to, and of the figures of
those steps that no row of the history has yet. The batch that comes next is a function of the step,
so nothing else is needed to go on. The archive carries a CRC of every member, which NumPy verifies
when it reads: a damaged file is an error, never wrong weights.
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

_PENDING = "pending/"  # before the names of the figures
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
        path: replaced only when the new file is whole and on disk.
        variables: in a fixed order; any order that `weights.restore` is given again.
        step: optimizer steps done.
        loss: the best validation loss so far.
        keep: files in all; those before are renamed to last-1.npz, last-2.npz and so on.
        pending: figures, scalars float32, of the steps after the last row of the history.

    Returns:
        Whether it was written.

    Raises:
        InputError: the file cannot be written.
    """
    arrays = {f"{index:05d}": np.asarray(variable) for index, variable in enumerate(variables)}
    if not all(np.isfinite(array).all() for array in arrays.values()):
        return False
    for name in pending[0] if pending else ():
        arrays[_PENDING + name] = np.array([each[name] for each in pending], np.float32)
    with atomic.writing(path, _REMEDY):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.replacing(path, durable=False) as partial:
            with partial.open("wb") as file:
                # NumPy's stubs take the arrays for its option allow_pickle.
                np.savez(file, step=step, loss=loss, **arrays)  # type: ignore[arg-type]
            atomic.sync(partial)  # before the older files are renamed
            _make_room(path, keep)
        for older in _numbered(path)[keep - 1 :]:
            older.unlink()
    return True


def _make_room(path: Path, keep: int) -> None:
    """Moves `path` and those before it on by one number, the oldest first."""
    for number in reversed(range(1, keep)):
        newer = _older(path, number - 1) if number > 1 else path
        if newer.exists():
            newer.replace(_older(path, number))


def _older(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}-{number}{path.suffix}")


def _numbered(path: Path) -> list[Path]:
    """Returns the files before `path`, the newest first."""
    files = path.parent.glob(f"{path.stem}-*{path.suffix}")
    return sorted(files, key=lambda file: int(file.stem.rpartition("-")[2]))


def newest(path: Path) -> Path:
    """Returns `path`, or where it is damaged or missing, the newest whole one before it.

    Damaged files are set aside under another name, so that they push no whole one out.

    Raises:
        InputError: there is none.
    """
    damaged = []
    for file in [path, *_numbered(path)]:
        if not file.is_file():
            continue
        try:
            weights.read(file)
        except checks.InputError:
            damaged.append(file.replace(file.with_name(f"{file.name}.damaged")))
            continue
        if damaged:
            warnings.warn(
                f"Damaged checkpoints are set aside: {checks.listed(damaged)}; going on from "
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
    """Returns the figures of the steps after the last row of the history, as `save` was given them.

    Raises:
        InputError: the file is damaged.
    """
    with weights.opened(path) as file:
        names = [name for name in file.files if name.startswith(_PENDING)]
        columns = {name.removeprefix(_PENDING): file[name] for name in names}
    rows = zip(*columns.values(), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]
