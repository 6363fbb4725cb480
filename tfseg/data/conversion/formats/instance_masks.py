"""One mask file for each instance: all pixels that are not black belong to the instance.

They have one value or colour, apart from thin rims around white that interpolation leaves: several
values are ids, or colours, of several instances, and refused.

Three layouts, directly in the source or in its folders train, val and test, which are then the
splits:

- ID/images/IMAGE.png and ID/masks/*.png, of the 2018 Data Science Bowl. If the folder masks is
  empty, the image has no instances.
- images/NAME.png and masks/NAME/*.png.
- images/NAME.png and the masks that match `Reading.masks`, such as "masks/{name}_*.png". An image
  without a mask has no instances.

The ids are 1, 2, ... in the order of the names of the mask files.
"""

from __future__ import annotations

import glob
import itertools
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from tfseg.checks import InputError, listed
from tfseg.data.conversion.formats.base import (
    Item,
    Reading,
    Sample,
    SourceIndex,
    files_by_stem,
    in_order,
    open_item,
    pair_items,
    refuse_mixed,
    split_folders,
)
from tfseg.data.conversion.formats.doubtful_ids import is_white_with_rims
from tfseg.data.conversion.formats.painting import paint
from tfseg.data.conversion.formats.shapes import Region
from tfseg.data.files.images import IMAGE_SUFFIXES, MASK_SUFFIXES, entries, read_image, same_size
from tfseg.data.files.opening import Picture

LAYOUT = (
    "ID/images/ID.png and ID/masks/*.png, or images/NAME.png and masks/NAME/*.png, directly in it "
    "or in train/, val/ and test/; masks of other names with --masks 'masks/{name}_*.png'"
)
_KINDS = ("images", "masks")
_Item = Item[tuple[Path, ...]]


def matches(source: Path) -> bool:
    """Returns whether there is a folder ID/masks or masks/NAME of this layout."""
    return any(
        _is_flat(parent) or any((folder / "masks").is_dir() for folder in entries(parent))
        for parent in split_folders(source).values()
    )


def find(source: Path, reading: Reading) -> SourceIndex:
    """Returns the items of each split, by id.

    Raises:
        InputError: no folder ID, one without masks or without exactly one image, an image without
            masks, masks without an image, or folders ID beside train/ in `source`.
    """
    folders = split_folders(source)
    beside = [path for path in entries(source) if path not in folders.values()]
    refuse_mixed(source, [path.name for path in beside if (path / "masks").is_dir()] + [*_KINDS])
    splits = {split: _items(folder, reading) for split, folder in folders.items()}
    items = (item for items in splits.values() for item in items)
    without = sum(not item.annotations and not item.fault for item in items)
    notes = (f"images without a mask, and so without instances: {without}",)
    return SourceIndex(splits, notes=notes if without else ())


def read(item: _Item, reading: Reading) -> Sample:
    """Reads an image and its masks.

    Raises:
        InputError: a file cannot be read, or the sizes differ.
    """
    how, paths = reading.orientation, item.annotations

    def pixels_of(path: Path) -> np.ndarray:
        return read_image(path, orientation=how)

    first = [pixels_of(path) for path in paths[:1]]  # its size decides whether the image is turned
    size = first[0].shape[:2] if first else None
    picture = open_item(item, reading, size)
    masks = itertools.chain(first, map(pixels_of, paths[1:]))
    regions = (
        (_region(item.image, picture, path, mask), 1)
        for path, mask in zip(paths, masks, strict=True)
    )
    return paint(picture, regions, overlap=reading.overlap, name=item.image)


def _region(image_path: Path, picture: Picture, path: Path, mask: np.ndarray) -> Region:
    same_size(image_path, picture.size, path, mask)
    inside = np.any(mask, axis=-1)
    values = mask[inside]
    if (values != values[:1]).any() and not is_white_with_rims(mask):
        several = np.unique(values, axis=0).tolist()
        shown = listed([value[0] if len(value) == 1 else tuple(value) for value in several])
        raise InputError(
            f"{path} must be the mask of one instance, with one value beside black; got {shown}. "
            "Make a file for each instance; or, if the values are ids, put a file with all ids of "
            "an image into labels/, beside images/, and give --format label_maps."
        )
    return Region(inside)


