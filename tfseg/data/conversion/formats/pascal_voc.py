"""Pascal VOC: JPEGImages/X.jpg, SegmentationObject/X.png and SegmentationClass/X.png.

The pixel indices (not the colours of the palette) are the object and its class; 255 is void and
ignored. The splits are the lists train.txt, val.txt and test.txt in ImageSets/Segmentation/;
without them all images that have objects are train. The classes are the lines of class_names.txt,
the background first, or those of labelmap.txt (CVAT), which gives the colours of the masks. Without
either they are the 20 of VOC, if the source has such lists and the masks have VOC's palette.

An object gets the most frequent class of its pixels; pixels without a class do not count.

Source: Everingham et al., The Pascal Visual Object Classes Challenge,
http://host.robots.ox.ac.uk/pascal/VOC/voc2012/segexamples/index.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfseg.checks import InputError, listed
from tfseg.data.conversion.formats.base import (
    SPLITS,
    Item,
    Reading,
    Sample,
    SourceIndex,
    by_stem,
    open_item,
)
from tfseg.data.conversion.formats.class_tables import (
    LABELMAP,
    ClassTable,
    classes_of,
    read_colours,
    read_table,
)
from tfseg.data.conversion.formats.painting import renumbered
from tfseg.data.files.content import load
from tfseg.data.files.images import entries, read_label, same_size
from tfseg.data.files.tables import read_text
from tfseg.ids import IGNORE

LAYOUT = (
    "JPEGImages/X.jpg, SegmentationObject/X.png, SegmentationClass/X.png and "
    "ImageSets/Segmentation/train.txt"
)
VOC = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle"),
    *("bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person"),
    *("pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
_NAMES = "class_names.txt"
_FOLDERS = ("JPEGImages", "SegmentationObject", "SegmentationClass")
_VOID, _VOID_COLOUR = 255, 0xE0E0C0


class _Maps(NamedTuple):
    objects: Path
    classes: Path
    num_classes: int
    colours: ClassTable | None  # None: the masks have indices


def matches(source: Path) -> bool:
    """Returns whether there is a folder SegmentationObject."""
    return (source / "SegmentationObject").is_dir()


def find(source: Path, reading: Reading) -> SourceIndex:
    """Returns the items of each split, by id.

    Raises:
        InputError: a folder or a file in a list is missing, or there are no images.
    """
    for kind in _FOLDERS:
        if not (source / kind).is_dir():
            raise InputError(f"{source} has no folder {kind!r}. Expected: {LAYOUT}.")
    images, objects, classes = (by_stem(entries(source / kind)) for kind in _FOLDERS)
    lists = {split: source / "ImageSets" / "Segmentation" / f"{split}.txt" for split in SPLITS}
    names = {split: read_text(path).split() for split, path in lists.items() if path.is_file()}
    table, class_names = _classes(source, unlike_voc=_unlike_voc(classes, names))
    splits = {}
    for split, stems in (names or {"train": sorted(objects)}).items():
        if not stems:
            raise InputError(f"{source} must have the files of {split}; there are none. Add them.")
        splits[split] = [
            _item(stem, (images, objects, classes), source, (len(class_names), table))
            for stem in sorted(set(stems))
        ]
    notes = table.notes if table else ()
    unlisted = objects.keys() - {item.id for items in splits.values() for item in items}
    if unlisted:
        notes += (f"images with objects that are in no list, and left out: {len(unlisted)}",)
    return SourceIndex(splits, class_names, notes)


def read(item: Item[_Maps], reading: Reading) -> Sample:
    """Reads an image, its objects and their classes.

    Raises:
        InputError: a file cannot be read, the sizes differ, or an object has no class.
    """
    object_path, class_path, num_classes, table = item.annotations
    how = reading.orientation
    if table is None:
        label, classes = _indices(object_path, how), _indices(class_path, how)
    else:
        label, classes = _objects(object_path, how), _coloured(class_path, table, how)
    picture = open_item(item, reading, label.shape)
    same_size(item.image, picture.pixels.shape[:2], object_path, label)
    same_size(item.image, picture.pixels.shape[:2], class_path, classes)
    label[(label == 0) & (classes == IGNORE)] = IGNORE
    class_of = []
    for id in np.unique(label[label > 0]).tolist():
        values = classes[label == id]
        values = values[values > 0]
        if not values.size or values.max() > num_classes:
            got = f"class {values.max()}" if values.size else "none"
            raise InputError(
                f"{class_path} must have a class from 1 to {num_classes} for each object of "
                f"{object_path}; object {id} has {got}. Correct one of them."
            )
        class_of.append(np.bincount(values).argmax())
    return Sample(picture.pixels, label, np.array(class_of, np.int64), turned=picture.turned)


def _item(
    stem: str,
    files: tuple[Mapping[str, Path], ...],
    source: Path,
    classes: tuple[int, ClassTable | None],
) -> Item[Any]:
    """Returns the item of an image, with a fault if one of its three files is missing."""
    missing = [
        f"{kind}/{stem}"
        for kind, by_name in zip(_FOLDERS, files, strict=True)
        if stem not in by_name
    ]
    if missing:
        fault = f"{source} must have the files of {stem}; there is no {listed(missing)}. Add them."
        return Item(stem, source / _FOLDERS[0] / stem, None, fault=fault)
    image, objects, masks = (by_name[stem] for by_name in files)
    return Item(stem, image, _Maps(objects, masks, *classes))


def _indices(path: Path, orientation: str) -> np.ndarray:
    """Returns the indices `[H, W]` int32 of a mask, void as -1."""
    indices = read_label(path, orientation=orientation)
    indices[indices == _VOID] = IGNORE
    return indices


def _objects(path: Path, orientation: str) -> np.ndarray:
    """Returns the objects `[H, W]` int32 of a mask with a colour for each, void as -1."""
    colours = read_colours(path, orientation=orientation)
    present = np.unique(colours)
    ids = np.cumsum((present != 0) & (present != _VOID_COLOUR), dtype=np.int32)
    ids[present == 0] = 0
    ids[present == _VOID_COLOUR] = IGNORE
    return renumbered(colours, present, ids)


def _coloured(path: Path, table: ClassTable, orientation: str) -> np.ndarray:
    """Returns the classes `[H, W]` int32 of a mask in the colours of a table, void as -1."""
    known = table._replace(class_of={_VOID_COLOUR: IGNORE} | table.class_of)
    return classes_of(path, read_colours(path, orientation=orientation), known)


def _classes(source: Path, *, unlike_voc: str) -> tuple[ClassTable | None, tuple[str, ...]]:
    """Returns the colours of the classes, if the masks have colours, and the names.

    Args:
        source: folder that may have a table.
        unlike_voc: why the classes are not VOC's without a table, or an empty text.
    """
    if (source / LABELMAP).is_file() and not (source / _NAMES).is_file():
        table = read_table(source / LABELMAP)
        return table, table.names
    if (source / _NAMES).is_file():
        return None, _class_names(source / _NAMES)
    if not unlike_voc:
        return None, VOC
    raise InputError(
        f"{source} must have {_NAMES} (a name in each line, the background first) or {LABELMAP}; "
        f"got neither, and its classes are not those of VOC, since {unlike_voc}. Add one."
    )


def _unlike_voc(classes: Mapping[str, Path], lists: Mapping[str, list[str]]) -> str:
    """Returns in what a source differs from VOC: it has lists, and masks with VOC's palette."""
    listed_masks = [classes[stem] for stems in lists.values() for stem in stems if stem in classes]
    if not listed_masks:
        return "ImageSets/Segmentation has no list of its images"
    data = load(listed_masks[0])
    start = data.find(b"PLTE") + 4
    colours = bytes(
        sum((index >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(8))
        for index in range(len(VOC) + 1)
        for channel in range(3)
    )
    if start > 3 and data[start:].startswith(colours):
        return ""
    return f"{listed_masks[0]} does not have its palette"


def _class_names(path: Path) -> tuple[str, ...]:
    """Returns the names of the classes, without the background."""
    names = read_text(path).splitlines()
    if len(names) < 2 or not all(name.strip() for name in names):
        raise InputError(
            f"{path} must have the name of a class in each line, the background first; got "
            f"{len(names)} lines, or an empty one. Correct it."
        )
    return tuple(name.strip() for name in names[1:])
