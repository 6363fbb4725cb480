"""Images and label maps with the same names: images/NAME.png and labels/NAME.png.

A label map is a PNG, TIFF or npy file with the instance id of each pixel, 0 = background. Its
folder may also be called masks, as in the data of StarDist, and the map NAME_mask, NAME_masks,
NAME_label, NAME_labels, NAME_seg or NAME_gt. The two folders lie directly in the source, or in its
folders train, val and test, which are then the splits. Other folders are left out.
"""

from __future__ import annotations

from pathlib import Path

from tfseg.checks import InputError
from tfseg.data.conversion.formats.base import (
    Item,
    Reading,
    Sample,
    SourceIndex,
    by_partner,
    files_by_stem,
    pair_items,
    refuse_mixed,
    split_folders,
)
from tfseg.data.conversion.formats.class_tables import MASK_ENDINGS, table_file
from tfseg.data.conversion.formats.id_maps import read_pair
from tfseg.data.files.images import IMAGE_SUFFIXES, LABEL_SUFFIXES, entries

LAYOUT = "images/NAME.png and labels/NAME.png, directly in it or in train/, val/ and test/"
_KINDS = ("images", "labels")


def matches(source: Path) -> bool:
    """Returns whether there is a folder of label maps of this layout."""
    folders = {source, *split_folders(source).values()}
    return table_file(source) is None and any(_has_maps(folder) for folder in folders)


def find(source: Path, reading: Reading) -> SourceIndex:
    """Returns the items of each split, by id.

    Raises:
        InputError: a folder is missing or empty, an image without a label, a label without an
            image, or both images/ and train/ in `source`.
    """
    refuse_mixed(source, (*_KINDS, "masks"))
    return SourceIndex({split: _items(folder) for split, folder in split_folders(source).items()})


def read(item: Item[Path], reading: Reading) -> Sample:
    """Reads an image and its label map.

    Raises:
        InputError: a file cannot be read, or the sizes differ.
    """
    return read_pair(item, reading)


def _has_maps(folder: Path) -> bool:
    """Returns whether there are label maps; in masks/ they must have the names of the images."""
    labels, images = _labels(folder), folder / "images"
    if not labels.is_dir():
        return False
    files = [path for path in entries(labels) if path.suffix.lower() in LABEL_SUFFIXES]
    if labels.name == "labels":
        return bool(files) or not entries(labels)
    stems = {path.stem for path in entries(images)} if images.is_dir() else set()
    named = {stem + ending for stem in stems for ending in ("", *MASK_ENDINGS)}
    return bool(files) and {path.stem for path in files} <= named


def _labels(folder: Path) -> Path:
    labels, masks = folder / "labels", folder / "masks"
    return masks if masks.is_dir() and not labels.is_dir() else labels


def _items(folder: Path) -> list[Item[Path]]:
    for kind in (folder / "images", _labels(folder)):
        if not kind.is_dir():
            raise InputError(f"{folder} has no folder {kind.name!r}. Expected: {LAYOUT}.")
    images = files_by_stem(folder / "images", IMAGE_SUFFIXES)
    files = files_by_stem(_labels(folder), LABEL_SUFFIXES)
    labels = by_partner(files, images, MASK_ENDINGS, what="labels of one image")
    if not images:
        raise InputError(f"{folder / 'images'} is empty. Put the images there. Expected: {LAYOUT}.")
    return pair_items(
        images,
        labels,
        lambda name: Item(name, images[name], labels[name]),
        kinds=("image", "a label", "label"),
        folders=(folder / "images", _labels(folder)),
    )
