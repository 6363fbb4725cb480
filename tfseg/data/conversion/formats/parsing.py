"""Reading annotation files that are text, and checking their entries.

The files are not trusted: an entry of the wrong type is an `InputError` that says where it is, and
a file name in them cannot lead out of the source.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from tfseg.checks import InputError, listed
from tfseg.data.files.images import entries
from tfseg.data.files.ome_zarr import is_zarr
from tfseg.data.files.tables import read_text

_THIN = 1e-6  # of an outline without area: its width, in its unit
_FARTHEST = 1e6  # pixels; beyond, products of coordinates lose the fractions of a pixel
_HEAD = 2**20  # bytes in which a tool's marks are looked for
_SHOWN = 60  # letters of a value in a message
_KINDS = {dict: "an object", list: "a list", str: "a text", int: "a whole number"}
_MISSING = object()


def json_files(folder: Path) -> list[Path]:
    """Returns the JSON files directly in a folder, by name."""
    return [path for path in entries(folder) if path.suffix.lower() == ".json" and path.is_file()]


def mentions(path: Path, *patterns: bytes) -> bool:
    """Returns whether the beginning of a file, 1 MiB, has a match of every pattern.

    A file that cannot be read has none.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_HEAD)
    except OSError:
        return False
    return all(re.search(pattern, content) for pattern in patterns)


def read_json(path: Path, pack: Callable[[dict], Any] | None = None) -> Any:
    """Returns the content of a JSON file.

    Args:
        path: the file.
        pack: replaces every object, so that a large file takes less memory.

    Raises:
        InputError: the file cannot be read, is not JSON, or `pack` refuses an object.
    """
    text = read_text(path)
    try:
        return json.loads(text, object_hook=pack)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (ValueError, RecursionError) as error:
        reason = "it is empty" if not text.strip() else str(error)
        raise InputError(f"{path} is not JSON ({reason}). Export it again.") from error


def entry(record: Any, key: str, kind: type, *, context: object, default: Any = _MISSING) -> Any:
    """Returns the entry `key` of an object in a JSON file.

    Args:
        record: the object.
        key: name of the entry.
        kind: dict, list, str or int.
        context: what the object is and where, for errors.
        default: returned if the entry is missing; without a default it is required.

    Raises:
        InputError: not an object, or the entry is missing or of another type.
    """
    if not isinstance(record, dict):
        raise InputError(f"{context} must be an object; got {shortened(record)}. Export it again.")
    value = record.get(key, default)
    if value is default and value is not _MISSING:
        return value
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        got = "none" if value is _MISSING else shortened(value)
        raise InputError(
            f"{context} must have the entry {key!r}, {_KINDS[kind]}; got {got}. Export it again."
        )
    return value


def ring(values: Any, *, context: object) -> np.ndarray:
    """Returns the corners `[N, 2]` float64 of an outline given as numbers x, y, x, y, ...

    Raises:
        InputError: as `corners`, or they lie on one line.
    """
    made = corners(values, context=context)
    refuse_flat([made], context=context)
    return made


def refuse_flat(rings: Iterable[np.ndarray], *, context: object) -> None:
    """Refuses rings `[N, 2]` of one instance if the corners of each lie on one line.

    Raises:
        InputError: the instance has no area.
    """
    if all(map(_is_flat, rings)):
        raise InputError(
            f"{context} must have an area; its corners lie on one line. Draw it again, or take it "
            "out."
        )


def _is_flat(made: np.ndarray) -> bool:
    from_first = made - made[0]
    x, y = from_first[np.argmax(np.abs(from_first).sum(axis=1))]
    length = float(np.hypot(x, y))
    across = np.abs(from_first[:, 0] * y - from_first[:, 1] * x)
    return bool(length <= _THIN or across.max() <= _THIN * length)


def corners(values: Any, *, context: object) -> np.ndarray:
    """Returns points `[N, 2]` float64 given as numbers x, y, x, y, ...

    Raises:
        InputError: fewer than three, or coordinates that are not numbers or too large.
    """
    try:
        numbers = np.array(values, dtype=np.float64).ravel()
    except (TypeError, ValueError, OverflowError):
        numbers = np.array([np.nan])
    if not (np.abs(numbers) <= _FARTHEST).all():  # false for NaN too
        raise InputError(
            f"{context} must have coordinates that are numbers up to {_FARTHEST:g} pixels; got "
            f"{shortened(values)}. Draw it again, or take it out."
        )
    if len(numbers) < 6 or len(numbers) % 2:
        raise InputError(
            f"{context} must have at least three corners x, y; got {len(numbers)} numbers. Draw it "
            "again, or take it out."
        )
    return numbers.reshape(-1, 2)


def inside(name: str, *, context: object) -> PurePosixPath:
    """Returns the relative path `name`, which may have been written on Windows.

    Raises:
        InputError: the path leads out of the folder that it is relative to.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    drive = path.parts and path.parts[0].endswith(":")
    if not path.parts or path.is_absolute() or drive or ".." in path.parts or "\0" in name:
        raise InputError(
            f"{context} must name a file within the folder of the images; got {shortened(name)}. "
            "Make it relative, without '..'."
        )
    return path


def first_file(name: PurePosixPath, folders: Iterable[Path]) -> Path | None:
    """Returns the file `name`, or the OME-Zarr, in the first of the folders that has it."""
    paths = (folder / name for folder in folders)
    return next((path for path in paths if os.path.isfile(path) or is_zarr(path)), None)


def missing_image(path: Path, name: object, folders: Iterable[Path]) -> str:
    """Returns the fault of an image that the file `path` names and none of the folders has."""
    where = listed([str(folder) for folder in folders])
    return (
        f"{path} must have its images in {where}; there is no {name}. Add it, or take it out of "
        "the file."
    )


def shortened(value: Any) -> str:
    """Returns a short text of one line for a value as JSON has it, such as null or "cell"."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=np.ndarray.tolist)
    except RecursionError:
        return "objects in objects, too deep to show"
    text = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
