"""Writing a data set completely or not at all: in a staging directory, renamed at the end."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from tfseg import atomic
from tfseg.checks import InputError
from tfseg.data.dataset.info import INFO_FILE, SKIPPED_FILE, DatasetInfo
from tfseg.data.files.paths import DataPath, is_remote
from tfseg.locks import LOCK_FILE, locked

SHARD_SUFFIX = ".tfrecord"
NOTE_SUFFIX = ".note"


def check_destination(destination: DataPath, *, overwrite: bool) -> None:
    """Checks that a data set can be written to `destination`.

    Raises:
        InputError: a file, a folder that is not empty, or with `overwrite` a folder with anything
            but a data set in it, or a remote folder.
    """
    if is_remote(destination):
        _check_remote(destination, overwrite=overwrite)
        return
    if not os.path.lexists(destination):
        return
    if not destination.is_dir():
        raise InputError(f"{destination} must be a folder; it is a file. Choose another name.")
    with writing(destination):
        present = {path.name for path in destination.iterdir()}
    if not present:
        return
    atomic.check_free(destination, sorted(present), overwrite=overwrite)
    try:
        splits = DatasetInfo.read(destination).splits.values()
    except InputError as error:
        raise InputError(
            f"Only a data set of tfseg can be overwritten; {destination} is not one "
            f"({str(error).rstrip('.')}). Choose another folder."
        ) from error
    others = present - {INFO_FILE, SKIPPED_FILE}
    others -= {shard.name for split in splits for shard in split.shards}
    if others:
        raise InputError(
            f"{destination} has other files beside the data set: {min(others)}. "
            "Move them away, or choose another folder."
        )


def _check_remote(destination: DataPath, *, overwrite: bool) -> None:
    if overwrite:
        raise InputError(
            f"{destination} cannot be overwritten: a data set can be replaced in one step only on "
            "this machine. Remove it first, or choose another folder."
        )
    with writing(destination):
        names = {path.name for path in destination.iterdir()} if destination.exists() else set()
    if INFO_FILE in names or not all(map(_is_ours, names)):
        raise InputError(
            f"{destination} must be new or empty; it has {len(names)} entries. Choose another "
            "folder."
        )


@contextlib.contextmanager
def staged(destination: DataPath, *, resumable: bool = False) -> Iterator[DataPath]:
    """Yields a staging directory, which becomes `destination` when the block ends without an error.

    The staging directory is the sibling DESTINATION.partial, locked while the block runs. It keeps
    the files that a killed run has left. When the block raises any error, it is removed and
    `destination` stays as it was. A data set at `destination` is replaced only when the new one is
    on the disk. A remote `destination` is written directly and without a lock: it is not a data set
    before it has its dataset.json.

    Args:
        destination: folder of the data set.
        resumable: keeps the staging directory at Ctrl-C, so that the next run resumes.

    Raises:
        InputError: `destination` cannot be written, or another run is writing it.
    """
    if is_remote(destination):
        with _remote_folder(destination, resumable=resumable):
            yield destination
        return
    final = Path(os.path.realpath(destination))
    partial = final.with_name(f"{final.name}.partial")
    missing = [parent for parent in final.parents if not os.path.exists(parent)]
    try:
        with writing(destination):
            _refuse_foreign(_aside(final))  # now: after the renaming it would be too late
            _refuse_foreign(partial)
            partial.mkdir(parents=True, exist_ok=True)
        with _locked(partial, destination):
            try:
                yield partial
                with writing(destination):
                    (partial / LOCK_FILE).unlink()
                    sync(partial)
                    _refuse_foreign(_aside(final))
                    atomic.replace_folder(final, partial, _aside(final))
                    sync(final.parent)
            except BaseException as error:
                if not (resumable and isinstance(error, KeyboardInterrupt)):
                    with contextlib.suppress(InputError, OSError):
                        _remove_leftover(partial)
                raise
    except BaseException:
        for parent in missing:
            with contextlib.suppress(OSError):  # it is not empty
                parent.rmdir()
        raise


@contextlib.contextmanager
def _remote_folder(folder: DataPath, *, resumable: bool) -> Iterator[None]:
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException as error:
        if not (resumable and isinstance(error, KeyboardInterrupt)):
            with contextlib.suppress(OSError):
                for path in folder.iterdir():  # it was empty before
                    path.unlink()
        raise


@contextlib.contextmanager
def _locked(folder: Path, destination: Path) -> Iterator[None]:
    """Holds the lock of a folder.

    Raises:
        InputError: another run is writing there, or the lock cannot be written.
    """
    with contextlib.ExitStack() as stack:
        with writing(destination):
            stack.enter_context(locked(folder, destination))
        yield


@contextlib.contextmanager
def writing(destination: DataPath) -> Iterator[None]:
    """Turns the errors of a full or read-only disk into one that names the remedy.

    Raises:
        InputError: the block raised an error of the operating system, or of TensorFlow's files.
    """
    remedy = "Free some space, or choose a folder that you may write to."
    with atomic.writing(destination, remedy, tf.errors.OpError):
        yield


def sync(path: DataPath) -> None:
    """Waits until a file or folder is on the disk; a remote file is complete once it is closed."""
    if not is_remote(path):
        atomic.sync(path)


def _remove_leftover(folder: Path) -> None:
    """Removes the files of a killed run, and refuses to remove any other file."""
    _refuse_foreign(folder)
    if folder.exists():
        shutil.rmtree(folder)


def _refuse_foreign(folder: Path) -> None:
    """Checks that `folder` does not exist or has only files of a killed run."""
    if not os.path.lexists(folder):
        return
    if not (folder.is_dir() and all(_is_ours(path.name) for path in folder.iterdir())):
        raise InputError(
            f"{folder} must be free while the data set is written; it has other files. "
            "Move it away, or choose another destination."
        )


def _is_ours(name: str) -> bool:
    """Returns whether a conversion writes files with this name."""
    names = (INFO_FILE, SKIPPED_FILE, LOCK_FILE)
    return name in names or name.removesuffix(NOTE_SUFFIX).endswith(SHARD_SUFFIX)


def _aside(final: Path) -> Path:
    return final.with_name(f"{final.name}.replaced")
