"""Where data sets lie: folders of this machine, or of a file system of TensorFlow such as gs://.

`place` is the only one that knows. A `RemotePath` has of `pathlib.Path` what data sets need, so
that others need not ask but where it matters: what a store of objects cannot give, as locks,
renaming in one step and waiting for the disk.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import tensorflow as tf

from tfseg.checks import InputError

if TYPE_CHECKING:
    from typing_extensions import TypeIs

# With one slash: what pathlib makes of it, such as an option whose type is Path.
_URL = re.compile(r"([a-z][a-z0-9+.-]+):/+(?=[^/])")


@dataclasses.dataclass(frozen=True, order=True)
class RemotePath:
    """A file or folder in a file system of TensorFlow, with the methods of `pathlib.Path`.

    Errors are those of the operating system, too.
    """

    url: str

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> RemotePath:
        return RemotePath(f"{self.url}/{name}")

    @property
    def name(self) -> str:
        """The last part of it."""
        return self.url.rpartition("/")[2]

    def exists(self) -> bool:
        """Says whether a file or folder is there."""
        with _os_errors(self):
            return tf.io.gfile.exists(self.url)

    def is_dir(self) -> bool:
        """Says whether it is a folder."""
        with _os_errors(self):
            return tf.io.gfile.isdir(self.url)

    def is_file(self) -> bool:
        """Says whether it is a file."""
        return self.exists() and not self.is_dir()

    def iterdir(self) -> Iterator[RemotePath]:
        """Yields what is in a folder."""
        with _os_errors(self):
            # Some file systems end the names of folders with a slash.
            names = [name.rstrip("/") for name in tf.io.gfile.listdir(self.url)]
        return (self / name for name in names if name)

    def mkdir(self, *, parents: bool = False, exist_ok: bool = False) -> None:
        """Makes a folder and those above it, where the file system has folders."""
        with _os_errors(self):
            tf.io.gfile.makedirs(self.url)

    def unlink(self) -> None:
        """Removes a file."""
        with _os_errors(self):
            tf.io.gfile.remove(self.url)

    def open(self, mode: str = "r", **_: Any) -> Any:
        """Opens a file; texts are UTF-8, and their lines end as they are written."""
        return tf.io.gfile.GFile(self.url, mode)

    def read_text(self, encoding: str) -> str:
        """Returns the content of a file."""
        with _os_errors(self), self.open("rb") as file:
            return file.read().decode(encoding)

    def write_text(self, text: str, encoding: str) -> None:
        """Writes a file."""
        with _os_errors(self), self.open("wb") as file:
            file.write(text.encode(encoding))


Place = Path | RemotePath


def place(path: str | Path | RemotePath) -> Place:
    """Returns where `path` is: on this machine, or for gs://bucket/folder and the like elsewhere.

    Raises:
        InputError: TensorFlow has no such file system.
    """
    if isinstance(path, RemotePath) or not (found := _URL.match(str(path))):
        return path if isinstance(path, RemotePath) else Path(path)
    remote = RemotePath(f"{found[1]}://{str(path)[found.end() :].rstrip('/')}")
    known = sorted(filter(None, tf.io.gfile.get_registered_schemes()))
    if found[1] not in known:
        raise InputError(
            f"TensorFlow has no file system for {remote}; it has {', '.join(known)}. Import a "
            "package that brings one, such as tensorflow-io for s3, or copy the data set."
        )
    return remote


def is_remote(path: Place) -> TypeIs[RemotePath]:
    """Says whether a place is elsewhere."""
    return isinstance(path, RemotePath)


def beside(path: Place, suffix: str) -> Place:
    """Returns the file whose name has `suffix` behind that of `path`."""
    return place(f"{path}{suffix}")


def open_bytes(path: Place) -> IO[bytes]:
    """Opens a file to read here and there in it."""
    return path.open("rb") if is_remote(path) else open(path, "rb", buffering=0)


def num_bytes(path: Place) -> int:
    """Returns the number of bytes of a file."""
    return tf.io.gfile.stat(str(path)).length if is_remote(path) else os.stat(path).st_size


@contextlib.contextmanager
def _os_errors(path: RemotePath) -> Iterator[None]:
    """Turns the errors of TensorFlow into those that `pathlib` raises."""
    try:
        yield
    except tf.errors.NotFoundError as error:
        raise FileNotFoundError(2, "No such file or directory", str(path)) from error
    except tf.errors.OpError as error:
        raise OSError(5, error.message.splitlines()[0], str(path)) from error
