"""Resumable conversion: which parts of a data set a killed run has finished, and from which source.

A part is a shard, or several where images in tiles fill more than one. Beside its first shard lies
a note, SHARD.note, until the data set is complete. A note is valid if it can be read, has the key
of the same source and options, and the shards have their checksums.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tfseg.data.conversion.atomic_folder import NOTE_SUFFIX
from tfseg.data.dataset.counts import Counts
from tfseg.data.dataset.info import ShardInfo
from tfseg.data.dataset.integrity import file_sha256
from tfseg.data.files.paths import DataPath, beside
from tfseg.locks import LOCK_FILE


class Skipped(NamedTuple):
    """An image that could not be used: its path relative to the source, and the reason."""

    file: str
    reason: str


class FinishedPart(NamedTuple):
    """The content of a note.

    Attributes:
        shards: the files.
        counts: counts of its images.
        skipped: the images that were left out of it.
    """

    shards: list[ShardInfo]
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


def finished(folder: DataPath, key: str | None) -> dict[str, FinishedPart]:
    """Returns the finished parts by the names of their first shards, and removes all other files.

    Args:
        folder: staging directory, empty or left by a killed run.
        key: key of this run; None: the run cannot be resumed, and all files are removed.
    """
    notes = dict(_notes(folder, key)) if key is not None else {}
    kept = {LOCK_FILE} | {name + NOTE_SUFFIX for name in notes}
    kept |= {shard.name for part in notes.values() for shard in part.shards}
    for path in folder.iterdir():
        if path.name not in kept:
            path.unlink()
    return notes


def write(path: DataPath, part: FinishedPart, key: str) -> None:
    """Writes the note of the part whose first shard is at `path`; half a note is not JSON.

    The shards are on the disk.
    """
    content = {
        "key": key,
        "shards": [dataclasses.asdict(shard) for shard in part.shards],
        "counts": part.counts.to_content(),
        "skipped": part.skipped,
    }
    beside(path, NOTE_SUFFIX).write_text(json.dumps(content), encoding="utf-8")


def forget(folder: DataPath) -> None:
    """Removes the notes, once the data set is complete."""
    for name in _noted(folder):
        (folder / f"{name}{NOTE_SUFFIX}").unlink()


def _notes(folder: DataPath, key: str) -> Iterator[tuple[str, FinishedPart]]:
    for name in _noted(folder):
        try:
            content = json.loads((folder / f"{name}{NOTE_SUFFIX}").read_text(encoding="utf-8"))
            shards = [ShardInfo.from_content(shard) for shard in content["shards"]]
            are_intact = all(shard.sha256 == file_sha256(folder / shard.name) for shard in shards)
            if content["key"] == key and are_intact:
                counts = Counts.from_content(content["counts"])
                skipped = [Skipped(*row) for row in content["skipped"]]
                yield name, FinishedPart(shards, counts, skipped)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            continue  # cut short, damaged, or without a shard


def _noted(folder: DataPath) -> list[str]:
    """Returns the names of the first shards of the parts with notes."""
    names = [path.name for path in folder.iterdir()]
    return [name.removesuffix(NOTE_SUFFIX) for name in names if name.endswith(NOTE_SUFFIX)]
