"""Label Studio: a JSON file of tasks (JSON or JSON-MIN), and the images beside it or in images/.

The file lies directly in the source, or in its folders train, val and test, which are then the
splits. Polygons, ellipses and masks of the brush are instances; coordinates are percent of width
and height. The image is looked for by the last name of its path, with or without the letters that
Label Studio puts before the name of an upload. The first annotation of a task that was not
cancelled is read; predictions are not, and a task without an annotation is a fault.

Source: https://labelstud.io/guide/export and https://labelstud.io/tags.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from tfseg.checks import InputError
from tfseg.data.conversion.formats import label_studio_brush, outlined
from tfseg.data.conversion.formats.base import Reading, SourceIndex
from tfseg.data.conversion.formats.outlined import Described, Description, Shape, Size, read_shapes
from tfseg.data.conversion.formats.parsing import (
    corners,
    entry,
    first_file,
    mentions,
    read_json,
    ring,
    shortened,
)
from tfseg.data.conversion.formats.shapes import ellipse, polygon
from tfseg.data.files.images import IMAGE_SUFFIXES

LAYOUT = (
    "a JSON file of Label Studio and the images beside it or in images/, directly in it or in "
    "train/, val/ and test/"
)
_MARK = rb'"(original_width|was_cancelled)"\s*:'
_UPLOAD = re.compile(r"[0-9a-f]{8}-")
_KINDS = ("polygon", "brush", "ellipse")
_SHAPELESS = ("choices", "taxonomy", "textarea", "rating", "number", "relation")  # of whole images

read = read_shapes


def matches(source: Path) -> bool:
    """Returns whether there is a JSON file with results of Label Studio."""
    return bool(outlined.files_of(source, _is_of_label_studio))


def find(source: Path, reading: Reading) -> SourceIndex:
    """Reads the JSON files and returns the items of each split, by id.

    Raises:
        InputError: a file is missing or malformed, or nothing is annotated.
    """
    descriptions = {}
    for split, path in outlined.one_file(source, _is_of_label_studio, LAYOUT).items():
        folders = outlined.image_folders(path)
        descriptions[split] = Description(path, list(_described(path, folders)), folders)
    return outlined.index_of(source, descriptions)


def _is_of_label_studio(path: Path) -> bool:
    return mentions(path, _MARK)


def _described(path: Path, folders: list[Path]) -> Iterator[Described]:
    content = read_json(path, label_studio_brush.pack)
    tasks = content if isinstance(content, list) else [content]
    for number, task in enumerate(tasks, start=1):
        id = task.get("id", number) if isinstance(task, dict) else number
        context = f"{path}, task {shortened(id)}"
        name = _image_name(task, folders, context)
        try:
            size, shapes = _shapes(_results(task, context), context)
            yield Described(name, size, shapes)
        except InputError as error:
            yield Described(name, None, [], str(error))


def _image_name(task: Any, folders: list[Path], context: str) -> PurePosixPath:
    """Returns the last name in the path of an image; without what an upload puts before it."""
    data = entry(task, "data", dict, context=context, default=task)
    texts = [value for value in data.values() if isinstance(value, str)]
    paths = [data["image"]] if isinstance(data.get("image"), str) else texts
    names = [_last_name(text) for text in paths]
    name = next((name for name in names if name.suffix.lower() in IMAGE_SUFFIXES), None)
    if name is None:
        raise InputError(
            f"{context} must have the path of an image in data; got {shortened(paths)}. Export it "
            "again."
        )
    shorter = PurePosixPath(_UPLOAD.sub("", name.name, count=1))
    return shorter if not first_file(name, folders) and first_file(shorter, folders) else name


def _last_name(text: str) -> PurePosixPath:
    """Returns the last name of a path or URL; local files have their path in its query."""
    parts = urlsplit(text)
    path = parse_qs(parts.query).get("d", [unquote(parts.path)])[0]
    return PurePosixPath(path.replace("\\", "/").rpartition("/")[2])


def _results(task: Any, context: str) -> list:
    """Returns the regions of a task: of an annotation, or of the shorter JSON-MIN."""
    annotations = entry(task, "annotations", list, context=context, default=None)
    if annotations is None:
        lists = [value for value in task.values() if isinstance(value, list)]
        records = [record for value in lists for record in value if isinstance(record, dict)]
        return [{"value": record} | record for record in records]
    used = [one for one in annotations if isinstance(one, dict) and not one.get("was_cancelled")]
    if not used:
        raise InputError(
            f"{context} must have an annotation; it has none. Annotate it, or skip it."
        )
    return entry(used[0], "result", list, context=context)


def _shapes(results: list, context: str) -> tuple[Size | None, list[Shape]]:
    """Returns the size of an image and its shapes."""
    size, shapes = None, []
    for number, record in enumerate(results, start=1):
        where = f"{context}, region {number},"
        value = entry(record, "value", dict, context=where, default={})
        if "original_width" not in record or value.keys() & set(_SHAPELESS):
            continue
        height = entry(record, "original_height", int, context=where)
        size = height, entry(record, "original_width", int, context=where)
        if not 1 <= min(size) <= max(size) <= 2**20:
            raise InputError(
                f"{where} must have the size of its image; got {size}. Export it again."
            )
        shapes.append(_shape(value, size, where))
    return size, shapes


def _shape(value: dict, size: Size, context: str) -> Shape:
    kind = next((kind for kind in _KINDS if f"{kind}labels" in value), "")
    labels = value.get(f"{kind}labels", value.get("labels"))
    label = labels[0] if isinstance(labels, list) and labels else ""
    if not isinstance(label, str):
        raise InputError(f"{context} must have a text as label; got {shortened(label)}. Label it.")
    if "rle" in value:
        return Shape(label, functools.partial(label_studio_brush.region, value["rle"], context))
    if "points" in value:
        outline = ring(value["points"], context=context) * size[::-1] / 100
        return Shape(label, functools.partial(polygon, [outline]))
    if "radiusX" in value:
        return Shape(label, functools.partial(polygon, [_ellipse(value, size, context)]))
    raise InputError(
        f"{context} must be a polygon, an ellipse or a mask of the brush; it has no outline "
        f"({', '.join(sorted(value))}). Draw it as a polygon, or take it out."
    )


def _ellipse(value: dict, size: Size, context: str) -> np.ndarray:
    """Returns the outline of an ellipse; its rotation is in degrees, clockwise as one sees it."""
    keys = ("x", "y", "radiusX", "radiusY")
    numbers = [*(value.get(key) for key in keys), value.get("rotation") or 0, 0]
    center, radii, (degrees, _) = corners(numbers, context=context)
    scale = np.array(size[::-1]) / 100
    outline = ellipse(center * scale, radii * scale, np.radians(degrees))
    return ring(outline, context=context)
