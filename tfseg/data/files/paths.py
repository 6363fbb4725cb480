"""Paths of data sets: local ones, or those of a file system of TensorFlow such as gs://.

`as_path` alone tells them apart. A `RemotePath` has the methods of `pathlib.Path` that data sets
need, so callers ask `is_remote` only for what an object store does not have: locks, atomic renames
and flushing to disk.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

import tensorflow as tf

from tfseg import atomic
from tfseg.checks import InputError

if TYPE_CHECKING:
    from typing_extensions import TypeIs

# One slash is enough: pathlib, and so an option of type Path, keeps only one.
_URL = re.compile(r"([a-z][a-z0-9+.-]+):/+(?=[^/])")


@dataclasses.dataclass(frozen=True, order=True)
class RemotePath:
    """A file or folder in a file system of TensorFlow, with methods of `pathlib.Path`.

    They raise the errors of `pathlib` as well, not those of TensorFlow.
    """

    url: str

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> RemotePath:
        return RemotePath(f"{self.url}/{name}")

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.url.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """The end of the name from its last dot on, or ""."""
        return PurePosixPath(self.name).suffix

    def exists(self) -> bool:
        """Returns whether such a file or folder exists."""
        with _os_errors(self):
            return tf.io.gfile.exists(self.url)

    def is_dir(self) -> bool:
        """Returns whether it is a folder."""
        with _os_errors(self):
            return tf.io.gfile.isdir(self.url)

    def is_file(self) -> bool:
        """Returns whether it is a file."""
        return self.exists() and not self.is_dir()

    def iterdir(self) -> Iterator[RemotePath]:
        """Yields the files and folders in a folder."""
        with _os_errors(self):
            # Some file systems end the names of folders with a slash.
            names = [name.rstrip("/") for name in tf.io.gfile.listdir(self.url)]
        return (self / name for name in names if name)

    def mkdir(self, *, parents: bool = False, exist_ok: bool = False) -> None:
        """Makes a folder and its parents, where the file system has folders."""
        with _os_errors(self):
            tf.io.gfile.makedirs(self.url)

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Removes a file."""
        with contextlib.suppress(*[FileNotFoundError] * missing_ok), _os_errors(self):
            tf.io.gfile.remove(self.url)

    def open(self, mode: str = "r", **_: Any) -> Any:
        """Opens a file; text is UTF-8, line ends are left as they are."""
        return tf.io.gfile.GFile(self.url, mode)

    def read_text(self, encoding: str) -> str:
        """Returns the content of a file."""
        with _os_errors(self), self.open("rb") as file:
            return file.read().decode(encoding)

    def write_text(self, text: str, encoding: str) -> None:
        """Writes a file."""
        with _os_errors(self), self.open("wb") as file:
            file.write(text.encode(encoding))


DataPath = Path | RemotePath


def as_path(path: str | Path | RemotePath) -> DataPath:
    """Returns `path` as a local path, or as a remote one where it is a URL like gs://bucket/folder.

    Raises:
        InputError: TensorFlow has no such file system.
    """
    if isinstance(path, RemotePath):
        return path
    if not (match := _URL.match(str(path))):
        return Path(path)
    remote = RemotePath(f"{match[1]}://{str(path)[match.end() :].rstrip('/')}")
    known = sorted(filter(None, tf.io.gfile.get_registered_schemes()))
    if match[1] not in known:
        raise InputError(
            f"TensorFlow has no file system for {remote}; it has {', '.join(known)}. Import a "
            "package that brings one, such as tensorflow-io for s3, or copy the data set."
        )
    return remote


def is_remote(path: DataPath) -> TypeIs[RemotePath]:
    """Returns whether a path is in a file system of TensorFlow."""
    return isinstance(path, RemotePath)


def beside(path: DataPath, suffix: str) -> DataPath:
    """Returns `path` with `suffix` appended to its name."""
    return as_path(f"{path}{suffix}")


def open_bytes(path: DataPath) -> IO[bytes]:
    """Opens a file for reading at any offset."""
    return path.open("rb") if is_remote(path) else open(path, "rb", buffering=0)


def num_bytes(path: DataPath) -> int:
    """Returns the number of bytes of a file."""
    return tf.io.gfile.stat(str(path)).length if is_remote(path) else os.stat(path).st_size


def absolute(path: DataPath) -> DataPath:
    """Returns the path from the root on, as other processes need it."""
    return path if is_remote(path) else path.absolute()


def files_in(folder: DataPath) -> list[DataPath]:
    """Returns the files and folders in a folder; none if there is no such folder."""
    return list(folder.iterdir()) if folder.is_dir() else []


def remove_folder(folder: DataPath) -> None:
    """Removes a folder with all that is in it, if it exists."""
    if not is_remote(folder):
        if folder.exists():
            shutil.rmtree(folder)
    elif folder.exists():
        with _os_errors(folder):
            tf.io.gfile.rmtree(folder.url)


def fetch(source: DataPath, target: Path) -> None:
    """Copies a file to a local path.

    Raises:
        InputError: it does not exist, or cannot be read.
    """
    try:
        with _os_errors(source):
            tf.io.gfile.copy(str(source), str(target), overwrite=True)
    except FileNotFoundError as error:
        raise InputError(f"{source} does not exist. Check the path.") from error
    except OSError as error:
        raise InputError(f"{source} cannot be read: {error.strerror}.") from error


def publish(source: Path, target: DataPath) -> None:
    """Copies a local file to `target`, which has all of its bytes or is not changed.

    Several machines may do so at once. An object store shows a file once it is complete; on a
    shared disk the copy has a name of its writer until then.
    """
    if is_remote(target):
        with _os_errors(target):
            tf.io.gfile.copy(str(source), target.url, overwrite=True)
        return
    with atomic.replacing(target, writer=uuid.uuid4().hex) as partial:
        shutil.copyfile(source, partial)


def replacing(path: DataPath) -> contextlib.AbstractContextManager[Path]:
    """Yields the local path of a new file, which replaces `path` when the block ends."""
    return publishing(path) if is_remote(path) else atomic.replacing(path)


@contextlib.contextmanager
def publishing(path: DataPath) -> Iterator[Path]:
    """Yields the path of a temporary file, which is published as `path` when the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        new = Path(folder) / path.name
        yield new
        publish(new, path)


@contextlib.contextmanager
def local_copy(path: DataPath) -> Iterator[Path]:
    """Yields a local path of the same content; a copy of a remote file lasts as long as the block.

    Errors of the block that name the copy name the remote file.
    """
    if not is_remote(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        fetch(path, copy)
        try:
            yield copy
        except InputError as error:
            raise InputError(str(error).replace(str(copy), str(path))) from error


@contextlib.contextmanager
def _os_errors(path: DataPath) -> Iterator[None]:
    """Raises the errors of TensorFlow as those of `pathlib`."""
    try:
        yield
    except tf.errors.NotFoundError as error:
        raise FileNotFoundError(2, "No such file or directory", str(path)) from error
    except tf.errors.OpError as error:
        raise OSError(5, error.message.splitlines()[0], str(path)) from error
