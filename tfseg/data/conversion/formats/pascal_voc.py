"""Pascal VOC: JPEGImages/X.jpg, SegmentationObject/X.png and SegmentationClass/X.png.

The pixel indices (not the colours of the palette) are the object and its class; 255 is void and
ignored. The splits are the lists train.txt, val.txt and test.txt in ImageSets/Segmentation/;
without them all images that have objects are train. The classes are the lines of class_names.txt,
the background first, or else the 20 of VOC.

An object gets the most frequent class of its pixels; pixels without a class do not count.

Source: Everingham et al., The Pascal Visual Object Classes Challenge,
http://host.robots.ox.ac.uk/pascal/VOC/voc2012/segexamples/index.html.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfseg.checks import InputError, listed
from tfseg.data.conversion.formats.base import SPLITS, Item, Reading, Sample, SourceIndex, by_stem
from tfseg.data.files.images import entries, read_label, read_picture, same_size
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
_FOLDERS = ("JPEGImages", "SegmentationObject", "SegmentationClass")
_VOID = 255


class _Maps(NamedTuple):
    objects: Path
    classes: Path
    num_classes: int


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
    class_names = _class_names(source / "class_names.txt")
    splits = {}
    for split, stems in (names or {"train": sorted(objects)}).items():
        missing = [
            f"{kind}/{stem}"
            for kind, files in zip(_FOLDERS, (images, objects, classes), strict=True)
            for stem in stems
            if stem not in files
        ]
        if missing or not stems:
            what = f"there is no {listed(missing)}" if missing else "there are none"
            raise InputError(f"{source} must have the files of {split}; {what}. Add them.")
        splits[split] = [
            Item(stem, images[stem], _Maps(objects[stem], classes[stem], len(class_names)))
            for stem in sorted(set(stems))
        ]
    return SourceIndex(splits, class_names)


def read(item: Item[_Maps], reading: Reading) -> Sample:
    """Reads an image, its objects and their classes.

    Raises:
        InputError: a file cannot be read, the sizes differ, or an object has no class.
    """
    object_path, class_path, num_classes = item.annotations
    how = reading.orientation
    label, classes = (read_label(path, orientation=how) for path in (object_path, class_path))
    image, turned = read_picture(item.image, orientation=how, size=label.shape)
    same_size(item.image, image, object_path, label)
    same_size(item.image, image, class_path, classes)
    label[(label == _VOID) | ((label == 0) & (classes == _VOID))] = IGNORE
    class_of = []
    for id in np.unique(label[label > 0]).tolist():
        values = classes[label == id]
        values = values[(values > 0) & (values != _VOID)]
        if not values.size or values.max() > num_classes:
            got = f"class {values.max()}" if values.size else "none"
            raise InputError(
                f"{class_path} must have a class from 1 to {num_classes} for each object of "
                f"{object_path}; object {id} has {got}. Correct one of them."
            )
        class_of.append(np.bincount(values).argmax())
    return Sample(image, label, np.array(class_of, np.int64), turned=turned)


def _class_names(path: Path) -> tuple[str, ...]:
    """Returns the names of the classes, without the background."""
    if not path.is_file():
        return VOC
    names = read_text(path).splitlines()
    if len(names) < 2 or not all(name.strip() for name in names):
        raise InputError(
            f"{path} must have the name of a class in each line, the background first; got "
            f"{len(names)} lines, or an empty one. Correct it."
        )
    return tuple(name.strip() for name in names[1:])
