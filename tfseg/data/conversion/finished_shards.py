"""Resumable conversion: which shards a killed run has finished, and from which source.

Beside every finished shard lies a note, SHARD.note, until the data set is complete. A note is valid
if it can be read, has the key of the same source and options, and the shard has its checksum.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tfseg.data.conversion.atomic_folder import NOTE_SUFFIX
from tfseg.data.dataset.counts import Counts
from tfseg.data.dataset.dataset import file_sha256
from tfseg.data.files.paths import DataPath, beside
from tfseg.locks import LOCK_FILE


class Skipped(NamedTuple):
    """An image that could not be used: its path relative to the source, and the reason."""

    file: str
    reason: str


class FinishedShard(NamedTuple):
    """The content of a note.

    Attributes:
        sha256: checksum of the shard, in hex digits.
        counts: counts of its images.
        skipped: the images that were left out of it.
    """

    sha256: str
    counts: Counts
    skipped: list[Skipped]


def key(source: Path, *options: Any) -> str:
    """Returns a digest of all files below `source`, by name, size and time, and of `options`.

    Links to folders are followed, but no folder is read twice: a link may lead to a parent.
    """
    digest, visited = hashlib.sha256(repr(options).encode("utf-8", "surrogatepass")), set()
    for folder, folders, names in os.walk(source, followlinks=True):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in visited:
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        folders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.exists(path):
                status = os.stat(path)
                entry = (path, status.st_size, status.st_mtime_ns, status.st_ino)
                digest.update(repr(entry).encode())
    return digest.hexdigest()


def finished(folder: DataPath, key: str | None) -> dict[str, FinishedShard]:
    """Returns the finished shards by name, and removes all other files.

    Args:
        folder: staging directory, empty or left by a killed run.
        key: key of this run; None: the run cannot be resumed, and all files are removed.
    """
    notes = dict(_notes(folder, key)) if key is not None else {}
    kept = {LOCK_FILE} | {name + suffix for name in notes for suffix in ("", NOTE_SUFFIX)}
    for path in folder.iterdir():
        if path.name not in kept:
            path.unlink()
    return notes


def write(path: DataPath, shard: FinishedShard, key: str) -> None:
    """Writes the note of the shard at `path`, which is on the disk; half a note is not JSON."""
    content = {
        "key": key,
        "sha256": shard.sha256,
        "counts": shard.counts.to_content(),
        "skipped": shard.skipped,
    }
    beside(path, NOTE_SUFFIX).write_text(json.dumps(content), encoding="utf-8")


def forget(folder: DataPath) -> None:
    """Removes the notes, once the data set is complete."""
    for name in _noted(folder):
        (folder / f"{name}{NOTE_SUFFIX}").unlink()


def _notes(folder: DataPath, key: str) -> Iterator[tuple[str, FinishedShard]]:
    for name in _noted(folder):
        try:
            content = json.loads((folder / f"{name}{NOTE_SUFFIX}").read_text(encoding="utf-8"))
            if content["key"] == key and content["sha256"] == file_sha256(folder / name):
                counts = Counts.from_content(content["counts"])
                skipped = [Skipped(*row) for row in content["skipped"]]
                yield name, FinishedShard(content["sha256"], counts, skipped)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            continue  # cut short, damaged, or without its shard


def _noted(folder: DataPath) -> list[str]:
    """Returns the names of the shards with notes."""
    names = [path.name for path in folder.iterdir()]
    return [name.removesuffix(NOTE_SUFFIX) for name in names if name.endswith(NOTE_SUFFIX)]
