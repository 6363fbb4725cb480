"""Polygons of instances as GeoJSON that QuPath imports, or in the coordinates of a GeoTIFF.

Source: RFC 7946; the properties are the same as in files that QuPath exports. The coordinate system
is named as in the GeoJSON specification of 2008, section 3.1, which GIS programs read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfseg.data.files.georeference import Georeference
from tfseg.drawing.outlines import rings
from tfseg.inference import json_stream
from tfseg.large_arrays import release

_GROUP = 2**20  # pixels of the window in which instances are outlined together
Ring = list[tuple[int, int]]


def write(
    path: Path,
    label: np.ndarray,
    table: pd.DataFrame,
    class_names: Sequence[str] = (),
    reference: Georeference | None = None,
) -> None:
    """Writes a file with one feature per instance, atomically; see `features`."""
    name = f"urn:ogc:def:crs:EPSG::{reference.epsg}" if reference else ""
    system = {"crs": {"type": "name", "properties": {"name": name}}} if reference else {}
    content: dict[str, Any] = {"type": "FeatureCollection", **system}
    content["features"] = features(label, table, class_names, reference)
    json_stream.write(path, content)


def features(
    label: np.ndarray,
    table: pd.DataFrame,
    class_names: Sequence[str] = (),
    reference: Georeference | None = None,
) -> Iterator[dict[str, Any]]:
    """Yields one feature per instance, with its id as name and its score as measurement.

    With several classes, the feature has the class as its classification.

    Coordinates are (x, y) in pixels, with (0, 0) in the corner of the image, or those of the
    georeference. The polygons follow the sides of the pixels, so they enclose exactly the pixels of
    the instance, without holes.

    Args:
        label: `[H, W]` int32 ids, 0 = background.
        table: one row per instance, by ascending ids (see `Instances.to_pandas`).
        class_names: of the classes 1, 2, ...
        reference: of the image; None for pixels.
    """
    for rows in _groups(table):
        top, left = int(rows["box_top"].min()), int(rows["box_left"].min())
        bottom, right = int(rows["box_bottom"].max()), int(rows["box_right"].max())
        ids = label[top:bottom, left:right]
        inside = (ids >= rows["id"].iloc[0]) & (ids <= rows["id"].iloc[-1])
        rings_of = rings(np.where(inside, ids, 0))
        release(label)
        for id, score, class_id in zip(
            *(rows[name].tolist() for name in ("id", "score", "class_id")), strict=True
        ):
            yield {
                "type": "Feature",
                "geometry": _geometry(rings_of[id], (left, top), reference),
                "properties": {
                    "objectType": "detection",
                    "name": str(id),
                    "measurements": {"score": round(score, 6)},
                    **_classification(class_id, class_names),
                },
            }


def _groups(table: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yields rows that follow each other and whose instances lie in a window of `_GROUP` pixels.

    A larger instance is a group alone.
    """
    first, window = 0, None
    sides = [table[f"box_{side}"].tolist() for side in ("top", "left", "bottom", "right")]
    for number, (top, left, bottom, right) in enumerate(zip(*sides, strict=True)):
        y, x, y_end, x_end = window or (top, left, bottom, right)
        larger = min(y, top), min(x, left), max(y_end, bottom), max(x_end, right)
        if number > first and (larger[2] - larger[0]) * (larger[3] - larger[1]) > _GROUP:
            yield table.iloc[first:number]
            first, larger = number, (top, left, bottom, right)
        window = larger
    if len(table):
        yield table.iloc[first:]


def _classification(class_id: int, class_names: Sequence[str]) -> dict[str, Any]:
    return {"classification": {"name": class_names[class_id - 1]}} if len(class_names) > 1 else {}


def _geometry(
    instance_rings: list[Ring], corner: tuple[int, int], reference: Georeference | None
) -> dict[str, Any]:
    outer = [ring for ring in instance_rings if _signed_area(ring) > 0]
    polygons = [[_coordinates(ring, corner, reference)] for ring in outer]
    for hole in instance_rings:
        if _signed_area(hole) < 0:
            enclosing = [index for index, ring in enumerate(outer) if _encloses(ring, hole)]
            # Rings may be nested: the hole belongs to the smallest ring that encloses it.
            smallest = min(enclosing, key=lambda index: _signed_area(outer[index]))
            polygons[smallest].append(_coordinates(hole, corner, reference))
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}


def _coordinates(
    ring: Ring, corner: tuple[int, int], reference: Georeference | None
) -> list[list[int]] | list[list[float]]:
    left, top = corner
    points = [[x + left, y + top] for y, x in [*ring, ring[0]]]
    if reference is None:
        return points
    if reference.is_mirrored:  # so that outer rings are counterclockwise, as RFC 7946 asks
        points.reverse()
    return reference.to_world(np.array(points, float)).tolist()


def _signed_area(ring: Ring) -> float:
    """Returns the area in pixels; negative for a hole."""
    y, x = np.array(ring, np.float64).T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)


def _encloses(outer: Ring, hole: Ring) -> bool:
    """Returns whether `hole` lies inside `outer`, by a point in the pixel at its first corner."""
    (first, left), (second, right) = hole[0], hole[1]
    # The pixel on the left when walking along the first side is in the hole, half a pixel away.
    along = (np.sign(second - first), np.sign(right - left))
    y, x = (first + (along[0] - along[1]) / 2, left + (along[1] + along[0]) / 2)
    corners = np.array([*outer, outer[0]])
    vertical = corners[:-1, 1] == corners[1:, 1]
    low = np.minimum(corners[:-1, 0], corners[1:, 0])[vertical]
    high = np.maximum(corners[:-1, 0], corners[1:, 0])[vertical]
    crossed = (low < y) & (y < high) & (corners[:-1, 1][vertical] < x)
    return bool(crossed.sum() % 2)
