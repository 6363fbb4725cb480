"""What a folder has, in words, and the patterns that its images and files of ids would have."""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from tfseg.data.files.images import IMAGE_SUFFIXES, LABEL_SUFFIXES

_MOST_FILES = 10_000  # that are looked at
_MOST_LABELS = 100  # of a kind that are compared with the images
_MOST_KINDS = 4  # that are named
_EXAMPLES = 2
_GENERAL = "--images 'raw/{name}.tif' --labels 'rois/{name}_labels.tif'"
_LIKE_LABELS = re.compile("mask|label|roi|seg|gt|ids|annot|truth", re.IGNORECASE)


def described(source: Path) -> str:
    """Returns the numbers of files by folder and suffix, with examples of their names."""
    kinds = sorted(_kinds(source).items(), key=lambda kind: -len(kind[1]))
    parts = [
        f"{len(names)} {_join(folder, f'*{suffix}')} (such as "
        f"{', '.join(name + suffix for name in names[:_EXAMPLES])})"
        for (folder, suffix), names in kinds[:_MOST_KINDS]
    ]
    if len(kinds) > _MOST_KINDS:
        parts.append(f"and {len(kinds) - _MOST_KINDS} other kinds")
    return "; ".join(parts) or "no files"


def suggested(source: Path) -> str:
    """Returns options with the patterns that most images and their files of ids may have.

    The name of a file of ids has that of its image in it; without such names, it is an example.
    """
    kinds = _kinds(source)
    counts: Counter[tuple[str, str]] = Counter()
    for images, labels in itertools.product(kinds, repeat=2):
        if images[1].lower() not in IMAGE_SUFFIXES or labels[1].lower() not in LABEL_SUFFIXES:
            continue
        names = set(kinds[images])
        for name in kinds[labels][:_MOST_LABELS]:
            others = names - {name} if images == labels else names
            if pattern := _around(name, others):
                pair = (_join(images[0], f"{{name}}{images[1]}"), _join(labels[0], pattern))
                counts[pair[0], pair[1] + labels[1]] += 1
    if not counts:
        return f"for example {_GENERAL}"
    pair = max(counts, key=lambda pair: (counts[pair], bool(_LIKE_LABELS.search(pair[1]))))
    return "--images '{}' --labels '{}'".format(*pair)


def _around(label: str, images: Collection[str]) -> str | None:
    """Returns the name of a file of ids with {name} for the longest name of an image in it."""
    for length in range(len(label), 0, -1):
        for start in range(len(label) - length + 1):
            if label[start : start + length] in images:
                return f"{label[:start]}{{name}}{label[start + length :]}"
    return None


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _kinds(source: Path) -> dict[tuple[str, str], list[str]]:
    """Returns the names without suffix of some files, by folder and suffix."""
    kinds: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in itertools.islice(_files(source), _MOST_FILES):
        folder = "" if path.parent == PurePosixPath() else path.parent.as_posix()
        kinds[folder, path.suffix].append(path.stem)
    return kinds


def _files(source: Path) -> Iterator[PurePosixPath]:
    """Yields the paths of the files in a source, without hidden ones."""
    for folder, folders, names in os.walk(source):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield PurePosixPath(Path(folder, name).relative_to(source).as_posix())
