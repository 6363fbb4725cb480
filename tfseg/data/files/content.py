"""The bytes of files, or why they cannot be read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tfseg.checks import InputError


def load(path: Path) -> bytes:
    """Returns the content of a file.

    Raises:
        InputError: missing, not a regular file, or not readable.
    """
    with _opened(path) as file:
        return file.read()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Opens a file, or raises `InputError` as `load`."""
    try:
        if path.is_fifo() or path.is_char_device():  # which may be endless
            raise InputError(f"{path} must be a regular file. Remove it from the folder.")
        with path.open("rb") as file:
            yield file
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist. Check the path.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def starts_with(path: Path, starts: tuple[bytes, ...]) -> bool:
    """Returns whether a file begins with one of these bytes.

    Raises:
        InputError: as `load`.
    """
    with _opened(path) as file:
        return file.read(8).startswith(starts)
