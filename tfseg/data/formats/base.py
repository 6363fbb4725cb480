"""What every source format offers: `matches`, `find` and `read` over `Item`s."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from tfseg.checks import InputError
from tfseg.data.images import entries

SPLITS = ("train", "val", "test")
_SHOWN = 3  # names in one message


@dataclasses.dataclass(frozen=True)
class Item:
    """One image and the files that annotate it; `id` is unique in its split."""

    id: str
    image: Path
    annotations: tuple[Path, ...]

    def __post_init__(self) -> None:
        if self.id != self.id.encode("utf-8", "ignore").decode():
            raise InputError(f"{str(self.image)!r} must have a name in UTF-8. Rename it.")


class Sample(NamedTuple):
    """One image, read.

    Attributes:
        image: `[H, W, C]` uint8, uint16 or float32, C = 1, 3 or 4.
        label: `[H, W]` int32 instance ids, 0 = background.
        overlap_pixels: pixels that several instances claimed.
    """

    image: np.ndarray
    label: np.ndarray
    overlap_pixels: int


class Format(Protocol):
    """A layout of folders and files with images and instances."""

    LAYOUT: str

    def matches(self, source: Path) -> bool:
        """Says whether `source` looks like this layout, whole or not."""

    def find(self, source: Path) -> dict[str, list[Item]]:
        """Returns the items of each split, by id; judges by names alone, decodes nothing."""

    def read(self, item: Item) -> Sample:
        """Reads one item."""


def split_folders(source: Path) -> dict[str, Path]:
    """Returns the folders train, val and test that `source` has, or `source` itself as train.

    Raises:
        InputError: no such folder.
    """
    folders = [path.name for path in entries(source) if path.is_dir()]
    given = {name: source / name for name in SPLITS if name in folders}
    return given or {"train": source}


def files_by_stem(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """Returns the files right in `folder` by their names without suffix.

    Raises:
        InputError: anything but files with one of the `suffixes` (hidden ones aside), or two of one
            stem.
    """
    files: dict[str, Path] = {}
    for path in entries(folder):
        if not path.is_file() or path.suffix.lower() not in suffixes:
            raise InputError(
                f"{path} must be a file that ends in {', '.join(suffixes)}. Convert it, or take it "
                f"out of {folder}."
            )
        if path.stem in files:
            raise InputError(
                f"{path} must differ from {files[path.stem].name} beyond the suffix. Keep one."
            )
        files[path.stem] = path
    return files


def listed(names: Sequence[object]) -> str:
    """Returns the first few names, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(str(name) for name in names[:_SHOWN]) + more
