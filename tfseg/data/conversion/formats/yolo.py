"""Ultralytics YOLO segmentation: images/NAME.jpg and labels/NAME.txt, and data.yaml with the names.

Each line is the index of the class, from 0 on, and the corners x y of one polygon as fractions of
width and height. An image without a text file, or with an empty one, has no instances, as in
Ultralytics. `yolo_folders` says which folders and files are a split. Label Studio writes
classes.txt instead of data.yaml.

Source: https://docs.ultralytics.com/datasets/segment.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfseg.checks import InputError
from tfseg.data.conversion.formats import yolo_folders
from tfseg.data.conversion.formats.base import (
    Item,
    Reading,
    Sample,
    SourceIndex,
    in_order,
    open_item,
    unmatched,
)
from tfseg.data.conversion.formats.painting import paint
from tfseg.data.conversion.formats.parsing import ring, shortened
from tfseg.data.conversion.formats.shapes import polygon
from tfseg.data.files.images import list_images
from tfseg.data.files.tables import read_text

LAYOUT = (
    "data.yaml, images/train/NAME.jpg and labels/train/NAME.txt, or train/images/ and "
    "train/labels/; and the same for val/ and test/"
)
_FARTHEST = 2.0  # times the sides of the image: larger coordinates must be pixels


class _Polygons(NamedTuple):
    file: Path | None
    num_classes: int


def matches(source: Path) -> bool:
    """Returns whether there are text files in a folder of labels of this layout."""
    pairs = yolo_folders.folders_of(source).values()
    return any(yolo_folders.texts(labels) for folders in pairs for _, labels in folders)


def find(source: Path, reading: Reading) -> SourceIndex:
    """Returns the items of each split, by id.

    Raises:
        InputError: a folder or data.yaml is missing, or a text file has no image.
    """
    names = yolo_folders.class_names(source)
    parts = yolo_folders.parts_of(source, LAYOUT)
    splits, without = {}, 0
    for split, (images, labels, folders, faults) in parts.items():
        alone = unmatched("text", labels, "an image", images, folders[0]) if folders else []
        items = (
            Item(name, path, _Polygons(labels.get(name), len(names)), fault=faults.get(name, ""))
            for name, path in images.items()
        )
        splits[split] = in_order([*alone, *items])
        without += len(images.keys() - labels.keys() - faults.keys())
    used = {image for part in parts.values() for image in part.images.values()}
    folders_used = {folder for part in parts.values() for folder in part.folders}
    others = {path for folder in folders_used for path in list_images(folder)} - used
    notes = []
    if without:
        notes.append(f"images without a text file, and so without instances: {without}")
    if others:
        notes.append(f"images in no list of data.yaml, left out: {len(others)}")
    return SourceIndex(splits, names, tuple(notes))


def read(item: Item[_Polygons], reading: Reading) -> Sample:
    """Reads an image and paints its polygons.

    Raises:
        InputError: the image cannot be read, or a line is not a polygon of a known class.
    """
    path, num_classes = item.annotations
    picture = open_item(item, reading)
    size = np.array(picture.size[::-1])
    lines = [] if path is None else read_text(path).splitlines()
    regions = (
        (polygon([corners * size], picture.size), class_index)
        for number, line in enumerate(lines, start=1)
        if line.strip()
        for class_index, corners in [_polygon(line, num_classes, f"{path}, line {number},")]
    )
    return paint(picture, regions, overlap=reading.overlap, name=item.image)


def _polygon(line: str, num_classes: int, context: str) -> tuple[int, np.ndarray]:
    """Returns the class, from 1 on, and the corners `[N, 2]` of a line."""
    first, *values = line.split()
    # Some tools write all numbers as floats.
    number = first.rstrip("0").removesuffix(".") if "." in first else first
    if not number.isdecimal() or len(number) > 9 or int(number) >= num_classes:
        raise InputError(
            f"{context} must begin with a class from 0 to {num_classes - 1}; got "
            f"{shortened(first)}. Correct it, or data.yaml."
        )
    if len(values) % 2 and len(values) > 6:
        raise InputError(
            f"{context} must have pairs of x and y after the class; got {len(values)} numbers. "
            f"If the last one, {shortened(values[-1])}, is a confidence, take it out (Ultralytics: "
            "save_conf=False); else complete the corner."
        )
    if len(values) == 4:
        raise InputError(
            f"{context} must have a polygon; it has the box of an object. Give the labels of a "
            "segmentation."
        )
    corners = ring(values, context=context)
    if np.abs(corners).max() > _FARTHEST:
        raise InputError(
            f"{context} must have coordinates that are shares of width and height, in [0, 1]; got "
            f"{np.abs(corners).max():g}. Divide them by the size of the image."
        )
    return int(number) + 1, corners
