"""Annotation files that are text: reading them, and taking from them what must be there.

They come from anywhere. A value of another kind is an `InputError` that names its place, and the
file names in them lead nowhere but into the source.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from tfseg.checks import InputError
from tfseg.data.files.images import load

_FARTHEST = 1e6  # pixels; beyond, products of coordinates lose the fractions of a pixel
_KINDS = {dict: "an object", list: "a list", str: "a text", int: "a whole number"}
_MISSING = object()


def read_text(path: Path) -> str:
    """Returns the text of a file in UTF-8.

    Raises:
        InputError: it cannot be read, or has another encoding.
    """
    try:
        return load(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} must be text in UTF-8 ({error}). Save it again.") from error


def read_json(path: Path, pack: Callable[[dict], Any] | None = None) -> Any:
    """Returns what a JSON file holds.

    Args:
        path: of the file.
        pack: what to put in the place of each object, so that a large file takes less memory.

    Raises:
        InputError: it cannot be read, is no JSON, or `pack` refuses something in it.
    """
    text = read_text(path)
    try:
        return json.loads(text, object_hook=pack)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (ValueError, RecursionError) as error:
        reason = "it is empty" if not text.strip() else str(error)
        raise InputError(f"{path} is not JSON ({reason}). Export it again.") from error


def entry(record: Any, key: str, kind: type, *, place: object, default: Any = _MISSING) -> Any:
    """Returns the entry `key` of an object in a JSON file.

    Args:
        record: the object.
        key: of the entry.
        kind: dict, list, str or int.
        place: of the object, for errors.
        default: where there is none; without it there must be one.

    Raises:
        InputError: no object, no such entry, or one of another kind.
    """
    if not isinstance(record, dict):
        raise InputError(f"{place} must be an object; got {shortened(record)}. Export it again.")
    value = record.get(key, default)
    if value is default and value is not _MISSING:
        return value
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        got = "none" if value is _MISSING else shortened(value)
        raise InputError(
            f"{place} must have the entry {key!r}, {_KINDS[kind]}; got {got}. Export it again."
        )
    return value


def ring(values: Any, *, place: object) -> np.ndarray:
    """Returns the corners `[N, 2]` float64 of an outline given as numbers x, y, x, y, ...

    Raises:
        InputError: fewer than three corners, or what is no number or not near any image.
    """
    try:
        numbers = np.array(values, dtype=np.float64).ravel()
    except (TypeError, ValueError, OverflowError):
        numbers = np.array([np.nan])
    if not (np.abs(numbers) <= _FARTHEST).all():  # neither is NaN
        raise InputError(
            f"{place} must have coordinates that are numbers up to {_FARTHEST:g} pixels; got "
            f"{shortened(values)}. Draw it again, or take it out."
        )
    if len(numbers) < 6 or len(numbers) % 2:
        raise InputError(
            f"{place} must have at least three corners x, y; got {len(numbers)} numbers. Draw it "
            "again, or take it out."
        )
    return numbers.reshape(-1, 2)


def inside(name: str, *, place: object) -> PurePosixPath:
    """Returns the relative path `name`, which may have been written on any system.

    Raises:
        InputError: it leads out of the folder it is relative to.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    drive = path.parts and path.parts[0].endswith(":")
    if not path.parts or path.is_absolute() or drive or ".." in path.parts or "\0" in name:
        raise InputError(
            f"{place} must name a file within the folder of the images; got {name!r}. Make it "
            "relative, without '..'."
        )
    return path


def first_file(name: PurePosixPath, folders: Iterable[Path]) -> Path | None:
    """Returns the file `name` in the first of the folders that has it."""
    return next((path for folder in folders if os.path.isfile(path := folder / name)), None)


def shortened(value: Any) -> str:
    """Returns a value as a text that fits in a message."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
