"""VGG Image Annotator (VIA): a JSON file, and the images beside it or in images/.

The annotations (via_region_data.json) or the project of VIA 1 and 2, or the project of VIA 3. The
file lies directly in the source, or in its folders train, val and test, which are then the splits.
Polygons, circles and ellipses are instances. The class is the attribute of the regions, if they
have one, or else the one called class, label, category, name or type.

Source: https://www.robots.ox.ac.uk/~vgg/software/via, the format in its code documentation.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

import numpy as np

from tfseg.checks import InputError, listed
from tfseg.data.conversion.formats import outlined
from tfseg.data.conversion.formats.base import Reading, SourceIndex
from tfseg.data.conversion.formats.outlined import Described, Description, Shape, read_shapes
from tfseg.data.conversion.formats.parsing import (
    corners,
    entry,
    inside,
    mentions,
    read_json,
    ring,
    shortened,
)
from tfseg.data.conversion.formats.shapes import ellipse, polygon

LAYOUT = (
    "via_region_data.json, or another JSON file of VIA, and the images beside it or in images/, "
    "directly in it or in train/, val/ and test/"
)
_MARK = rb'"(shape_attributes|file_attributes|_via_img_metadata|fid_list)"\s*:'
_CLASS_KEYS = ("class", "label", "category", "name", "type")
_NUMBERS_OF = {3: ("circle", "cx cy r"), 4: ("ellipse", "cx cy rx ry"), 7: ("polygon", "")}  # VIA 3

read = read_shapes


class _Region(NamedTuple):
    shape: dict[str, Any]
    attributes: dict[str, str]


class _Image(NamedTuple):
    name: str
    regions: list[_Region]
    fault: str


def matches(source: Path) -> bool:
    """Returns whether there is a JSON file of VIA."""
    return bool(outlined.files_of(source, is_of_via))


def find(source: Path, reading: Reading) -> SourceIndex:
    """Reads the JSON files and returns the items of each split, by id.

    Raises:
        InputError: a file is missing or malformed, nothing is annotated, or several attributes
            could be the class.
    """
    files = outlined.one_file(source, is_of_via, LAYOUT)
    images = {split: list(_images(path, read_json(path))) for split, path in files.items()}
    key = _class_key(source, [image for of_split in images.values() for image in of_split])
    descriptions = {
        split: Description(
            path,
            [_described(path, image, key) for image in images[split]],
            outlined.image_folders(path),
        )
        for split, path in files.items()
    }
    return outlined.index_of(source, descriptions)


def is_of_via(path: Path) -> bool:
    """Returns whether a JSON file is of VIA."""
    return mentions(path, _MARK)


def _images(path: Path, content: Any) -> Iterator[_Image]:
    """Yields the images of a file of any generation."""
    if isinstance(content, dict) and "metadata" in content:
        yield from _images_of_project(path, content)
        return
    images = entry(content, "_via_img_metadata", dict, context=path, default=content)
    for record in images.values():
        name = entry(record, "filename", str, context=f"An image in {path}")
        context = f"{path}, {name},"
        try:
            regions = record.get("regions") or []
            regions = list(regions.values()) if isinstance(regions, dict) else regions
            if not isinstance(regions, list):
                raise InputError(
                    f"{context} must have a list of regions; got {shortened(regions)}."
                )
            yield _Image(name, [_region(one, context) for one in regions], "")
        except InputError as error:
            yield _Image(name, [], str(error))


def _region(record: Any, context: str) -> _Region:
    """Returns a region of VIA 1 or 2."""
    given = entry(record, "region_attributes", dict, context=context, default={})
    shape = entry(record, "shape_attributes", dict, context=context)
    return _Region(shape, {key: _text(value) for key, value in given.items()})


def _text(value: Any) -> str:
    """Returns the value of an attribute; of check boxes, the only one that is checked."""
    if isinstance(value, dict):
        checked = [key for key, is_checked in value.items() if is_checked]
        return checked[0] if len(checked) == 1 else ""
    return value.strip() if isinstance(value, str) else ""


def _images_of_project(path: Path, content: dict) -> Iterator[_Image]:
    """Yields the images of VIA 3: metadata refers to a view, and a view to a file."""
    files, views, attributes = (
        entry(content, key, dict, context=path) for key in ("file", "view", "attribute")
    )
    regions: dict[str, list[Any]] = {}
    for record in entry(content, "metadata", dict, context=path).values():
        regions.setdefault(entry(record, "vid", str, context=path), []).append(record)
    for id, view in views.items():
        for fid in entry(view, "fid_list", list, context=f"{path}, view {id},"):
            file = entry(files, str(fid), dict, context=f"{path}, view {id},")
            name = entry(file, "fname", str, context=f"A file in {path}")
            context = f"{path}, {name},"
            try:
                of_view = [
                    _region_of_project(one, attributes, context) for one in regions.get(id, [])
                ]
                yield _Image(name, [one for one in of_view if one.shape], "")
            except InputError as error:
                yield _Image(name, [], str(error))


def _region_of_project(record: Any, attributes: dict, context: str) -> _Region:
    """Returns a region of VIA 3; that of an attribute of the image has no shape."""
    kind, *numbers = entry(record, "xy", list, context=context) or [None]
    given = entry(record, "av", dict, context=context, default={})
    values = {}
    for id, value in given.items():
        attribute = entry(attributes, id, dict, context=context)
        options = entry(attribute, "options", dict, context=context, default={})
        name = entry(attribute, "aname", str, context=context)
        values[name] = _text(options.get(value, value) if isinstance(value, str) else value)
    if kind is None:
        return _Region({}, values)
    name, keys = _NUMBERS_OF.get(
        kind if isinstance(kind, int) else 0, (f"shape {shortened(kind)}", "")
    )
    shape: dict[str, Any] = {"name": name, **dict(zip(keys.split(), numbers, strict=False))}
    if name == "polygon":
        shape |= {"all_points_x": numbers[::2], "all_points_y": numbers[1::2]}
    return _Region(shape, values)


def _class_key(source: Path, images: list[_Image]) -> str | None:
    """Returns the attribute that is the class; None if no region has an attribute."""
    regions = [region for image in images for region in image.regions]
    keys = sorted({key for one in regions for key, value in one.attributes.items() if value})
    named = keys if len(keys) < 2 else [key for key in keys if key.lower() in _CLASS_KEYS]
    if len(named) > 1 or len(keys) > len(named) == 0:
        raise InputError(
            f"{source} must have one attribute of regions that is the class; got {listed(keys)}. "
            "Call it class in VIA, and no other one label, category, name or type."
        )
    return named[0] if named else None


def _described(path: Path, image: _Image, key: str | None) -> Described:
    name = inside(PureWindowsPath(image.name).name, context=f"An image in {path}")
    shapes, fault = [], image.fault
    for number, region in enumerate(image.regions, start=1):
        try:
            outline = _outline(region.shape, f"{path}, {name}, region {number},")
        except InputError as error:
            fault = fault or str(error)
            continue
        label = region.attributes.get(key, "") if key else ""
        shapes.append(Shape(label, functools.partial(polygon, [outline])))
    return Described(name, None, shapes, fault)


def _outline(shape: dict[str, Any], context: str) -> np.ndarray:
    kind = shape.get("name")
    if kind == "polygon":
        columns = [entry(shape, f"all_points_{axis}", list, context=context) for axis in "xy"]
        if len(columns[0]) != len(columns[1]):
            raise InputError(f"{context} must have an x and a y for every corner. Draw it again.")
        return ring(list(zip(*columns, strict=True)), context=context)
    if kind not in ("circle", "ellipse"):
        raise InputError(
            f"{context} must be a polygon, a circle or an ellipse; got {shortened(kind)}, which "
            "has no outline. Draw it as a polygon, or take it out."
        )
    keys = ("cx", "cy", "r", "r") if kind == "circle" else ("cx", "cy", "rx", "ry")
    numbers = [*(shape.get(name) for name in keys), shape.get("theta", 0), 0]
    center, radii, (angle, _) = corners(numbers, context=context)
    return ring(ellipse(center, radii, angle), context=context)
