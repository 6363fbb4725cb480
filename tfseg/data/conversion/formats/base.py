"""What source formats share: the options of reading, items and samples, and pairing of files."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from tfseg import calls, checks
from tfseg.checks import InputError, listed
from tfseg.data.conversion.formats import CROWDS, OVERLAPS
from tfseg.data.files import ORIENTATIONS
from tfseg.data.files.images import entries, list_images
from tfseg.data.files.opening import Picture, open_picture
from tfseg.data.files.selection import DEFAULT, Selection
from tfseg.ids import MAX_ID
from tfseg.large_arrays import Raster

SPLITS = ("train", "val", "test")
SPLIT_NAMES = {name: name for name in SPLITS} | {"valid": "val", "validation": "val"}
Annotations = TypeVar("Annotations")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reading(metaclass=calls.Public):
    """Options for reading files of a format.

    Attributes:
        overlap: which instance gets an overlapping pixel: "smaller_wins" (the first of two equally
            large ones), "first", or "error", which refuses the image.
        masks: pattern of the mask files of an image, with {name} and *, such as
            `masks/{name}_*.png`; only for `instance_masks`.
        orientation: "apply" turns pictures and label maps upright by the orientation tags of their
            files, but a picture whose annotations have only its stored size stays so; "ignore"
            takes all as they are stored.
        components: every connected component of a value is an instance; otherwise all pixels of a
            class in an image are one instance. For `semantic`, and for masks without classes that
            are no ids, in the layouts `label_maps` and `cellpose`.
        crowd: what an annotation with iscrowd 1 is: "ignore", or "instance", as for masks painted
            in CVAT. Only for `coco` and `coco_panoptic`.
        ignore: the number of pixels that are ignored in losses and metrics, such as 255; None: all
            numbers are ids. Only for files of ids.
        selection: which level and page of TIFF files.

    Examples:
        >>> tfseg.Reading(overlap="first").orientation
        'apply'
    """

    overlap: str = "smaller_wins"
    masks: str | None = None
    orientation: str = "apply"
    components: bool = False
    crowd: str = "ignore"
    ignore: int | None = None
    selection: Selection = DEFAULT

    def __post_init__(self) -> None:
        checks.one_of("overlap", self.overlap, OVERLAPS)
        checks.one_of("orientation", self.orientation, ORIENTATIONS)
        checks.flag("components", self.components)
        checks.one_of("crowd", self.crowd, CROWDS)
        if self.ignore is not None:
            checks.integer("ignore", self.ignore, low=1, high=MAX_ID)


class Cut(NamedTuple):
    """A region of an image.

    Attributes:
        item: of the image.
        size: height and width of the image.
        rows: of the region.
        columns: of the region.
    """

    item: Item[Any]
    size: tuple[int, int]
    rows: slice
    columns: slice

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the region."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start


@dataclasses.dataclass(frozen=True)
class Item(Generic[Annotations]):
    """One image of a source.

    Attributes:
        id: unique in its split.
        image: image file.
        annotations: what `read` needs beside the image file; every format has a type for it.
        group: images of one group stay in one split; None without groups.
        fault: why the image cannot be read, if it is known before; empty otherwise.
        cut: which region of the image it is; None: all of it.
    """

    id: str
    image: Path
    annotations: Annotations
    group: str | None = None
    fault: str = ""
    cut: Cut | None = None

    def __post_init__(self) -> None:
        checks.file_name(self.image, self.id)


Splits = dict[str, list[Item[Any]]]


class SourceIndex(NamedTuple):
    """The images and classes of a source.

    Attributes:
        splits: the items of each split, in the order of their ids.
        class_names: the first is class 1; empty if the format has no classes.
        notes: what was left out or taken in another sense, a sentence each.
    """

    splits: Splits
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Sample(NamedTuple):
    """The pixels and instance ids of one image.

    Attributes:
        image: `[H, W, C]` uint8, uint16 or float32, in memory or read in windows.
        label: `[H, W]` int32 instance ids, 0 = background, -1 = ignored.
        class_of: `[N]` int64, from 1 on: the class of each id above 0 in `label`, in the order of
            the ids; None if all instances have class 1.
        overlap_pixels: number of pixels that belong to several instances.
        hidden_instances: number of instances without a pixel: covered by others, outside of the
            image, or too small.
        turned: whether the orientation tag of the image file was applied; None if it has none.
        ignored_crowds: number of crowds whose pixels are ignored.
        cut_instances: number of instances that are cut by the border of a region.
    """

    image: Raster
    label: np.ndarray
    class_of: np.ndarray | None = None
    overlap_pixels: int = 0
    hidden_instances: int = 0
    turned: bool | None = None
    ignored_crowds: int = 0
    cut_instances: int = 0


def open_item(item: Item[Any], reading: Reading, size: tuple[int, ...] | None = None) -> Picture:
    """Opens the image of an item; `size` is that of its annotation, as for `open_picture`.

    Raises:
        InputError: as `open_picture`.
    """
    return open_picture(
        item.image, orientation=reading.orientation, size=size, selection=reading.selection
    )


def split_folders(source: Path) -> dict[str, Path]:
    """Returns the folder of each split in `source`, or `source` itself as train.

    A folder named valid or validation is the split val.

    Raises:
        InputError: `source` is not a folder, or has two folders for one split.
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


