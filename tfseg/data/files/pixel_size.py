"""The side of a pixel in the world, in micrometres, as image files state it.

It is read from TIFF files: from the metadata of OME, Aperio and ImageJ, of a GeoTIFF in a projected
coordinate system, or else from the resolution of TIFF itself.

Sources: the OME-XML schema (PhysicalSizeX); Aperio, Digital Slides and Third-party Data Interchange
(MPP); OGC GeoTIFF 1.1, sections 7.1 and 7.4 and Annex B.6; TIFF 6.0, section 8 (ResolutionUnit).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import tifffile

from tfseg.checks import InputError
from tfseg.data.files.content import starts_with
from tfseg.data.files.limits import TIFF
from tfseg.lengths import UNITS, rounded, text

_SQUARE = 0.01  # by which height and width of a pixel may differ
_PLACEHOLDERS = (1, 72, 96)  # dots per inch, which programs write without knowing any: screens
_RESOLUTION_UNITS = {2: "in", 3: "cm"}
_PROJECTED, _GEOGRAPHIC = 1, 2  # values of GTModelTypeGeoKey
_WEB_MERCATOR = 3857  # of EPSG; its unit is a metre on the equator alone
_LINEAR_UNITS = {9001: 1e6, 9002: 304800.0, 9003: 1e6 * 1200 / 3937}  # metre, foot, US survey foot


class Stated(NamedTuple):
    """What a file says.

    Attributes:
        size: side of a pixel in micrometres; 0 where none is known.
        ignored: what the file states that is not taken, and why, such as "72 dots per inch, which
            is that of screens"; empty where all is taken.
    """

    size: float = 0.0
    ignored: str = ""


UNKNOWN = Stated()


def of_file(path: Path) -> Stated:
    """Returns what an image file says, whose pixels are not read; nothing for all but TIFF."""
    try:
        return _of_tiff(path) if starts_with(path, TIFF) else UNKNOWN
    except InputError:  # reading the pixels says the reason
        return UNKNOWN


def or_given(stated: Stated, given: float | None) -> Stated:
    """Returns the size that a person gave, if any, and then ignores another one of the file."""
    if given is None:
        return stated
    differs = stated.size and abs(stated.size - given) > _SQUARE * given
    ignored = f"{text(stated.size)} where {text(given)} was given" if differs else ""
    return Stated(given, ignored)


def _of_tiff(path: Path) -> Stated:
    try:
        with tifffile.TiffFile(path) as file:
            results = (read(file) for read in _READERS)
            return next((stated for stated in results if stated), UNKNOWN)
    except Exception:  # tifffile raises many kinds of errors; reading the pixels says the reason
        return UNKNOWN


def _of_ome(file: tifffile.TiffFile) -> Stated | None:
    """Returns the size of the first image."""
    pixels = ElementTree.fromstring(file.ome_metadata or "<OME/>").find("{*}Image/{*}Pixels")
    if pixels is None or "PhysicalSizeX" not in pixels.attrib:
        return None
    sides = [
        (float(pixels.get(f"PhysicalSize{axis}", "nan")), pixels.get(f"PhysicalSize{axis}Unit"))
        for axis in "YX"
    ]
    return _of_sides(*((side, unit or "\u00b5m") for side, unit in sides))


def _of_aperio(file: tifffile.TiffFile) -> Stated | None:
    """Returns the size that a slide states as micrometres per pixel, MPP."""
    if not file.is_svs:
        return None
    size = tifffile.tifffile.svs_description_metadata(file.pages.first.description).get("MPP")
    return _of_sides((float(size), "um"), (float(size), "um")) if size else None


def _of_imagej(file: tifffile.TiffFile) -> Stated | None:
    """Returns the size by the unit of ImageJ, of which the resolution has pixels."""
    unit = str((file.imagej_metadata or {}).get("unit", "")).strip()
    resolution = _resolution(file.pages.first)
    if not unit or unit.lower() in ("pixel", "pixels") or resolution is None:
        return None
    return _of_sides(*((1 / value, unit) for value in resolution))


def _of_geotiff(file: tifffile.TiffFile) -> Stated | None:
    keys = file.pages.first.geotiff_tags or {}
    sides = _sides_of_map(keys)
    if sides is None:
        return None
    kind = keys.get("GTModelTypeGeoKey")
    if kind == _GEOGRAPHIC:
        return Stated(ignored="the pixel size of a map in degrees, which is no length")
    if kind != _PROJECTED or keys.get("ProjectedCSTypeGeoKey") == _WEB_MERCATOR:
        return Stated(ignored="the pixel size of a map whose unit is not the same everywhere")
    unit = _LINEAR_UNITS.get(int(keys.get("ProjLinearUnitsGeoKey", 9001)))
    if unit is None:
        return Stated(ignored="the pixel size of a map in an unknown unit")
    return _of_sides(*((side * unit, "um") for side in sides))


def _sides_of_map(keys: dict[str, Any]) -> tuple[float, float] | None:
    """Returns height and width of a pixel in the unit of the map."""
    if "ModelTransformation" in keys:
        (a, b, *_), (d, e, *_) = keys["ModelTransformation"][:2]
        return math.hypot(b, e), math.hypot(a, d)
    scale = keys.get("ModelPixelScale")
    return None if scale is None else (scale[1], scale[0])


def _of_resolution(file: tifffile.TiffFile) -> Stated | None:
    page = file.pages.first
    unit = _RESOLUTION_UNITS.get(page.tags.valueof("ResolutionUnit", default=2))
    resolution = _resolution(page)
    if unit is None or resolution is None or file.is_imagej:
        return None
    dots = 25400 * resolution[1] / UNITS[unit]
    if any(math.isclose(dots, usual, rel_tol=0.01) for usual in _PLACEHOLDERS):
        return Stated(
            ignored=f"{dots:.0f} dots per inch, which programs write for screens or without knowing"
        )
    return _of_sides(*((1 / value, unit) for value in resolution))


def _resolution(page: tifffile.TiffPage) -> tuple[float, float] | None:
    """Returns the pixels in a unit, down and across; None where the page states none."""
    pairs = [page.tags.valueof(name) for name in ("YResolution", "XResolution")]
    if any(pair is None or not all(pair) for pair in pairs):
        return None
    (down, across) = (numerator / denominator for numerator, denominator in pairs)
    return down, across


def _of_sides(height: tuple[float, str], width: tuple[float, str]) -> Stated | None:
    """Returns the size of a pixel by its sides, each a number and a unit."""
    lengths = []
    for number, unit in (height, width):
        if unit.lower() not in UNITS:
            return Stated(ignored=f"a pixel size in the unit {unit}, which is not known")
        lengths.append(rounded(number * UNITS[unit.lower()]))
    down, across = lengths
    if not all(0 < length < math.inf for length in lengths):
        return None
    if abs(down - across) > _SQUARE * max(lengths):
        return Stated(ignored="pixels that are not square")
    return Stated(across)


_READERS: tuple[Callable[[tifffile.TiffFile], Stated | None], ...] = (
    _of_ome,
    _of_aperio,
    _of_imagej,
    _of_geotiff,
    _of_resolution,
)
