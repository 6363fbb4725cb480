"""Locks of folders, so that two processes never write into one."""

from __future__ import annotations

import contextlib
import errno
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

from tfseg import operating_system
from tfseg.checks import InputError

LOCK_FILE = "lock"
# Windows, and some shared file systems, such as Lustre mounted without the option flock.
_WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextlib.contextmanager
def locked(folder: Path, name: Path) -> Iterator[None]:
    """Holds the lock of a folder; the system releases it when the process ends in any way.

    The file stays, unless the block removes it: a file alone locks nothing.

    Args:
        folder: exists; gets the file `LOCK_FILE`.
        name: what the user calls the folder, for the error.

    Raises:
        InputError: another process holds the lock, or just finished and removed the folder.
        OSError: the file cannot be written.
    """
    file = folder / LOCK_FILE
    with file.open("w") as opened:
        if not _is_acquired(opened.fileno(), file):
            raise InputError(
                f"{name} is being written by another run. Wait for it to end, or choose another "
                "folder."
            )
        if not operating_system.HAS_LOCKS:
            opened.close()  # Windows removes no file that is open
        yield


def _is_acquired(descriptor: int, file: Path) -> bool:
    try:
        operating_system.lock(descriptor)
        return os.path.samestat(os.fstat(descriptor), os.stat(file))
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise
        warnings.warn(
            f"The file system of {file.parent} has no locks ({error.strerror}): make sure that no "
            "other process writes there.",
            stacklevel=4,
        )
        return True
