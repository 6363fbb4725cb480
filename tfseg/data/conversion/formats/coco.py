"""COCO instances: JSON files with images, annotations and categories, and the images.

The JSON files lie in annotations/ (if any is named instances_*.json, only those are read), directly
in the source, or in its folders train, val and test. The name of the file or of its folder has the
split; a single file without a split is train. The images lie beside the file, in images/, or in
folders named after the split or the file.

- A list of polygons is one instance in several parts. A ring inside another one, running the other
  way round, is a hole. Run lengths may be compressed or not.
- An instance that reaches beyond the image is cut off at its border.
- A crowd is ignored where no instance is.
- Categories become classes in the order of their ids, which may have gaps; categories of one name
  are one class. Boxes, areas and keypoints are not used.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfseg.checks import InputError, listed
from tfseg.data.conversion.formats.base import Item, Reading, Sample, SourceIndex
from tfseg.data.conversion.formats.coco_files import by_split, image_folders, instance_files
from tfseg.data.conversion.formats.painting import paint
from tfseg.data.conversion.formats.parsing import (
    entry,
    first_file,
    inside,
    read_json,
    ring,
    shortened,
)
from tfseg.data.conversion.formats.shapes import Region, polygon
from tfseg.data.files.images import read_picture, stated_size
from tfseg.ids import IGNORE
from tfseg.run_lengths import decode, decompress

LAYOUT = (
    "annotations/instances_train2017.json and train2017/*.jpg, or annotations.json and images/, or "
    "JSON and images in train/, val/ and test/"
)


class Shape(NamedTuple):
    """One annotation.

    Attributes:
        outline: rings `[N, 2]` as (x, y), or run lengths: (counts `[N]`, or their text, size).
        class_index: class from 1 on, or `IGNORE`.
        context: which annotation it is, for errors.
    """

    outline: Any
    class_index: int
    context: str


class _Annotations(NamedTuple):
    """The shapes of an image, its (height, width), and the JSON file that has them."""

    file: Path
    size: tuple[int, int]
    shapes: list[Shape]


def matches(source: Path) -> bool:
    """Returns whether there is a JSON file in a folder of this layout."""
    return bool(instance_files(source))


def find(source: Path, reading: Reading) -> SourceIndex:
    """Reads the JSON files and returns the items of each split, in the order of their ids.

    Raises:
        InputError: a malformed file, an image that is missing or outside of the source, or two
            files for one split.
    """
    files = by_split(source, instance_files(source))
    if not files:
        raise InputError(f"{source} has no JSON file of COCO. Expected: {LAYOUT}.")
    contents = {split: read_json(path, _pack) for split, path in files.items()}
    categories = {split: _categories(files[split], contents[split]) for split in files}
    names = list(dict.fromkeys(name for ids in categories.values() for name in ids.values()))
    if not names:
        raise InputError(f"{source} must have at least one category; got none. Export them too.")
    splits = {}
    for split, path in files.items():
        indices = {id: names.index(name) + 1 for id, name in categories[split].items()}
        splits[split] = _items(source, path, contents.pop(split), indices)
    return SourceIndex(splits, tuple(names))


def read(item: Item[_Annotations], reading: Reading) -> Sample:
    """Reads an image and paints its instances.

    Raises:
        InputError: the image cannot be read, its size differs from the JSON file, or run lengths
            do not fit it.
    """
    path, size, shapes = item.annotations
    image, turned = read_picture(item.image, orientation=reading.orientation, size=size)
    stated_size(item.image, image, path, size)
    regions = ((_region(shape, size), shape.class_index) for shape in shapes)
    sample = paint(image, regions, overlap=reading.overlap, name=item.image)
    return sample._replace(turned=turned)


def _categories(path: Path, content: Any) -> dict[int, str]:
    """Returns the names of the categories, in the order of their ids."""
    names = {}
    for record in entry(content, "categories", list, context=path):
        context = f"A category in {path}"
        id = entry(record, "id", int, context=context)
        names[id] = entry(record, "name", str, context=context)
    return {id: names[id] for id in sorted(names)}


def _pack(record: dict) -> dict:
    """Keeps the entries that are used; numbers become arrays: a quarter of the memory."""
    if isinstance(record.get("counts"), list):
        record["counts"] = _counts(record["counts"])
    if "segmentation" not in record:
        return record
    context = f"annotation {shortened(record.get('id'))}"
    outline = record["segmentation"]
    if isinstance(outline, list):
        outline = tuple(ring(part, context=context) for part in outline)
    kept = {key: record[key] for key in ("image_id", "category_id", "iscrowd") if key in record}
    return kept | {"outline": outline, "context": context}


def _counts(values: list) -> np.ndarray:
    if not all(type(value) is int and 0 <= value < 2**32 for value in values):
        raise InputError("run lengths must be whole numbers from 0 on. Export them again.")
    return np.array(values, np.int64)


def _items(
    source: Path, path: Path, content: Any, indices: dict[int, int]
) -> list[Item[_Annotations]]:
    shapes: dict[int, list[Shape]] = {}
    for record in entry(content, "annotations", list, context=path):
        image_id, shape = _shape(record, path, indices)
        shapes.setdefault(image_id, []).append(shape)
    folders, items, missing = image_folders(source, path), {}, []
    images = entry(content, "images", list, context=path)
    _refuse_repeated(path, images)
    for record in images:
        item = _item(record, path, folders, shapes)
        if item is None:
            missing.append(record["file_name"])
        elif item.id in items:
            raise InputError(f"{path} has the image {item.id} twice. Keep one.")
        else:
            items[item.id] = item
    if missing:
        raise InputError(
            f"{path} must have its images in {listed(folders)}; there is no {listed(missing)}. Add "
            "them, or take them out of the file."
        )
    if shapes:
        raise InputError(
            f"{path} has annotations of images that it does not list, such as image_id "
            f"{next(iter(shapes))}. Export it again."
        )
    if not items:
        raise InputError(f"{path} lists no images. Export it again.")
    return [items[id] for id in sorted(items)]


def _refuse_repeated(path: Path, images: list) -> None:
    ids = [entry(record, "id", int, context=f"An image in {path}") for record in images]
    if repeated := [id for id, times in Counter(ids).items() if times > 1]:
        raise InputError(f"{path} has several images of the id {listed(repeated)}. Keep one.")


def _item(
    record: Any, path: Path, folders: list[Path], shapes: dict[int, list[Shape]]
) -> Item[_Annotations] | None:
    """Returns an item, or None if its image is missing; takes its shapes out of `shapes`."""
    context = f"An image in {path}"
    name = inside(entry(record, "file_name", str, context=context), context=context)
    height, width = (
        entry(record, key, int, context=f"{name} in {path}") for key in ("height", "width")
    )
    annotations = _Annotations(path, (height, width), shapes.pop(record["id"], []))
    image = first_file(name, folders)
    return Item(name.with_suffix("").as_posix(), image, annotations) if image else None


def _shape(record: Any, path: Path, indices: dict[int, int]) -> tuple[int, Shape]:
    context = str(path)
    if isinstance(record, dict) and "context" in record:
        context = f"{path}, {record['context']}"
    if not isinstance(record, dict) or not record.get("outline"):
        raise InputError(
            f"{context} must have annotations with a segmentation; got {shortened(record)}. Draw "
            "its outline, or take it out."
        )
    image_id = entry(record, "image_id", int, context=context)
    category = entry(record, "category_id", int, context=context)
    if category not in indices:
        raise InputError(
            f"{context} must have one of the categories {listed(list(indices))}; got {category}. "
            "Add the category."
        )
    crowd = entry(record, "iscrowd", int, context=context, default=0)
    return image_id, Shape(record["outline"], IGNORE if crowd else indices[category], context)


def _region(shape: Shape, size: tuple[int, int]) -> Region:
    if isinstance(shape.outline, tuple):
        return polygon(shape.outline, size)
    counts = shape.outline.get("counts") if isinstance(shape.outline, dict) else None
    try:
        if not isinstance(counts, str | np.ndarray) or shape.outline.get("size") != list(size):
            raise ValueError(f"counts and the size {list(size)} are needed")
        counts = decompress(counts) if isinstance(counts, str) else counts
        return Region(decode(counts, size))
    except ValueError as error:
        raise InputError(
            f"{shape.context} has run lengths that do not fit its image ({error}). Export it again."
        ) from error
