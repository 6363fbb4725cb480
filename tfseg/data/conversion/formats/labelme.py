"""LabelMe: NAME.json beside NAME.jpg.

The files lie directly in the source, or in its folders train, val and test, which are then the
splits.
Polygons, rectangles (oriented ones too), circles and masks are instances; shapes with the same
group_id and label are parts of one instance. Labels become classes in alphabetical order;
"__ignore__" is ignored where no instance is, and "_background_" is left out. The image has the name
of the JSON file; the path in the JSON file is not followed.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfseg.checks import InputError
from tfseg.data.conversion.formats.base import (
    Item,
    Reading,
    Sample,
    SourceIndex,
    by_stem,
    open_item,
    pair_items,
    refuse_mixed,
    split_folders,
)
from tfseg.data.conversion.formats.painting import paint
from tfseg.data.conversion.formats.parsing import (
    corners,
    entry,
    read_json,
    refuse_flat,
    ring,
    shortened,
)
from tfseg.data.conversion.formats.segment_anything import is_of_segment_anything
from tfseg.data.conversion.formats.shapes import Region, circle, joined, placed, polygon
from tfseg.data.conversion.formats.via import is_of_via
from tfseg.data.files.decoding import decode_label_file
from tfseg.data.files.images import IMAGE_SUFFIXES, entries, stated_size
from tfseg.ids import IGNORE

LAYOUT = "NAME.json and NAME.jpg beside it, directly in it or in train/, val/ and test/"
# Shapes of four corners; rotation and quadrilateral are of X-AnyLabeling.
_CORNERS = ("rectangle", "oriented_rectangle", "rotation", "quadrilateral")
_LINES = ("point", "points", "line", "linestrip")
_IGNORED, _BACKGROUND = "__ignore__", "_background_"
_SPECIAL = {_IGNORED: "which are ignored", _BACKGROUND: "which are left out"}


class _Shape(NamedTuple):
    """An outline `[N, 2]` with its label; a mask, if any, lies in the box of the outline."""

    label: str
    group: int | str | None
    outline: np.ndarray
    mask: np.ndarray | None


class _Annotations(NamedTuple):
    file: Path
    class_names: list[str]  # of the whole source


def matches(source: Path) -> bool:
    """Returns whether there are JSON files with the names of images, and not of other tools."""
    for folder in split_folders(source).values():
        images = _files(folder)
        files = (path for name, path in _files(folder, (".json",)).items() if name in images)
        if any(not (is_of_segment_anything(path) or is_of_via(path)) for path in files):
            return True
    return False


def find(source: Path, reading: Reading) -> SourceIndex:
    """Reads the JSON files and returns the items of each split, by id.

    Raises:
        InputError: no images, or no shape with a label in any file.
    """
    refuse_mixed(source)
    files = {}
    labels: Counter[str] = Counter()
    faults: dict[Path, str] = {}
    for split, folder in split_folders(source).items():
        images, annotations = _files(folder), _files(folder, (".json",))
        if not images and not annotations:
            raise InputError(f"{folder} has no images. Expected: {LAYOUT}.")
        for name in images.keys() & annotations.keys():
            path = annotations[name]
            try:
                labels.update(shape.label for shape in _shapes(path, read_json(path)))
            except InputError as error:
                faults[path] = str(error)
        files[split] = folder, images, annotations
    names = sorted(labels.keys() - _SPECIAL.keys())
    splits = {split: _items(*parts, names, faults) for split, parts in files.items()}
    if not names and not any(item.fault for items in splits.values() for item in items):
        raise InputError(f"{source} has no shape with a label. Annotate the images first.")
    notes = (
        f"shapes with the label {label}, {outcome}: {labels[label]}"
        for label, outcome in _SPECIAL.items()
        if labels[label]
    )
    return SourceIndex(splits, tuple(names), tuple(notes))


def read(item: Item[_Annotations], reading: Reading) -> Sample:
    """Reads an image and paints its shapes.

    Raises:
        InputError: a file cannot be read, or the sizes differ.
    """
    path, names = item.annotations
    content = read_json(path)
    size = _stated(path, content)
    picture = open_item(item, reading, size)
    if size:
        stated_size(item.image, picture, path, size)
    instances: dict[Any, list[_Shape]] = {}
    for index, shape in enumerate(_shapes(path, content)):
        if shape.label != _BACKGROUND:
            key = index if shape.group is None else (shape.label, shape.group)
            instances.setdefault(key, []).append(shape)
    indices = {name: index for index, name in enumerate(names, start=1)} | {_IGNORED: IGNORE}
    regions = (
        (joined([_region(shape, picture.size) for shape in parts]), indices[parts[0].label])
        for parts in instances.values()
    )
    return paint(picture, regions, overlap=reading.overlap, name=item.image)


def _files(folder: Path, suffixes: Sequence[str] = IMAGE_SUFFIXES) -> dict[str, Path]:
    return by_stem([path for path in entries(folder) if path.suffix.lower() in suffixes])


def _items(
    folder: Path,
    images: dict[str, Path],
    annotations: dict[str, Path],
    names: list[str],
    faults: dict[Path, str],
) -> list[Item[Any]]:
    def make(name: str) -> Item[_Annotations]:
        path = annotations[name]
        return Item(name, images[name], _Annotations(path, names), fault=faults.get(path, ""))

    return pair_items(
        images,
        annotations,
        make,
        kinds=("image", "a JSON file", "JSON file"),
        folders=(folder, folder),
    )


def _stated(path: Path, content: Any) -> tuple[int, int] | None:
    """Returns the height and width in the JSON file, if it has both."""
    height, width = (
        entry(content, key, int, context=path, default=None)
        for key in ("imageHeight", "imageWidth")
    )
    return (height, width) if height and width else None


def _shapes(path: Path, content: Any) -> list[_Shape]:
    shapes = []
    for number, record in enumerate(entry(content, "shapes", list, context=path), start=1):
        context = f"Shape {number} of {path}"
        label = entry(record, "label", str, context=context)
        group = record.get("group_id")
        if not isinstance(group, int | str | None):
            raise InputError(f"{context} must have a number as group_id; got {shortened(group)}.")
        kind = entry(record, "shape_type", str, context=context, default="polygon")
        points = entry(record, "points", list, context=context)
        mask = _mask(record, context) if kind == "mask" else None
        shapes.append(_Shape(label, group, _outline(kind, points, context), mask))
    return shapes


def _outline(kind: str, points: list, context: str) -> np.ndarray:
    """Returns the outline of a shape; for a mask, the box of its first and last pixel."""
    if kind == "polygon" or (kind in _CORNERS and len(points) == 4):
        return ring(points, context=context)
    if kind not in ("rectangle", "circle", "mask"):
        why = "which has no area" if kind in _LINES else f"and {len(points)} points"
        raise InputError(
            f"{context} must be a polygon, a rectangle, a circle or a mask, or {_CORNERS[1]} of "
            f"four points; got {shortened(kind)}, {why}. Draw it as a polygon, or take it out."
        )
    if len(points) != 2:
        raise InputError(f"{context} must have two points; got {len(points)}. Draw it again.")
    first, second, _ = corners([*points, points[0]], context=context)
    if kind == "circle":
        return ring(circle(first, float(np.linalg.norm(second - first))), context=context)
    box = np.array([first, (second[0], first[1]), second, (first[0], second[1])])
    if kind == "rectangle":
        refuse_flat([box], context=context)
    return box


def _mask(record: dict, context: str) -> np.ndarray:
    text = entry(record, "mask", str, context=context)
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise InputError(
            f"{context} has a mask that is not base64 ({error}). Save it again."
        ) from error
    mask = decode_label_file(Path(context), data)
    return np.any(mask.reshape(*mask.shape[:2], -1), axis=-1)


def _region(shape: _Shape, size: tuple[int, int]) -> Region:
    if shape.mask is None:
        return polygon([shape.outline], size)
    x, y = np.rint(shape.outline.min(axis=0)).astype(int)
    return placed(shape.mask, int(y), int(x), size)