def files_by_stem(
    folder: Path, suffixes: Sequence[str], *, besides: Sequence[str] = ()
) -> dict[str, Path]:
    """Returns the files directly in `folder`, by their names without suffix.

    Args:
        folder: the folder.
        suffixes: those of the files.
        besides: suffixes of files that are left out.

    Raises:
        InputError: the folder has anything but such files (hidden files aside), or two files with
            one stem.
    """
    paths = [path for path in entries(folder) if path.suffix not in besides]
    for path in paths:
        if not path.exists():
            raise InputError(f"{path} is a link that leads nowhere. Correct or remove it.")
        if not path.is_file() or path.suffix.lower() not in suffixes:
            raise InputError(
                f"{path} must be a file that ends in {', '.join(suffixes)}. Convert it, or take it "
                f"out of {folder}."
            )
    return by_stem(paths)


def by_stem(paths: Sequence[Path]) -> dict[str, Path]:
    """Returns files by their names without suffix.

    Raises:
        InputError: two files have one stem.
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
    """Returns files by the names of their partners; a file may have one of `endings` added.

    Args:
        files: files by their names without suffix.
        partners: partners by name; a file with exactly the name of a partner belongs to it.
        endings: removed from the names of the other files.
        what: description of two files of one partner, for errors.

    Raises:
        InputError: two files belong to one partner.
    """
    named: dict[str, Path] = {}
    for stem, path in files.items():
        ending = next((ending for ending in endings if stem.endswith(ending)), "")
        name = stem if stem in partners else stem.removesuffix(ending)
        if name in named:
            raise InputError(f"{named[name]} and {path} are {what}. Keep one.")
        named[name] = path
    return named


def unmatched(
    kind: str, files: Mapping[str, Path], other: str, partners: Mapping[str, Any], folder: Path
) -> list[Item[Any]]:
    """Returns an item with a fault for every file without a partner of the same name.

    Args:
        kind: what a file is, for errors.
        files: files by name.
        other: what a partner is, with its article, for errors.
        partners: partners by name.
        folder: folder of the partners, for errors.
    """
    rule = f"must have {other} of the same name in {folder}; there is none. Add it"
    return [
        Item(name, path, None, fault=f"{path} {rule}, or take the {kind} away.")
        for name, path in files.items()
        if name not in partners
    ]


def in_order(items: Iterable[Item[Annotations]]) -> list[Item[Annotations]]:
    """Returns items in the order of their ids."""
    return sorted(items, key=lambda item: item.id)


def pair_items(
    images: Mapping[str, Path],
    partners: Mapping[str, Path],
    make: Callable[[str], Item[Any]],
    *,
    kinds: tuple[str, str, str],
    folders: tuple[Path, Path],
) -> list[Item[Any]]:
    """Returns an item for each name with an image and a partner, and a fault for the other names.

    Args:
        images: image files by name.
        partners: files by the names of their images.
        make: makes the item of a name that has both.
        kinds: what an image, a partner with its article, and a partner are, for errors.
        folders: the folder of the images, and that of the partners, for errors.
    """
    image, partner_with_article, partner = kinds
    alone = unmatched(image, images, partner_with_article, partners, folders[1])
    alone += unmatched(partner, partners, "an image", images, folders[0])
    return in_order([*alone, *map(make, images.keys() & partners.keys())])


def without_source(text: str, source: Path) -> str:
    """Returns an error with paths relative to the source."""
    start_of_path = rf"(?<![^\s'\"(]){re.escape(str(source))}"
    text = re.sub(f"{start_of_path}{re.escape(os.sep)}", "", text)
    return re.sub(rf"{start_of_path}(?=[\s;,]|\.\s)", "the source", text)


def refuse_faults(splits: Splits) -> None:
    """Refuses items that cannot be read, before any image is decoded.

    Raises:
        InputError: names the first such items.
    """
    faulty = [item for items in splits.values() for item in items if item.fault]
    if faulty:
        others = listed([item.image.name for item in faulty[1:]])
        raise InputError(faulty[0].fault + (f" Faults are in {others} too." if others else ""))


def refuse_mixed(source: Path, kinds: Sequence[str] = ()) -> None:
    """Checks that there are no files beside split folders: they would be left out.

    Args:
        source: folder that may have split folders.
        kinds: names of folders with files, such as images; if empty, image files directly in
            `source` are looked for.

    Raises:
        InputError: `source` has both.
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
