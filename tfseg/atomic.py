"""Atomic replacement of files and folders, and the errors for what cannot be written."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tfseg.checks import InputError, listed


def check_free(path: object, present: Sequence[str], *, overwrite: bool) -> None:
    """Refuses to replace results, unless the user wants it: the rule of all that writes.

    Args:
        path: of the folder to write into, or of the file to write.
        present: names of what is there and would be replaced.
        overwrite: what is there may be replaced.

    Raises:
        InputError: there is something, and it may not be replaced.
    """
    if present and not overwrite:
        raise InputError(
            f"{path} already has {listed(present)}. Choose another place, or replace that with "
            "--overwrite (overwrite=True)."
        )


@contextlib.contextmanager
def writing(
    path: object, remedy: str = "Choose another folder.", *errors: type[Exception]
) -> Iterator[None]:
    """Replaces an error of the operating system by one that names the file and the remedy.

    Args:
        path: of the file or folder that is written.
        remedy: what the user can do.
        errors: further types of errors to replace, such as errors of TensorFlow's files.

    Raises:
        InputError: the block raised such an error.
    """
    caught: tuple[type[Exception], ...] = (OSError, *errors)
    try:
        yield
    except caught as error:
        reason = getattr(error, "strerror", None) or getattr(error, "message", None) or error
        raise InputError(f"{path} cannot be written: {reason}. {remedy}") from error


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = True, writer: str = "") -> Iterator[Path]:
    """Yields the path of a new file, which atomically replaces `path` when the block ends.

    The new file is PATH.partial, or PATH.WRITER.partial. If the block raises, it is removed and
    `path` does not change. An error of the operating system without a file name, such as a full
    disk, gets the name `path`.

    Args:
        path: of the file to write or to replace.
        durable: waits until the new file is on the disk, so that a power failure cannot leave an
            incomplete file. This takes milliseconds.
        writer: a name that nobody else has who may write the file at the same time.
    """
    partial = path.with_name(f"{path.name}{writer and '.'}{writer}.partial")
    try:
        yield partial
        if durable:
            sync(partial)
        partial.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def replace_folder(path: Path, partial: Path, aside: Path) -> None:
    """Renames the folder `partial` to `path`; a folder that is there becomes `aside`, removed last.

    A process that is killed meanwhile leaves the old folder, complete, as `path` or as `aside`, or
    the new one as `path`.
    """
    if path.exists() and any(path.iterdir()):
        _remove(aside)
        os.rename(path, aside)
        try:
            os.rename(partial, path)
        except BaseException:
            os.rename(aside, path)
            raise
    else:
        os.rename(partial, path)
    _remove(aside)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def write_text(path: Any, text: str) -> None:
    """Writes a text file in UTF-8 atomically, locally or where a `RemotePath` says."""
    if not isinstance(path, Path):  # an object store shows a file once it is complete
        path.write_text(text, encoding="utf-8")
        return
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def sync(path: Path) -> None:
    """Waits until a file or folder is on the disk; Windows writes folders by itself."""
    if path.is_dir() and not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
