"""GeoJSON of QuPath, and of `tfseg predict`: NAME.geojson beside NAME.tif, or in geojson/.

The images may lie in images/. All lies directly in the source, or in its folders train, val and
test, which are then the splits. Polygons and multipolygons, with holes, are instances, in pixels,
or in the coordinate system that the file names (crs) and its image, a GeoTIFF, has; the
classification is the class. In a file with cells or detections, annotations are the regions that
they lie in, and left out; "Ignore*" is ignored where no instance is.

Source: RFC 7946; its crs is that of the GeoJSON specification of 2008, section 3;
https://qupath.readthedocs.io, "Exporting annotations".
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import numpy as np

from tfseg.checks import InputError
from tfseg.data.conversion.formats import outlined
from tfseg.data.conversion.formats.base import Reading, SourceIndex, split_folders
from tfseg.data.conversion.formats.outlined import Shape, read_shapes
from tfseg.data.conversion.formats.parsing import corners, entry, read_json, refuse_flat, shortened
from tfseg.data.files.georeference import Georeference, read_georeference
from tfseg.data.files.images import IMAGE_SUFFIXES

LAYOUT = (
    "NAME.geojson and NAME.tif beside it, or geojson/NAME.geojson and images/NAME.tif, directly in "
    "it or in train/, val/ and test/"
)
_SUFFIXES = (".geojson",)
_INNER = {"detection", "cell"}
_REGIONS = {"tile", "tma_core", "root"}
_IGNORED = "Ignore*"  # QuPath's name for what is not to be used
_EPSG = re.compile(r"EPSG:(?:[\d.]*:)?(\d+)$", re.IGNORECASE)
_KINDS_BEFORE = {  # in the ids of QuPath before 0.3
    "PathDetectionObject": "detection",
    "PathCellObject": "cell",
    "PathAnnotationObject": "annotation",
}

read = read_shapes


def matches(source: Path) -> bool:
    """Returns whether there is a GeoJSON file of this layout."""
    return any(_pairs(folder).files for folder in split_folders(source).values())


def find(source: Path, reading: Reading) -> SourceIndex:
    """Reads the files and returns the items of each split, by id.

    Raises:
        InputError: no files, or nothing is outlined.
    """
    pairs = {split: _pairs(folder) for split, folder in split_folders(source).items()}
    if not any(of_split.files for of_split in pairs.values()):
        raise InputError(f"{source} has no GeoJSON file. Expected: {LAYOUT}.")
    regions: list[int] = []
    image_of = {
        file: of_split.images.get(name)
        for of_split in pairs.values()
        for name, file in of_split.files.items()
    }

    def describe(path: Path) -> tuple[None, list[Shape]]:
        shapes, num_regions = _shapes(path, image_of[path], reading)
        regions.append(num_regions)
        return None, shapes

    index = outlined.index_of_pairs(source, pairs, describe, ("a GeoJSON file", "GeoJSON file"))
    note = f"annotations and tiles around cells or detections, left out: {sum(regions)}"
    return index._replace(notes=((note,) if sum(regions) else ()) + index.notes)


def _pairs(folder: Path) -> outlined.Pairs:
    return outlined.pairs_in(folder, _SUFFIXES, ("geojson",), IMAGE_SUFFIXES)


def _shapes(path: Path, image: Path | None, reading: Reading) -> tuple[list[Shape], int]:
    """Returns the shapes of a file, and the number of regions that were left out."""
    content = read_json(path)
    reference = _reference(content, path, image, reading) if isinstance(content, dict) else None
    if isinstance(content, dict) and content.get("type") == "Feature":
        content = [content]
    if isinstance(content, dict):
        content = entry(content, "features", list, context=path)
    if not isinstance(content, list):
        raise InputError(f"{path} must have features; got {shortened(content)}. Export it again.")
    kinds = [_kind(feature, f"{path}, feature {n},") for n, feature in enumerate(content, 1)]
    regions = _REGIONS | ({"annotation"} if _INNER & set(kinds) else set())
    shapes = [
        _shape(feature, f"{path}, feature {number},", reference)
        for number, (feature, kind) in enumerate(zip(content, kinds, strict=True), start=1)
        if kind not in regions
    ]
    return shapes, len(content) - len(shapes)


def _kind(feature: Any, context: str) -> str:
    properties = entry(feature, "properties", dict, context=context, default={})
    id = feature.get("id")
    kind = properties.get("objectType") or _KINDS_BEFORE.get(id if isinstance(id, str) else "")
    return kind if isinstance(kind, str) else ""


def _reference(
    content: dict, path: Path, image: Path | None, reading: Reading
) -> Georeference | None:
    """Returns the georeference of the image, if the file has coordinates in a system; else None.

    Raises:
        InputError: the image is not in this system.
    """
    system = entry(content, "crs", dict, context=path, default=None)
    if system is None or image is None:
        return None
    name = str(entry(system, "properties", dict, context=path, default={}).get("name"))
    reference = read_georeference(image, orientation=reading.orientation)
    code = _EPSG.search(name)
    if reference is None or code is None or int(code[1]) != reference.epsg:
        got = f"EPSG:{reference.epsg}" if reference else "none"
        raise InputError(
            f"{path} has coordinates in {shortened(name)}, so {image.name} must be a GeoTIFF in "
            f"this system; it has {got}. Give that image, or save the file in pixels, without crs."
        )
    return reference


def _shape(feature: dict, context: str, reference: Georeference | None) -> Shape:
    geometry = entry(feature, "geometry", dict, context=context)
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    polygons = [coordinates] if kind == "Polygon" else coordinates
    if kind not in ("Polygon", "MultiPolygon") or not isinstance(polygons, list) or not polygons:
        raise InputError(
            f"{context} must be a Polygon or a MultiPolygon; got {shortened(kind)}, which has no "
            "area. Draw it as a polygon, or take it out."
        )
    rings = [_rings(part, context, reference) for part in polygons]
    refuse_flat([outer for outer, *_ in rings], context=context)
    label = _label(feature, context)
    return Shape(label, functools.partial(outlined.filled_all, rings), label == _IGNORED)


def _rings(polygon: Any, context: str, reference: Georeference | None) -> list[np.ndarray]:
    if not isinstance(polygon, list) or not all(isinstance(part, list) for part in polygon):
        raise InputError(f"{context} must have rings; got {shortened(polygon)}. Export it again.")
    points = [
        [point[:2] if isinstance(point, list) else point for point in part] for part in polygon
    ]
    if not points:
        raise InputError(f"{context} must have a ring; got none. Draw it again, or take it out.")
    if reference:
        points = [_in_pixels(part, reference) for part in points]
    return [corners(part, context=context) for part in points]


def _in_pixels(points: list, reference: Georeference) -> list:
    """Returns points (x, y) in pixels; other values as they are, for `corners` to refuse."""
    try:
        return reference.to_pixels(np.array(points, float).reshape(len(points), 2)).tolist()
    except (TypeError, ValueError):
        return points


def _label(feature: dict, context: str) -> str:
    """Returns the name of the classification; QuPath joins those of a derived one with ": "."""
    properties = entry(feature, "properties", dict, context=context, default={})
    classification = entry(properties, "classification", dict, context=context, default=None) or {}
    names = classification.get("names")
    if isinstance(names, list):
        return ": ".join(map(str, names))
    return entry(classification, "name", str, context=context, default="")
