"""Regions of interest of ImageJ and Fiji: NAME.zip beside NAME.tif, or in rois/ or zips/.

The file may also be called NAME_rois.zip, as of Cellpose, NAME_RoiSet.zip, or NAME.roi if it is one
region; the images may lie in images/. All lies directly in the source, or in its folders train, val
and test, which are then the splits. Regions with an area are instances, also those of several
parts; names, colours and groups are not used. Where Cellpose's files of ids are as well, those are
read.
"""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from roifile import ROI_TYPE, ImagejRoi

from tfseg.checks import InputError
from tfseg.data.conversion.formats import cellpose, outlined
from tfseg.data.conversion.formats.base import Reading, SourceIndex, split_folders
from tfseg.data.conversion.formats.outlined import Shape, Size, read_shapes
from tfseg.data.conversion.formats.parsing import corners, refuse_flat, ring
from tfseg.data.conversion.formats.shapes import Region, ellipse, joined, polygon
from tfseg.data.files.content import load

LAYOUT = (
    "NAME.zip (or NAME_rois.zip, NAME_RoiSet.zip) of ImageJ's regions and NAME.tif beside it, or "
    "rois/NAME.zip and images/NAME.tif, directly in it or in train/, val/ and test/"
)
_ENDINGS = ("_rois", "_RoiSet", "_ROIs")
_LARGEST = 2**24  # bytes of one region
_WITH_AREA = {ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED, ROI_TYPE.OVAL, ROI_TYPE.RECT}

read = read_shapes


def matches(source: Path) -> bool:
    """Returns whether there is a file of regions of an image, and none of Cellpose's ids."""
    pairs = map(_pairs, split_folders(source).values())
    return any(one.files.keys() & one.images.keys() for one in pairs) and not cellpose.matches(
        source
    )


def find(source: Path, reading: Reading) -> SourceIndex:
    """Reads the files and returns the items of each split, by id.

    Raises:
        InputError: no files, or no regions.
    """
    pairs = {split: _pairs(folder) for split, folder in split_folders(source).items()}
    if not any(of_split.files for of_split in pairs.values()):
        raise InputError(f"{source} has no file of regions of ImageJ. Expected: {LAYOUT}.")
    kinds = ("a file of regions", "file of regions")
    return outlined.index_of_pairs(source, pairs, _describe, kinds)


def _pairs(folder: Path) -> outlined.Pairs:
    return outlined.pairs_in(folder, (".zip", ".roi"), ("rois", "zips"), _ENDINGS)


def _describe(path: Path) -> tuple[None, list[Shape]]:
    regions = list(_regions(path))
    if not regions:
        raise InputError(
            f"{path} must have regions of ImageJ (.roi); it has none. Save them again."
        )
    planes = {(region.z_position, region.t_position) for _, region in regions}
    if len(planes) > 1:
        raise InputError(
            f"{path} must have the regions of one plane; they are of {len(planes)} planes of a "
            "stack. Save each plane, and its regions, as a file."
        )
    return None, [Shape("", _drawing(region, context)) for context, region in regions]


def _regions(path: Path) -> Iterator[tuple[str, ImagejRoi]]:
    """Yields the regions of a file, each with where it is, for errors."""
    data = load(path)
    if path.suffix.lower() == ".roi":
        yield str(path), _region(data, str(path))
        return
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                if entry.filename.lower().endswith(".roi"):
                    context = f"{path}, {entry.filename},"
                    with archive.open(entry) as file:
                        yield context, _region(file.read(_LARGEST + 1), context)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise InputError(f"{path} is no zip file ({error}). Save the regions again.") from error


def _region(data: bytes, context: str) -> ImagejRoi:
    try:
        if len(data) > _LARGEST:
            raise ValueError(f"more than {_LARGEST} bytes")
        region = ImagejRoi.frombytes(data)
        region.coordinates(multi=True)  # raises for a damaged outline
    except Exception as error:  # roifile raises many kinds of errors for damaged bytes
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{context} is no region of ImageJ ({reason}). Save it again.") from error
    return region


def _drawing(region: ImagejRoi, context: str) -> functools.partial[Region]:
    """Returns what draws a region; several rings are filled by the even-odd rule, as ImageJ does.

    Raises:
        InputError: it has no area.
    """
    if region.roitype not in _WITH_AREA:
        raise InputError(
            f"{context} must be a region with an area; got {region.roitype.name}. Draw its "
            "outline, or delete it."
        )
    if region.roitype == ROI_TYPE.OVAL and region.integer_coordinates is None:
        low = np.array([region.left, region.top], np.float64)
        radii = (np.array([region.right, region.bottom]) - low) / 2
        return functools.partial(polygon, [ring(ellipse(low + radii, radii, 0.0), context=context)])
    rings = [corners(points, context=context) for points in region.coordinates(multi=True)]
    refuse_flat(rings, context=context)
    if len(rings) == 1:
        return functools.partial(polygon, rings)
    return functools.partial(_even_odd, rings)


def _even_odd(rings: list[np.ndarray], size: Size) -> Region:
    parts = [polygon([points], size) for points in rings]
    mask, top, left = joined(parts)
    mask[:] = False
    for part, y, x in parts:
        mask[y - top : y - top + part.shape[0], x - left : x - left + part.shape[1]] ^= part
    return Region(mask, top, left)
