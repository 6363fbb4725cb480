"""The folder that `tfseg predict` writes, with the images in images/: labels/ and instances.csv.

labels/NAME.png has the ids and instances.csv the class of each. With several classes, they are
called 1, 2, ..., unless coco.json has their names. The other files have the same instances and are
left out.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfseg.checks import InputError
from tfseg.data.conversion.formats.base import (
    Item,
    Reading,
    Sample,
    SourceIndex,
    files_by_stem,
    open_item,
    pair_items,
)
from tfseg.data.conversion.formats.coco_categories import category_names
from tfseg.data.conversion.formats.id_maps import read_ids
from tfseg.data.conversion.formats.parsing import read_json
from tfseg.data.dataset.records import instance_ids
from tfseg.data.files.images import IMAGE_SUFFIXES, LABEL_SUFFIXES, same_size
from tfseg.data.files.tables import read_text

LAYOUT = "instances.csv and labels/NAME.png of tfseg predict, and images/NAME.png"
_TABLE = "instances.csv"
_COLUMNS = ("image", "id", "class_id")


class _Ids(NamedTuple):
    """A file of ids, and the class of each id in it."""

    file: Path
    class_of: Mapping[int, int]


def matches(source: Path) -> bool:
    """Returns whether there is a table of instances beside images/ and labels/."""
    folders = (source / "images", source / "labels")
    return (source / _TABLE).is_file() and all(folder.is_dir() for folder in folders)


def find(source: Path, reading: Reading) -> SourceIndex:
    """Returns the items, by id.

    Raises:
        InputError: a file is missing or malformed.
    """
    if not matches(source):
        raise InputError(f"{source} has no {_TABLE}, labels/ or images/. Expected: {LAYOUT}.")
    classes = _classes(source / _TABLE)
    images = files_by_stem(source / "images", IMAGE_SUFFIXES)
    labels = files_by_stem(source / "labels", LABEL_SUFFIXES)
    items = pair_items(
        images,
        labels,
        lambda name: Item(name, images[name], _Ids(labels[name], classes.get(name, {}))),
        kinds=("image", "a label", "label"),
        folders=(source / "images", source / "labels"),
    )
    return SourceIndex({"train": items}, _class_names(source, classes))


def read(item: Item[_Ids], reading: Reading) -> Sample:
    """Reads an image, its ids and their classes.

    Raises:
        InputError: a file cannot be read, the sizes differ, or an id is not in the table.
    """
    path, class_of = item.annotations
    label = read_ids(path, reading)
    picture = open_item(item, reading, label.shape)
    same_size(item.image, picture.pixels.shape[:2], path, label)
    ids = instance_ids(label).tolist()
    if missing := [id for id in ids if id not in class_of]:
        raise InputError(f"{path} has the id {missing[0]}, which {_TABLE} lacks. Predict again.")
    classes = np.array([class_of[id] for id in ids], np.int64)
    return Sample(picture.pixels, label, classes, turned=picture.turned)


def _classes(path: Path) -> dict[str, dict[int, int]]:
    """Returns the class of each id of each image, by the name of the image without suffix."""
    rows = csv.DictReader(read_text(path).splitlines())
    classes: dict[str, dict[int, int]] = {}
    try:
        for row in rows:
            name, id, class_id = (row[column] or "" for column in _COLUMNS)
            number = int(class_id)
            if number < 1:
                raise ValueError(f"the class {number}")
            classes.setdefault(Path(name).stem, {})[int(id)] = number
    except (KeyError, ValueError, csv.Error) as error:
        raise InputError(
            f"{path} must have the columns {', '.join(_COLUMNS)} with whole numbers from 1 on "
            f"({error}, line {rows.line_num}). Predict again."
        ) from error
    return classes


def _class_names(source: Path, classes: Mapping[str, Mapping[int, int]]) -> tuple[str, ...]:
    highest = max(
        (number for of_image in classes.values() for number in of_image.values()), default=1
    )
    if (source / "coco.json").is_file():
        names = category_names(source / "coco.json", read_json(source / "coco.json"))
        if [*names] == [*range(1, len(names) + 1)] and len(names) >= highest:
            return tuple(names.values())
    return tuple(map(str, range(1, highest + 1))) if highest > 1 else ()
