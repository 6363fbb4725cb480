"""Going on with a conversion that was killed: which shards are finished, and from what.

Beside every finished shard lies a note, SHARD.note, until the data set is whole. A note counts only
if it can be read, was made of the same source and the same options, and the shard has its checksum.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tfseg.data.conversion.atomic_folder import LOCK_FILE, NOTE_SUFFIX
from tfseg.data.dataset.dataset import file_sha256
from tfseg.data.dataset.statistics import Counts
from tfseg.data.files.paths import Place, beside


class Skipped(NamedTuple):
    """An image that could not be used: its file, below the source, and why."""

    file: str
    reason: str


class FinishedShard(NamedTuple):
    """What is known of a finished shard.

    Attributes:
        sha256: of the shard, in hex digits.
        counts: of its images, as `statistics.count` makes them.
        skipped: the images that were left out of it.
    """

    sha256: str
    counts: Counts
    skipped: list[Skipped]


def key(source: Path, *options: Any) -> str:
    """Returns a digest of all files below `source`, by name, size and time, and of `options`.

    Folders behind links are looked into; each folder once, so that a link to a parent ends.
    """
    digest, seen = hashlib.sha256(repr(options).encode("utf-8", "surrogatepass")), set()
    for folder, folders, names in os.walk(source, followlinks=True):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.exists(path):
                status = os.stat(path)
                entry = (path, status.st_size, status.st_mtime_ns, status.st_ino)
                digest.update(repr(entry).encode())
    return digest.hexdigest()


def finished(folder: Place, key: str | None) -> dict[str, FinishedShard]:
    """Returns the notes of the finished shards by the shards' names, and removes all other files.

    Args:
        folder: what a killed run left, or an empty one.
        key: of the run to come; None: nothing can be used.
    """
    notes = dict(_notes(folder, key)) if key is not None else {}
    kept = {LOCK_FILE} | {name + suffix for name in notes for suffix in ("", NOTE_SUFFIX)}
    for path in folder.iterdir():
        if path.name not in kept:
            path.unlink()
    return notes


def write(path: Place, shard: FinishedShard, key: str) -> None:
    """Writes the note of the shard at `path`, which is on the disk; half a note cannot be read."""
    content = {
        "key": key,
        "sha256": shard.sha256,
        "counts": shard.counts.to_content(),
        "skipped": shard.skipped,
    }
    beside(path, NOTE_SUFFIX).write_text(json.dumps(content), encoding="utf-8")


def forget(folder: Place) -> None:
    """Removes the notes, once the data set is whole."""
    for name in _noted(folder):
        (folder / f"{name}{NOTE_SUFFIX}").unlink()


def _notes(folder: Place, key: str) -> Iterator[tuple[str, FinishedShard]]:
    for name in _noted(folder):
        try:
            content = json.loads((folder / f"{name}{NOTE_SUFFIX}").read_text(encoding="utf-8"))
            current = content["key"] == key and content["sha256"] == file_sha256(folder / name)
        except (OSError, ValueError):  # cut short, or without its shard
            continue
        if current:
            skipped = [Skipped(*each) for each in content["skipped"]]
            yield (
                name,
                FinishedShard(content["sha256"], Counts.from_content(content["counts"]), skipped),
            )


def _noted(folder: Place) -> list[str]:
    """Returns the names of the shards that have notes."""
    names = [path.name for path in folder.iterdir()]
    return [name.removesuffix(NOTE_SUFFIX) for name in names if name.endswith(NOTE_SUFFIX)]
