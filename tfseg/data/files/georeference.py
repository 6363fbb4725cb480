"""Where the pixels of a GeoTIFF lie on the earth: an affine map into a coordinate system.

Source: OGC GeoTIFF Standard 1.1 (19-008r4), section 7.2 and Annex B.6; the codes of coordinate
systems are those of the EPSG registry.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile

from tfseg.data.files.content import starts_with
from tfseg.data.files.limits import TIFF
from tfseg.data.files.orientation import page_tag, stored_window, upright_shape

_CRS_KEYS = ("ProjectedCSTypeGeoKey", "GeographicTypeGeoKey")  # the first that a file has counts
_CODES = range(1024, 32767)  # of EPSG; 32767 is a system that the user defines
_POINT = 2  # of GTRasterTypeGeoKey: coordinates are those of the centres of pixels
_Numbers = tuple[float, float, float, float, float, float]


class Georeference(NamedTuple):
    """The map from pixels to coordinates, and the coordinate system.

    Attributes:
        affine: a, b, c, d, e, f: the corner (x, y) of pixels, (0, 0) for the upper left corner of
            the image, is at (a x + b y + c, d x + e y + f).
        epsg: code of the coordinate system.
    """

    affine: _Numbers
    epsg: int

    def to_world(self, points: np.ndarray) -> np.ndarray:
        """Returns the coordinates `[N, 2]` float64 of corners of pixels (x, y) `[N, 2]`."""
        matrix, shift = self._parts()
        return points @ matrix.T + shift

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        """Returns the corners of pixels (x, y) `[N, 2]` float64 of coordinates `[N, 2]`."""
        matrix, shift = self._parts()
        return np.linalg.solve(matrix, (points - shift).T).T

    @property
    def is_mirrored(self) -> bool:
        """Whether what turns clockwise in the image does not in the coordinates, as usual."""
        a, b, _, d, e, _ = self.affine
        return a * e - b * d < 0

    def _parts(self) -> tuple[np.ndarray, np.ndarray]:
        a, b, c, d, e, f = self.affine
        return np.array([[a, b], [d, e]]), np.array([c, f])


def read_georeference(
    path: Path, *, orientation: str = "apply", shape: tuple[int, ...] | None = None
) -> Georeference | None:
    """Returns the georeference of a file, or None if it is no GeoTIFF with a code of EPSG.

    Args:
        path: an image file.
        orientation: "apply" returns that of the picture that is turned upright by its tag.
        shape: height and width of the level of a pyramid whose pixels are meant; None for the
            largest.
    """
    try:
        if not starts_with(path, TIFF):
            return None
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            keys = page.geotiff_tags or {}
            tag = page_tag(page) if orientation == "apply" else 1
            sides = page.imagelength, page.imagewidth
    except Exception:  # tifffile raises many kinds of errors; reading the pixels says the reason
        return None
    codes = [int(keys[name]) for name in _CRS_KEYS if name in keys]
    stored = _matrix(keys)
    if not codes or codes[0] not in _CODES or stored is None:
        return None
    if keys.get("GTRasterTypeGeoKey") == _POINT:
        stored = stored @ np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    height, width = upright_shape(sides, tag)
    level = shape or (height, width)
    to_full = np.diag([width / level[1], height / level[0], 1])
    affine = (stored @ _to_stored(sides, tag) @ to_full)[:2].ravel().tolist()
    is_usable = np.isfinite(affine).all() and affine[0] * affine[4] != affine[1] * affine[3]
    return Georeference(tuple(affine), codes[0]) if is_usable else None


def _matrix(keys: dict[str, Any]) -> np.ndarray | None:
    """Returns the map `[3, 3]` of (column, row, 1) as the file has it."""
    if "ModelTransformation" in keys:
        return np.array(keys["ModelTransformation"], float)[[0, 1, 3]][:, [0, 1, 3]]
    scale, tie = keys.get("ModelPixelScale"), np.ravel(keys.get("ModelTiepoint", ()))
    if scale is None or len(tie) != 6:  # several points are no affine map
        return None
    column, row, _, x, y, _ = tie
    across, down = scale[0], -scale[1]
    return np.array([[across, 0, x - across * column], [0, down, y - down * row], [0, 0, 1]])


def _to_stored(sides: tuple[int, int], tag: int) -> np.ndarray:
    """Returns the map `[3, 3]` from corners (x, y, 1) of upright pixels to those of stored ones."""
    shape = upright_shape(sides, tag)

    def center(y: int, x: int) -> np.ndarray:
        rows, columns = stored_window(range(y, y + 1), range(x, x + 1), shape, tag)
        return np.array([columns[0] + 0.5, rows[0] + 0.5])

    first = center(0, 0)
    across, down = center(0, 1) - first, center(1, 0) - first
    corner = first - (across + down) / 2
    return np.vstack([np.stack([across, down, corner], axis=1), [0, 0, 1]])
