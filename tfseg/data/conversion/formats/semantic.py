"""Semantic masks: a class for each pixel, as a colour or an index, and a table of the classes.

images/NAME.png and labels/NAME.png or masks/NAME.png, directly in the source or in its folders
train, val and test; or train/ and train_labels/ (trainannot/), and the same for val and test, as in
copies of CamVid. A mask may also be called NAME_L, NAME_P, NAME_mask(s) or NAME_label(s). The table
of classes lies in the source, see `class_tables`. Or NAME.jpg and NAME_mask.png beside it and
_classes.csv, in the source or in each of its folders of splits, as Roboflow writes them.

All pixels of a class in an image are one instance, and its id is the class. With
`Reading.components`, every connected component of a class (8 neighbours) is an instance. The index
255 is ignored if it is not in the table.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from skimage import measure

from tfseg.checks import InputError
from tfseg.data.conversion.formats.base import (
    SPLIT_NAMES,
    SPLITS,
    Item,
    Reading,
    Sample,
    SourceIndex,
    by_partner,
    files_by_stem,
    open_item,
    pair_items,
    refuse_mixed,
    split_folders,
)
from tfseg.data.conversion.formats.class_tables import (
    BESIDE,
    FILES,
    MASK_ENDINGS,
    ClassTable,
    classes_of,
    read_colours,
    read_table,
    table_file,
)
from tfseg.data.conversion.formats.doubtful_ids import check_components
from tfseg.data.conversion.formats.id_maps import read_ids
from tfseg.data.dataset.records import instance_ids
from tfseg.data.files.images import IMAGE_SUFFIXES, MASK_SUFFIXES, entries, same_size
from tfseg.data.files.opening import Picture
from tfseg.ids import IGNORE

LAYOUT = (
    f"{' or '.join(FILES)}, and images/NAME.png and labels/NAME.png, directly in it or in train/, "
    "val/ and test/, or train/NAME.png and train_labels/NAME.png; or train/_classes.csv, "
    "train/NAME.jpg and train/NAME_mask.png"
)
_ENDINGS = ("_L", "_P", *MASK_ENDINGS)


class _Mask(NamedTuple):
    file: Path
    table: ClassTable


def matches(source: Path) -> bool:
    """Returns whether there is a table of classes and a folder of masks."""
    return table_file(source) is not None and bool(_folders(source))


def find(source: Path, reading: Reading) -> SourceIndex:
    """Returns the items of each split, by id.

    Raises:
        InputError: no table, a malformed one, an image without a mask, or a mask without an image.
    """
    path, folders = table_file(source), _folders(source)
    if path is None or not folders:
        raise InputError(f"{source} has no table of classes, or no masks. Expected: {LAYOUT}.")
    refuse_mixed(source, ("images", "labels", "masks"))
    refuse_mixed(source)
    if alone := [split for split in split_folders(source) if split not in folders]:
        raise InputError(f"{source} has no masks of {', '.join(alone)}. Expected: {LAYOUT}.")
    table = read_table(path)
    for folder, _ in folders.values():
        if (folder / BESIDE).is_file() and read_table(folder / BESIDE) != table:
            raise InputError(
                f"{folder / BESIDE} must have the classes of {path}. Export them again."
            )
    return SourceIndex(
        {split: _items(*folders[split], table) for split in SPLITS if split in folders},
        table.names,
        table.notes,
    )


def read(item: Item[_Mask], reading: Reading) -> Sample:
    """Reads an image and its mask.

    Raises:
        InputError: a file cannot be read, the sizes differ, or a value is not in the table.
    """
    path, table = item.annotations
    values = (
        read_colours(path, orientation=reading.orientation)
        if table.colours
        else read_ids(path, reading)
    )
    picture = open_item(item, reading, values.shape)
    same_size(item.image, picture.pixels.shape[:2], path, values)
    return as_sample(picture, classes_of(path, values, table), reading)


def as_sample(picture: Picture, classes: np.ndarray, reading: Reading) -> Sample:
    """Returns the sample of a map of classes `[H, W]`, 0 = background, -1 = ignored.

    Args:
        picture: the image.
        classes: from 1 on.
        reading: whether connected components or classes are the instances.
    """
    if not reading.components:
        present = instance_ids(classes).astype(np.int64)
        return Sample(picture.pixels, classes, present, turned=picture.turned)
    check_components(classes.shape)
    parts = measure.label(np.maximum(classes, 0), background=0, connectivity=2)
    ids, first = np.unique(parts, return_index=True)
    class_of = classes.flat[first[ids > 0]].astype(np.int64)
    label = np.where(classes == IGNORE, IGNORE, parts).astype(np.int32)
    return Sample(picture.pixels, label, class_of, turned=picture.turned)


def _folders(source: Path) -> dict[str, tuple[Path, Path]]:
    """Returns the folders of images and masks of each split."""
    beside = {}
    for path in entries(source):
        masks = [source / f"{path.name}{ending}" for ending in ("_labels", "annot")]
        masks = [folder for folder in masks if folder.is_dir()]
        if path.name in SPLIT_NAMES and path.is_dir() and masks:
            beside[SPLIT_NAMES[path.name]] = path, masks[0]
    if beside:
        return beside
    together = {
        split: (folder, folder)
        for split, folder in split_folders(source).items()
        if (folder / BESIDE).is_file()
    }
    if together:
        return together
    return {
        split: (folder / "images", masks)
        for split, folder in split_folders(source).items()
        for masks in (folder / "labels", folder / "masks")
        if masks.is_dir() and (folder / "images").is_dir()
    }


def _items(images: Path, masks: Path, table: ClassTable) -> list[Item[_Mask]]:
    pictures, files = _together(images) if images == masks else _apart(images, masks)
    named = by_partner(files, pictures, _ENDINGS, what="masks of one image")
    if not pictures:
        raise InputError(f"{images} is empty. Put the images there. Expected: {LAYOUT}.")
    return pair_items(
        pictures,
        named,
        lambda name: Item(name, pictures[name], _Mask(named[name], table)),
        kinds=("image", "a mask", "mask"),
        folders=(images, masks),
    )


def _apart(images: Path, masks: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Returns the images and the masks of two folders."""
    return files_by_stem(images, IMAGE_SUFFIXES), files_by_stem(masks, MASK_SUFFIXES)


def _together(folder: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Returns the images and the masks of one folder."""
    files = files_by_stem(folder, IMAGE_SUFFIXES, besides=(".csv",))
    masks = {stem: path for stem, path in files.items() if stem.endswith("_mask")}
    return {stem: path for stem, path in files.items() if stem not in masks}, masks
