"""Cityscapes: leftImg8bit/SPLIT/CITY/X_leftImg8bit.png, gtFine/SPLIT/CITY/X_gtFine_instanceIds.png.

A pixel holds 1000 * label + number of the instance, or only the label. The eight classes that the
benchmark scores by instance become classes. Groups of their objects that were annotated as one
area, what the benchmark leaves out (caravans, trailers) and void are ignored; other labels (road,
sky) are background.

Source: Cordts et al., The Cityscapes Dataset, https://arxiv.org/abs/1604.01685, and the table of
labels in https://github.com/mcordts/cityscapesScripts (helpers/labels.py).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfseg.checks import InputError
from tfseg.data.conversion.formats.base import (
    SPLITS,
    Item,
    Reading,
    Sample,
    SourceIndex,
    in_order,
    open_item,
    unmatched,
)
from tfseg.data.conversion.formats.id_maps import read_ids
from tfseg.data.conversion.formats.painting import renumbered
from tfseg.data.files.images import entries, same_size
from tfseg.ids import IGNORE

LAYOUT = (
    "leftImg8bit/train/CITY/X_leftImg8bit.png and gtFine/train/CITY/X_gtFine_instanceIds.png, "
    "and the same for val/ and test/"
)
_IMAGE, _IDS = "_leftImg8bit.png", "_gtFine_instanceIds.png"
_CLASSES = {
    24: "person",
    25: "rider",
    26: "car",
    27: "truck",
    28: "bus",
    31: "train",
    32: "motorcycle",
    33: "bicycle",
}
_BACKGROUND = range(7, 24)
_VOID = (*range(7), 29, 30)  # caravan and trailer are left out by the benchmark
_INDEX = {label: index for index, label in enumerate(_CLASSES, start=1)}


def matches(source: Path) -> bool:
    """Returns whether there is a folder gtFine."""
    return (source / "gtFine").is_dir()


def find(source: Path, reading: Reading) -> SourceIndex:
    """Returns the items of each split, by id, which is CITY/X.

    Raises:
        InputError: a folder is missing, an image without ids, or ids without an image.
    """
    for kind in ("leftImg8bit", "gtFine"):
        if not (source / kind).is_dir():
            raise InputError(f"{source} has no folder {kind!r}. Expected: {LAYOUT}.")
    given = [split for split in SPLITS if (source / "gtFine" / split).is_dir()]
    if not given:
        raise InputError(f"{source / 'gtFine'} has no folder of a split. Expected: {LAYOUT}.")
    return SourceIndex({split: _items(source, split) for split in given}, tuple(_CLASSES.values()))


def read(item: Item[Path], reading: Reading) -> Sample:
    """Reads an image and its ids, which become 1, 2, ... in ascending order.

    Raises:
        InputError: a file cannot be read, the sizes differ, or a label is unknown.
    """
    path = item.annotations
    stored = read_ids(path, reading)
    picture = open_item(item, reading, stored.shape)
    same_size(item.image, picture.pixels.shape[:2], path, stored)
    present = np.unique(stored)
    ids = np.zeros(len(present), np.int32)
    class_of: list[int] = []
    for index, value in enumerate(present.tolist()):
        label, counted = (value // 1000, True) if value >= 1000 else (value, False)
        if label not in _CLASSES and label not in _BACKGROUND and label not in _VOID:
            raise InputError(
                f"{path} must have the labels 0 to 33 of Cityscapes; got the value {value}. Give "
                "the file *_instanceIds.png."
            )
        if counted and label in _CLASSES:
            class_of.append(_INDEX[label])
            ids[index] = len(class_of)
        elif label in _CLASSES or label in _VOID:
            ids[index] = IGNORE
    label = renumbered(stored, present, ids)
    return Sample(picture.pixels, label, np.array(class_of, np.int64), turned=picture.turned)


def _items(source: Path, split: str) -> list[Item[Path]]:
    images = _files(source / "leftImg8bit" / split, _IMAGE)
    ids = _files(source / "gtFine" / split, _IDS)
    alone = unmatched("image", images, "ids", ids, source / "gtFine" / split)
    alone += unmatched("file of ids", ids, "an image", images, source / "leftImg8bit" / split)
    if not images:
        raise InputError(f"{source / 'gtFine' / split} is empty. Expected: {LAYOUT}.")
    pairs = images.keys() & ids.keys()
    return in_order([*alone, *(Item(name, images[name], ids[name]) for name in pairs)])


def _files(folder: Path, ending: str) -> dict[str, Path]:
    """Returns the files with an ending in the folders of cities, by CITY/X."""
    return {
        f"{city.name}/{path.name.removesuffix(ending)}": path
        for city in entries(folder)
        for path in entries(city)
        if path.name.endswith(ending)
    }
