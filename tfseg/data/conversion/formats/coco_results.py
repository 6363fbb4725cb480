"""COCO's results: a JSON list of instances with a `file_name` each, as `tfseg predict` writes them.

The file (coco_results.json) lies directly in the source, or in its folders train, val and test,
which are then the splits; the images lie beside it or in images/. An image that the file does not
name has no instances. Several categories are the classes 1, 2, ..., as the file has no names.

Source: https://cocodataset.org, "Results Format"; the entry file_name is tfseg's.
"""

from __future__ import annotations

import functools
from pathlib import Path, PurePosixPath
from typing import Any

from tfseg.checks import InputError
from tfseg.data.conversion.formats import outlined
from tfseg.data.conversion.formats.base import Reading, SourceIndex
from tfseg.data.conversion.formats.coco_outlines import annotated_outline, pack_counts, region
from tfseg.data.conversion.formats.coco_values import integer
from tfseg.data.conversion.formats.outlined import (
    Described,
    Description,
    Shape,
    Size,
    read_shapes,
)
from tfseg.data.conversion.formats.parsing import entry, inside, mentions, read_json, shortened
from tfseg.data.conversion.formats.shapes import Region
from tfseg.data.files.images import list_images

LAYOUT = (
    "coco_results.json of tfseg predict and the images beside it or in images/, directly in it or "
    "in train/, val/ and test/"
)
_MARKS = (rb"\A\s*\[", rb'"file_name"\s*:', rb'"segmentation"\s*:', rb'"score"\s*:')

read = read_shapes


def matches(source: Path) -> bool:
    """Returns whether there is a JSON list of results with the names of their images."""
    return bool(outlined.files_of(source, _is_results))


def find(source: Path, reading: Reading) -> SourceIndex:
    """Reads the JSON files and returns the items of each split, by id.

    Raises:
        InputError: a file is missing or malformed, or has no results.
    """
    contents = {
        split: (path, _results(path))
        for split, path in outlined.one_file(source, _is_results, LAYOUT).items()
    }
    categories = {category for _, results in contents.values() for _, category, _ in results}
    descriptions = {
        split: _description(path, results, has_classes=len(categories) > 1)
        for split, (path, results) in contents.items()
    }
    return outlined.index_of(source, descriptions)


def _is_results(path: Path) -> bool:
    return mentions(path, *_MARKS)


def _results(path: Path) -> list[tuple[PurePosixPath, int, dict]]:
    """Returns the image, the category and the record of each result."""
    content = read_json(path, pack_counts)
    if not isinstance(content, list):
        raise InputError(f"{path} must be a list of results; got {shortened(content)}.")
    results = []
    for number, record in enumerate(content, start=1):
        context = f"{path}, result {number},"
        name = inside(entry(record, "file_name", str, context=context), context=context)
        results.append((name, integer(record, "category_id", context=context), record))
    return results


def _description(
    path: Path, results: list[tuple[PurePosixPath, int, dict]], *, has_classes: bool
) -> Description:
    folders = outlined.image_folders(path)
    shapes: dict[PurePosixPath, list[Shape]] = {
        PurePosixPath(file.name): [] for file in list_images(folders[0])
    }
    sizes: dict[PurePosixPath, Size | None] = {}
    faults: dict[PurePosixPath, str] = {}
    for number, (name, category, record) in enumerate(results, start=1):
        of_image, label = shapes.setdefault(name, []), str(category) if has_classes else ""
        try:
            of_image.append(_shape(record, label, f"{path}, result {number},"))
            sizes.setdefault(name, _size(record))
        except InputError as error:
            faults.setdefault(name, str(error))
    images = [
        Described(name, sizes.get(name), of_image, faults.get(name, ""))
        for name, of_image in shapes.items()
    ]
    return Description(path, images, folders)


def _size(record: dict) -> Size | None:
    """Returns the height and width of run lengths."""
    size = record["segmentation"].get("size") if isinstance(record["segmentation"], dict) else None
    if not isinstance(size, list) or [type(side) for side in size] != [int, int]:
        return None
    return size[0], size[1]


def _shape(record: dict, label: str, context: str) -> Shape:
    runs = annotated_outline(record.get("segmentation"), context)
    return Shape(label, functools.partial(_region, runs, context))


def _region(runs: Any, context: str, size: Size) -> Region:
    return region(runs, size, context)
