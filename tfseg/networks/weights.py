"""The file of a checkpoint, a NumPy archive, and its weights: all of them or none.

The archive ends with a comment: the SHA-256 of all bytes before it. It is compared before anything
is read, because a zip file has a CRC only of the content of its members, not of their headers.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import keras
import numpy as np

from tfseg.checks import InputError

SUFFIX = ".npz"
_DIGITS = 64  # of a SHA-256
_NUM_END = 22  # bytes of the last record of a zip file without a comment


class DamagedCheckpoint(InputError):
    """A checkpoint that is not the one that was written."""


def require(path: Path) -> None:
    """Refuses a run directory without the checkpoint `path`.

    Raises:
        InputError: there is no such file.
    """
    if not path.is_file():
        raise InputError(
            f"{path.parent.parent} has no checkpoint {path.name}; train it first: tfseg train."
        )


def restore(path: Path, variables: Sequence[keras.Variable]) -> tuple[int, float]:
    """Reads a checkpoint into `variables`; takes all of them or none.

    A file may have more variables (the optimizer's), never fewer.

    Returns:
        The step and the best validation loss.

    Raises:
        InputError: the file does not exist, is damaged, or is of another architecture.
    """
    require(path)
    step, loss, arrays = read(path)
    _check_architecture(path, arrays, variables)
    for variable, array in zip(variables, arrays, strict=False):
        variable.assign(array)
    return step, loss


def assign(variables: Sequence[keras.Variable], values: Iterable[np.ndarray]) -> None:
    """Gives each of `variables` its value, in their order."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def read(path: Path) -> tuple[int, float, list[np.ndarray]]:
    """Returns the step, the best validation loss, and every array in its order.

    The network's weights come first, in the order of its variables; they are the moving averages,
    where the training kept them.

    Raises:
        InputError: the file is damaged.
    """
    with opened(path) as file:
        step, loss = int(file["step"]), float(file["loss"])
        names = sorted(name for name in file.files if name.isdecimal())
        return step, loss, [file[name] for name in names]


def write(path: Path, content: Mapping[str, np.ndarray | float]) -> None:
    """Writes an archive that ends with its SHA-256."""
    with path.open("wb") as file:
        # NumPy's stubs take the arrays for its option allow_pickle.
        np.savez(file, **content)  # type: ignore[arg-type]
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"0" * _DIGITS
    with path.open("r+b") as file:
        digest = _sha256(file)
        file.seek(-_DIGITS, os.SEEK_END)
        file.write(digest)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[np.lib.npyio.NpzFile]:
    """Opens the file for reading, after its bytes were compared with its SHA-256.

    Raises:
        InputError: the file is damaged.
    """
    try:
        with path.open("rb") as file:
            digest = _sha256(file)
            if file.read() != digest:
                raise OSError("its SHA-256 differs")
            file.seek(0)
            with np.load(file) as archive:
                yield archive
    except OSError as error:
        if _is_of_older_version(path):
            raise InputError(
                f"{path} was written by an older version of tfseg, without a SHA-256. Use that "
                "version, which run.json names, or train again."
            ) from error
        raise DamagedCheckpoint(
            f"{path} is damaged ({error}). Take another checkpoint of the run, or train it again."
        ) from error


def _is_of_older_version(path: Path) -> bool:
    """Returns whether a file is an intact archive without a comment."""
    try:
        with path.open("rb") as file:
            file.seek(-_NUM_END, os.SEEK_END)
            end = file.read()
        if not (end.startswith(b"PK\5\6") and end.endswith(b"\0\0")):
            return False
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False


def _sha256(file: BinaryIO) -> bytes:
    """Returns the SHA-256 of all bytes but the last 64, in hex digits, and stops at those."""
    remaining = max(os.fstat(file.fileno()).st_size - _DIGITS, 0)
    digest = hashlib.sha256()
    while part := file.read(min(remaining, 2**20)):
        digest.update(part)
        remaining -= len(part)
    return digest.hexdigest().encode()


def _check_architecture(
    path: Path, arrays: Sequence[np.ndarray], variables: Sequence[keras.Variable]
) -> None:
    rule = f"{path} belongs to another architecture"
    remedy = "use the configuration the run was trained with"
    if len(arrays) < len(variables):
        raise InputError(
            f"{rule}: it has {len(arrays)} variables, the network {len(variables)}; {remedy}."
        )
    for array, variable in zip(arrays, variables, strict=False):
        if array.shape != tuple(variable.shape):
            raise InputError(
                f"{rule}: {variable.path} has the shape {array.shape}, in the network "
                f"{tuple(variable.shape)}; {remedy}."
            )
