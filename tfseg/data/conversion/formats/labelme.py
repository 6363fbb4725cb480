"""LabelMe: NAME.json beside NAME.jpg.

The files lie right in the source, or in its folders train, val and test, which are then the splits.
Polygons, rectangles, circles and masks are instances; those of one group_id and label are parts of
one. Labels become classes in alphabetical order; "__ignore__" is ignored where no instance is, and
"_background_" is left out. The image is found by its name; that in the JSON file is not followed.
"""

from __future__ import annotations

import base64
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
    refuse_mixed,
    refuse_unmatched,
    split_folders,
)
from tfseg.data.conversion.formats.painting import paint
from tfseg.data.conversion.formats.parsing import entry, read_json, ring, shortened
from tfseg.data.conversion.formats.shapes import Region, circle, joined, placed, polygon
from tfseg.data.files.decoding import decode_numbers
from tfseg.data.files.images import IMAGE_SUFFIXES, entries, read_image, stated_size
from tfseg.ids import IGNORE

LAYOUT = "NAME.json and NAME.jpg beside it, right in it or in train/, val/ and test/"
_IGNORED, _BACKGROUND = "__ignore__", "_background_"


class _Shape(NamedTuple):
    """An outline `[N, 2]` with its label; where there is a mask, it lies in the outline's box."""

    label: str
    group: int | str | None
    outline: np.ndarray
    mask: np.ndarray | None


class _Annotations(NamedTuple):
    file: Path
    class_names: list[str]  # of the source


def matches(source: Path) -> bool:
    """Says whether there are JSON files of the names of images."""
    folders = split_folders(source).values()
    return any(_files(folder, (".json",)).keys() & _files(folder).keys() for folder in folders)


def find(source: Path, reading: Reading) -> SourceIndex:
    """Reads the JSON files and returns the items of each split, by id.

    Raises:
        InputError: a file of another shape, or an image without JSON file or the other way round.
    """
    refuse_mixed(source)
    files = {}
    for split, folder in split_folders(source).items():
        images, annotations = _files(folder), _files(folder, (".json",))
        refuse_unmatched("image", images, "a JSON file", annotations, folder)
        refuse_unmatched("JSON file", annotations, "an image", images, folder)
        if not images:
            raise InputError(f"{folder} has no images. Expected: {LAYOUT}.")
        files[split] = images, annotations
    labels = {
        shape.label
        for _, annotations in files.values()
        for path in annotations.values()
        for shape in _shapes(path, read_json(path))
    }
    names = sorted(labels - {_IGNORED, _BACKGROUND})
    if not names:
        raise InputError(f"{source} has no shape with a label. Annotate the images first.")
    splits = {
        split: [
            Item(stem, images[stem], _Annotations(annotations[stem], names))
            for stem in sorted(images)
        ]
        for split, (images, annotations) in files.items()
    }
    return SourceIndex(splits, tuple(names))


def read(item: Item[_Annotations], reading: Reading) -> Sample:
    """Reads an image and paints its shapes.

    Raises:
        InputError: one cannot be read, or their sizes differ.
    """
    path, names = item.annotations
    image, content = read_image(item.image), read_json(path)
    stated_size(item.image, image, path, _stated(path, content, image.shape))
    instances: dict[Any, list[_Shape]] = {}
    for index, shape in enumerate(_shapes(path, content)):
        if shape.label != _BACKGROUND:
            key = index if shape.group is None else (shape.label, shape.group)
            instances.setdefault(key, []).append(shape)
    indices = {name: index for index, name in enumerate(names, start=1)} | {_IGNORED: IGNORE}
    regions = (
        (joined([_region(shape, image.shape[:2]) for shape in parts]), indices[parts[0].label])
        for parts in instances.values()
    )
    return paint(image, regions, overlap=reading.overlap, name=item.image)


def _files(folder: Path, suffixes: Sequence[str] = IMAGE_SUFFIXES) -> dict[str, Path]:
    return by_stem([path for path in entries(folder) if path.suffix.lower() in suffixes])


def _stated(path: Path, content: Any, shape: tuple[int, ...]) -> tuple[int, int]:
    """Returns the height and width that the JSON file says, else those of the image."""
    height, width = (
        entry(content, key, int, place=path, default=None) for key in ("imageHeight", "imageWidth")
    )
    return height or shape[0], width or shape[1]


def _shapes(path: Path, content: Any) -> list[_Shape]:
    shapes = []
    for number, record in enumerate(entry(content, "shapes", list, place=path), start=1):
        place = f"Shape {number} of {path}"
        label = entry(record, "label", str, place=place)
        group = record.get("group_id")
        if not isinstance(group, int | str | None):
            raise InputError(f"{place} must have a number as group_id; got {shortened(group)}.")
        kind = entry(record, "shape_type", str, place=place, default="polygon")
        points = entry(record, "points", list, place=place)
        mask = _mask(record, place) if kind == "mask" else None
        shapes.append(_Shape(label, group, _outline(kind, points, place), mask))
    return shapes


def _outline(kind: str, points: list, place: str) -> np.ndarray:
    """Returns the outline of a shape; of a mask the box of its first and last pixel."""
    if kind == "polygon" or (kind == "rectangle" and len(points) == 4):
        return ring(points, place=place)
    if kind not in ("rectangle", "circle", "mask"):
        raise InputError(
            f"{place} must be a polygon, rectangle, circle or mask; a {shortened(kind)} has no "
            "area. Draw it again, or take it out."
        )
    if len(points) != 2:
        raise InputError(f"{place} must have two points; got {len(points)}. Draw it again.")
    first, second, _ = ring([*points, points[0]], place=place)
    if kind == "circle":
        return circle(first, float(np.linalg.norm(second - first)))
    return np.array([first, (second[0], first[1]), second, (first[0], second[1])])


def _mask(record: dict, place: str) -> np.ndarray:
    text = entry(record, "mask", str, place=place)
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise InputError(
            f"{place} has a mask that is no base64 ({error}). Save it again."
        ) from error
    mask = decode_numbers(Path(place), data)
    return np.any(mask.reshape(*mask.shape[:2], -1), axis=-1)


def _region(shape: _Shape, size: tuple[int, int]) -> Region:
    if shape.mask is None:
        return polygon([shape.outline], size)
    x, y = np.rint(shape.outline.min(axis=0)).astype(int)
    return placed(shape.mask, int(y), int(x), size)
