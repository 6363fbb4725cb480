"""Polygons of instances as GeoJSON that QuPath imports.

Source: RFC 7946; the properties are the same as in files that QuPath exports.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tfseg.drawing.outlines import rings

Ring = list[tuple[int, int]]


def feature_collection(
    label: np.ndarray, table: pd.DataFrame, class_names: Sequence[str] = ()
) -> dict[str, Any]:
    """Returns one feature per instance, with its id as name and its score as measurement.

    With several classes, the feature has the class as its classification.

    Coordinates are (x, y) in pixels; (0, 0) is the corner of the image. The polygons follow the
    sides of the pixels, so they enclose exactly the pixels of the instance, without holes.

    Args:
        label: `[H, W]` int32 ids, 0 = background.
        table: columns `id`, `score` and `class_id`, one row per instance.
        class_names: of the classes 1, 2, ...
    """
    rings_of = rings(label)
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": _geometry(rings_of[id]),
                "properties": {
                    "objectType": "detection",
                    "name": str(id),
                    "measurements": {"score": round(score, 6)},
                    **_classification(class_id, class_names),
                },
            }
            for id, score, class_id in zip(
                *(table[name].tolist() for name in ("id", "score", "class_id")), strict=True
            )
        ],
    }


def _classification(class_id: int, class_names: Sequence[str]) -> dict[str, Any]:
    return {"classification": {"name": class_names[class_id - 1]}} if len(class_names) > 1 else {}


def _geometry(instance_rings: list[Ring]) -> dict[str, Any]:
    outer = [ring for ring in instance_rings if _signed_area(ring) > 0]
    polygons = [[_coordinates(ring)] for ring in outer]
    for hole in instance_rings:
        if _signed_area(hole) < 0:
            enclosing = [index for index, ring in enumerate(outer) if _encloses(ring, hole)]
            # Rings may be nested: the hole belongs to the smallest ring that encloses it.
            smallest = min(enclosing, key=lambda index: _signed_area(outer[index]))
            polygons[smallest].append(_coordinates(hole))
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}


def _coordinates(ring: Ring) -> list[list[int]]:
    return [[x, y] for y, x in [*ring, ring[0]]]


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