def _is_flat(parent: Path) -> bool:
    """Returns whether masks/ has a folder for each image."""
    masks = parent / "masks"
    return (
        (parent / "images").is_dir()
        and masks.is_dir()
        and any(path.is_dir() for path in entries(masks))
    )


def _items(parent: Path, reading: Reading) -> list[_Item]:
    if reading.masks is not None:
        return _by_pattern(parent, reading.masks)
    if _is_flat(parent):
        return _by_folder(parent)
    items = [_item_or_fault(folder) for folder in entries(parent) if folder.is_dir()]
    if not items:
        raise InputError(f"{parent} has no folder of an image. Expected: {LAYOUT}.")
    return items


def _item_or_fault(folder: Path) -> _Item:
    try:
        return _item(folder)
    except InputError as error:
        return Item(folder.name, folder, (), fault=str(error))


def _item(folder: Path) -> _Item:
    for kind in _KINDS:
        if not (folder / kind).is_dir():
            raise InputError(f"{folder} has no folder {kind!r}. Expected: {LAYOUT}.")
    images = list(files_by_stem(folder / "images", IMAGE_SUFFIXES).values())
    if len(images) != 1:
        raise InputError(
            f"{folder / 'images'} must hold one image; got {len(images)}. Make a folder for each "
            "image."
        )
    return Item(folder.name, images[0], _masks(folder / "masks"))


def _by_folder(parent: Path) -> list[_Item]:
    images = files_by_stem(parent / "images", IMAGE_SUFFIXES)
    folders = {path.name: path for path in entries(parent / "masks")}
    return pair_items(
        images,
        folders,
        lambda name: Item(name, images[name], _masks(folders[name])),
        kinds=("image", "a folder of masks", "folder of masks"),
        folders=(parent / "images", parent / "masks"),
    )


def _masks(folder: Path) -> tuple[Path, ...]:
    return tuple(files_by_stem(folder, MASK_SUFFIXES).values())


def _by_pattern(parent: Path, pattern: str) -> list[_Item]:
    """Assigns each mask to the image with its name; of several names the longest is taken."""
    images = files_by_stem(parent / "images", IMAGE_SUFFIXES)
    masks: dict[str | None, list[Path]] = {name: [] for name in images}
    for path in _matching(parent, pattern):
        name = _owner(path.relative_to(parent).as_posix(), pattern, images)
        masks.setdefault(name, []).append(path)
    lost = masks.pop(None, [])
    rule = (
        f"must have an image of its name in {parent / 'images'}. Add the image, take the mask "
        f"away, or correct the pattern {pattern!r}."
    )
    alone: list[_Item] = [
        Item(path.relative_to(parent).as_posix(), path, (), fault=f"{path} {rule}") for path in lost
    ]
    if not alone and not any(masks.values()):
        raise InputError(
            f"{parent} has no file {pattern!r} of any of its {len(images)} images. Correct the "
            "pattern."
        )
    items = [Item(name, images[name], tuple(masks[name])) for name in images]
    return in_order([*alone, *items])


def _matching(parent: Path, pattern: str) -> Iterator[Path]:
    before, name, _ = pattern.partition("{name}")
    if not name or "*" in before or ".." in pattern or pattern.startswith("/"):
        raise InputError(
            "masks must be a pattern within the source that has {name}, and no * before it; got "
            f"{pattern!r}. Write it like masks/{{name}}_*.png."
        )
    for path in sorted(parent.glob(pattern.replace("{name}", "*"))):
        if path.suffix.lower() not in MASK_SUFFIXES:
            raise InputError(
                f"{path} must be a file that ends in {', '.join(MASK_SUFFIXES)}. Convert it, or "
                f"correct the pattern {pattern!r}."
            )
        yield path


def _owner(path: str, pattern: str, names: Mapping[str, Path]) -> str | None:
    """Returns the longest of the names that `path` can have at {name} in the pattern."""
    start = pattern.index("{name}")
    for end in range(len(path), start, -1):
        name = path[start:end]
        if name in names and fnmatchcase(path, pattern.replace("{name}", glob.escape(name))):
            return name
    return None
