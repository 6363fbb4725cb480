"""What every source format offers: `matches`, `find` and `read` over `Item`s."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from tfseg import checks
from tfseg.checks import InputError, listed
from tfseg.data.conversion.formats import OVERLAPS
from tfseg.data.files.images import entries, list_images

SPLITS = ("train", "val", "test")
SPLIT_NAMES = {name: name for name in SPLITS} | {"valid": "val", "validation": "val"}
Annotations = TypeVar("Annotations")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reading:
    """What to make of files that leave a choice.

    Attributes:
        overlap: whose a pixel is that several instances claim: "smaller_wins" (of equal ones the
            first), "first", or "error", which refuses it.
        masks: where the masks of an image lie, as a pattern with {name} and *, such as
            "masks/{name}_*.png"; of `instance_masks` alone.
        components: every connected part of a class is an instance, else all of a class in an image
            is one; of `semantic` alone.
    """

    overlap: str = "smaller_wins"
    masks: str | None = None
    components: bool = False

    def __post_init__(self) -> None:
        checks.one_of("overlap", self.overlap, OVERLAPS)
        checks.flag("components", self.components)


@dataclasses.dataclass(frozen=True)
class Item(Generic[Annotations]):
    """One image of a source.

    Attributes:
        id: unique in its split.
        image: its file.
        annotations: what `read` of the format needs beside it; each format has a type for that.
        group: what must stay in one split; None without groups.
    """

    id: str
    image: Path
    annotations: Annotations
    group: str | None = None

    def __post_init__(self) -> None:
        if self.id != self.id.encode("utf-8", "ignore").decode():
            raise InputError(f"{str(self.image)!r} must have a name in UTF-8. Rename it.")


Splits = dict[str, list[Item[Any]]]


class SourceIndex(NamedTuple):
    """What a source has.

    Attributes:
        splits: the items of each split, by id.
        class_names: class 1 is the first; empty where the format knows no classes.
    """

    splits: Splits
    class_names: tuple[str, ...] = ()


class Sample(NamedTuple):
    """One image, read.

    Attributes:
        image: `[H, W, C]` uint8, uint16 or float32, C = 1, 3 or 4.
        label: `[H, W]` int32 instance ids, 0 = background, -1 = ignored.
        class_of: `[N]` int64, the class of each id above 0 that has a pixel, in ascending order of
            the ids, from 1 on; None where all are of class 1.
        overlap_pixels: pixels that several instances claimed.
        hidden_instances: instances without a pixel: covered by others, outside, or too small.
    """

    image: np.ndarray
    label: np.ndarray
    class_of: np.ndarray | None = None
    overlap_pixels: int = 0
    hidden_instances: int = 0


class Format(Protocol):
    """A layout of folders and files with images and instances."""

    LAYOUT: str

    def matches(self, source: Path) -> bool:
        """Says whether `source` looks like this layout, whole or not."""

    def find(self, source: Path, reading: Reading) -> SourceIndex:
        """Returns the items of each split; decodes no image."""

    def read(self, item: Item[Any], reading: Reading) -> Sample:
        """Reads one item."""


def split_folders(source: Path) -> dict[str, Path]:
    """Returns the folders of the splits that `source` has, or `source` itself as train.

    A folder valid or validation is the split val.

    Raises:
        InputError: no such folder, or two folders of one split.
    """
    given: dict[str, Path] = {}
    for path in entries(source):
        split = SPLIT_NAMES.get(path.name)
        if split is None or not path.is_dir():
            continue
        if split in given:
            raise InputError(f"{given[split]} and {path} are both the split {split}. Keep one.")
        given[split] = path
    return {split: given[split] for split in SPLITS if split in given} or {"train": source}


def files_by_stem(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """Returns the files right in `folder` by their names without suffix.

    Raises:
        InputError: anything but files with one of the `suffixes` (hidden ones aside), or two of one
            stem.
    """
    for path in entries(folder):
        if not path.is_file() or path.suffix.lower() not in suffixes:
            raise InputError(
                f"{path} must be a file that ends in {', '.join(suffixes)}. Convert it, or take it "
                f"out of {folder}."
            )
    return by_stem(entries(folder))


def by_stem(paths: Sequence[Path]) -> dict[str, Path]:
    """Returns files by their names without suffix.

    Raises:
        InputError: two of one stem.
    """
    files: dict[str, Path] = {}
    for path in paths:
        if path.stem in files:
            raise InputError(
                f"{path} must differ from {files[path.stem].name} beyond the suffix. Keep one."
            )
        files[path.stem] = path
    return files


def by_partner(
    files: Mapping[str, Path], partners: Mapping[str, Any], endings: Sequence[str], *, what: str
) -> dict[str, Path]:
    """Returns files by the names of their partners, which some have with one of `endings` behind.

    Args:
        files: by their names without suffix.
        partners: by theirs; a file of such a name keeps it.
        endings: that are taken off the others.
        what: two files of one partner are, for errors.

    Raises:
        InputError: two of one partner.
    """
    named: dict[str, Path] = {}
    for stem, path in files.items():
        ending = next((ending for ending in endings if stem.endswith(ending)), "")
        name = stem if stem in partners else stem.removesuffix(ending)
        if name in named:
            raise InputError(f"{named[name]} and {path} are {what}. Keep one.")
        named[name] = path
    return named


def refuse_unmatched(
    kind: str, own: Mapping[str, Path], other: str, others: Mapping[str, Any], place: Path
) -> None:
    """Refuses files of one kind without a partner of the other kind.

    Raises:
        InputError: some have none; names the first few.
    """
    alone = [path for name, path in own.items() if name not in others]
    if alone:
        raise InputError(
            f"Every {kind} must have {other} of the same name in {place}; there is none "
            f"for {listed(alone)}. Add it, or take the {kind} away."
        )


def refuse_mixed(source: Path, kinds: Sequence[str] = ()) -> None:
    """Refuses files beside split folders, which would be left out.

    Args:
        source: folder that may have split folders.
        kinds: folders of files, such as images; without them the images right in `source`.

    Raises:
        InputError: it has both.
    """
    folders = split_folders(source)
    if source in folders.values():
        return
    mixed = [f"{kind}/" for kind in kinds if (source / kind).is_dir()]
    if not kinds:
        mixed = [path.name for path in list_images(source)]
    if mixed:
        raise InputError(
            f"{source} must have {mixed[0]} or split folders, not both; got {mixed[0]} beside "
            f"{', '.join(folders)}. Move {mixed[0]} away, or the split folders."
        )
