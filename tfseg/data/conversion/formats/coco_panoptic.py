"""COCO panoptic: panoptic_*.json, a folder of PNG files of the same name, and the images.

A PNG holds the segment of each pixel as red + 256 green + 65536 blue; 0 is void. Segments of things
become instances; void and, if not asked for, crowds are ignored; other segments are background.

The files lie in annotations/, directly in the source, or in its folders train, val and test, as for
`coco`.

Source: Kirillov et al., Panoptic Segmentation, https://arxiv.org/abs/1801.00868, and
https://cocodataset.org/#format-data.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from tfseg.checks import InputError
from tfseg.data.conversion.formats.base import (
    Item,
    Reading,
    Sample,
    SourceIndex,
    Splits,
    in_order,
    open_item,
)
from tfseg.data.conversion.formats.coco_files import (
    by_split,
    image_folders,
    panoptic_files,
    unlisted_note,
)
from tfseg.data.conversion.formats.coco_values import crowd_note, flag, image_key, integer
from tfseg.data.conversion.formats.painting import renumbered
from tfseg.data.conversion.formats.parsing import (
    entry,
    first_file,
    inside,
    missing_image,
    read_json,
)
from tfseg.data.files.images import read_image, same_size
from tfseg.ids import IGNORE

LAYOUT = (
    "annotations/panoptic_train2017.json, annotations/panoptic_train2017/*.png and "
    "train2017/*.jpg, or panoptic_train.json and panoptic_train/ beside it"
)


class _Segments(NamedTuple):
    """The PNG file of an image, the class of each of its segments, and the crowds of things."""

    file: Path
    classes: dict[int, int]
    crowds: frozenset[int]


def matches(source: Path) -> bool:
    """Returns whether there is a JSON file with a folder of PNG files."""
    return bool(panoptic_files(source))


def find(source: Path, reading: Reading) -> SourceIndex:
    """Reads the JSON files and returns the items of each split, in the order of their ids.

    Raises:
        InputError: a malformed file, a file that is missing or outside of the source, two files for
            one split, or files with different categories.
    """
    files = by_split(source, panoptic_files(source))
    if not files:
        raise InputError(f"{source} has no JSON file of COCO panoptic. Expected: {LAYOUT}.")
    splits: Splits = {}
    names: dict[int, str | None] = {}
    notes: tuple[str, ...] = ()
    for split, path in files.items():
        content = read_json(path)
        things = _things(path, entry(content, "categories", list, context=path))
        names = names or things
        if things != names:
            raise InputError(f"{path} must have the categories of the other files. Export again.")
        splits[split] = _items(source, path, content, things)
        if reading.crowd == "ignore":
            segments = [(item.id, item.annotations) for item in splits[split]]
            crowds = ((id, of.classes[crowd]) for id, of in segments for crowd in of.crowds)
            notes += crowd_note(path, crowds)
    images = (item.image for items in splits.values() for item in items)
    notes += unlisted_note(source, files.values(), images)
    class_names = tuple(name for name in names.values() if name is not None)
    if others := len(names) - len(class_names):
        notes += (f"categories that are no things, and become background: {others}",)
    return SourceIndex(splits, class_names, notes)


def read(item: Item[_Segments], reading: Reading) -> Sample:
    """Reads an image and its segments, which get the ids 1, 2, ... in the order of the file.

    Raises:
        InputError: a file cannot be read, the sizes differ, or a segment is not in the JSON file.
    """
    path, classes, crowds = item.annotations
    ignored = crowds if reading.crowd == "ignore" else frozenset()
    classes = {id: IGNORE if id in ignored else index for id, index in classes.items()}
    colours = read_image(path, orientation=reading.orientation)
    picture = open_item(item, reading, colours.shape[:2])
    same_size(item.image, picture.pixels.shape[:2], path, colours)
    if colours.dtype != np.uint8 or colours.shape[-1] != 3:
        raise InputError(f"{path} must be an RGB picture of 8 bits. Give the PNG of the segments.")
    segments = colours.astype(np.int32) @ np.array([1, 256, 65536], np.int32)
    present = np.unique(segments)
    ids = np.zeros(len(present), np.int32)
    order = {segment: index for index, segment in enumerate(classes, start=1)}
    for index, value in enumerate(present.tolist()):
        if value and value not in classes:
            raise InputError(
                f"{path} has the segment {value}, which the JSON file does not list. Export it "
                "again."
            )
        class_index = classes.get(value, IGNORE)
        ids[index] = order[value] if class_index > 0 else class_index
    by_order = np.array(list(classes.values()), np.int64)
    visible = np.sort(ids[ids > 0])
    return Sample(
        picture.pixels,
        renumbered(segments, present, ids),
        by_order[visible - 1],
        hidden_instances=int(np.count_nonzero(by_order > 0)) - len(visible),
        turned=picture.turned,
        ignored_crowds=len(ignored),
    )


def _things(path: Path, categories: list) -> dict[int, str | None]:
    """Returns the name of each category by id; None if it is not a thing."""
    names: dict[int, str | None] = {}
    context = f"A category in {path}"
    for record in categories:
        name = entry(record, "name", str, context=context)
        is_thing = flag(record, "isthing", context=context, default=True)
        names[integer(record, "id", context=context)] = name if is_thing else None
    if not any(names.values()):
        raise InputError(f"{path} must have a category of things; got none. Export them too.")
    return {id: names[id] for id in sorted(names)}


def _items(
    source: Path, path: Path, content: Any, things: dict[int, str | None]
) -> list[Item[_Segments]]:
    context = f"An entry in {path}"
    names, items = {}, {}
    for record in entry(content, "images", list, context=path):
        text = entry(record, "file_name", str, context=context)
        names[image_key(record, "id", context=context)] = inside(text, context=path)
    numbers = [id for id, name in things.items() if name is not None]
    indices = {id: numbers.index(id) + 1 if id in numbers else 0 for id in things}
    folders = image_folders(source, path)
    for record in entry(content, "annotations", list, context=path):
        id = image_key(record, "image_id", context=context)
        if id not in names:
            raise InputError(f"{path} has segments of the image {id}, which it does not list.")
        items[id] = _item(path, names[id], record, folders, indices)
    for id in names.keys() - items.keys():
        fault = f"{path} must have an annotation of {names[id]}; it has none. Export it again."
        name, none = names[id].with_suffix("").as_posix(), _Segments(path, {}, frozenset())
        items[id] = Item(name, path.parent / names[id], none, fault=fault)
    return in_order({item.id: item for item in items.values()}.values())


def _item(
    path: Path,
    name: PurePosixPath,
    record: dict,
    folders: list[Path],
    indices: dict[int, int],
) -> Item[_Segments]:
    """Returns the item of an image, with a fault if a file is missing or a segment is wrong."""
    context = f"An entry in {path}"
    map_name = inside(entry(record, "file_name", str, context=context), context=path)
    maps = path.with_suffix("")
    given = entry(record, "segments_info", list, context=context)
    annotations, fault = _segments(path, maps / map_name, given, indices)
    if not first_file(map_name, [maps]):
        fault = missing_image(path, map_name, [maps])
    image = first_file(name, folders)
    if not image:
        fault = missing_image(path, name, folders)
    file = image or path.parent / name
    return Item(name.with_suffix("").as_posix(), file, annotations, fault=fault)


def _segments(
    path: Path, maps: Path, segments: list, indices: dict[int, int]
) -> tuple[_Segments, str]:
    """Returns the class of each segment, 0 for others than things, the crowds, and the fault."""
    context, classes, crowds = f"A segment of {maps.name} in {path}", {}, set()
    try:
        for record in segments:
            category = integer(record, "category_id", context=context)
            if category not in indices:
                raise InputError(
                    f"{context} must have a category of the file; got {category}. Add it."
                )
            id = integer(record, "id", context=context)
            classes[id] = indices[category]
            if flag(record, "iscrowd", context=context) and classes[id]:
                crowds.add(id)
    except InputError as error:
        return _Segments(maps, {}, frozenset()), str(error)
    return _Segments(maps, classes, frozenset(crowds)), ""
