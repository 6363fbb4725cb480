"""Where the pixels of an OME-Zarr image lie: its levels, axes, channels and pixel sizes.

Source: https://ngff.openmicroscopy.org, versions 0.4 and 0.5, "Axes", "Multiscale images" (datasets
and coordinateTransformations) and "OMERO metadata" (labels of channels).
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from tfseg import channels
from tfseg.checks import InputError, listed
from tfseg.data.files import limits
from tfseg.data.files.choosing import level_number, plane_numbers
from tfseg.data.files.limits import NotOneImage
from tfseg.data.files.pixel_size import UNKNOWN, Stated, of_sides
from tfseg.data.files.selection import DEFAULT, Selection

SUFFIX = ".zarr"
_GROUPS = (".zgroup", "zarr.json")  # what a folder of Zarr 2 or 3 has

Index = tuple[int | slice, ...]


class ZarrLayout(NamedTuple):
    """Where one image lies.

    Attributes:
        array: of the chosen level, a `zarr.Array`.
        axes: the name of each of its axes, with y and x.
        planes: of each plane, of which a projection makes one, its position on every axis; axes
            that belong to the image have a slice.
        full: height and width of level 0.
        names: of its channels; empty: it is grey or RGB.
        pixel_size: side of a pixel of the chosen level.
    """

    array: Any
    axes: tuple[str, ...]
    planes: list[Index]
    full: tuple[int, int]
    names: tuple[str, ...]
    pixel_size: Stated


def is_zarr(path: Path) -> bool:
    """Returns whether a path is a folder of Zarr, which counts as a file."""
    return os.path.isdir(path) and (  # which no name makes fail, unlike the method
        path.suffix.lower() == SUFFIX or any((path / name).is_file() for name in _GROUPS)
    )


def layout_of(path: Path, selection: Selection = DEFAULT, *, is_label: bool = False) -> ZarrLayout:
    """Returns where the selected image lies, whose pixels are not read.

    Args:
        path: folder of an OME-Zarr.
        selection: which of its planes, and which level. A label map takes the page and the level
            only where it has several.
        is_label: whether it is a label map, of which no projection is made.

    Raises:
        NotOneImage: no such image, or several without a choice.
        InputError: there is no library for Zarr.
    """
    group, metadata = _image(_open(path))
    content = metadata["multiscales"][0]
    axes = _axes(content)
    arrays = [group[entry["path"]] for entry in content["datasets"]]
    y, x = axes.index("y"), axes.index("x")
    sizes = [(array.shape[y], array.shape[x]) for array in arrays]
    pixel_sizes = [_pixel_size(content, entry, (y, x)) for entry in content["datasets"]]
    has_no_levels = is_label and len(arrays) == 1
    level = 0 if has_no_levels else level_number(selection, sizes, pixel_sizes[0].size)
    array = arrays[level]
    _check_claim(path / array.path, sizes[level])
    planes = _planes(array.shape, axes, selection, is_label=is_label)
    inside = [index for index, at in enumerate(planes[0]) if isinstance(at, slice)]
    count = math.prod(array.shape[index] for index in inside if index not in (y, x))
    labels = tuple(_label(channel) for channel in metadata.get("omero", {}).get("channels", ()))
    names = channels.of_file([labels], count)
    return ZarrLayout(array, axes, planes, sizes[0], names, pixel_sizes[level])


def _open(path: Path) -> Any:
    zarr = _zarr(path)
    try:
        return zarr.open_group(path, mode="r")
    except ValueError as error:  # as are the errors of zarr
        reason = " ".join(str(error).split()).rstrip(".")
        raise NotOneImage(
            f"must be an OME-Zarr image; it is no group of Zarr ({reason}). Replace the folder."
        ) from error


def _zarr(path: Path) -> ModuleType:
    try:
        import zarr
    except ImportError as error:
        raise InputError(
            f"{path} needs zarr to be read, which is not installed. Install it with: pip install "
            "'tfseg[zarr]'"
        ) from error
    return zarr


def _image(group: Any) -> tuple[Any, Mapping[str, Any]]:
    """Returns the group of the only image and its metadata; bioformats2raw puts it into 0/."""
    attributes = dict(group.attrs)
    metadata = attributes.get("ome", attributes)  # since version 0.5
    if metadata.get("multiscales"):
        return group, metadata
    images = sorted(name for name in group if name.isdecimal())
    if "bioformats2raw.layout" not in metadata or not images:
        kind = "a plate" if "plate" in metadata else "no image"
        raise NotOneImage(
            f"must be an OME-Zarr image, with multiscales in its attributes; it is {kind}. Give "
            "the folder of one image, which may lie in it."
        )
    if len(images) > 1:
        raise NotOneImage(
            f"must hold one image; it has {len(images)}: {listed(images)}. Give the folder of one "
            "of them."
        )
    return _image(group[images[0]])


def _axes(content: Mapping[str, Any]) -> tuple[str, ...]:
    axes = content.get("axes", ())
    names = tuple(axis.get("name") if isinstance(axis, dict) else None for axis in axes)
    if not {"y", "x"} <= set(names):
        raise NotOneImage(
            "must be an OME-Zarr image of version 0.4 or 0.5, with the axes y and x; got "
            f"{listed([str(axis) for axis in axes]) or 'no axes'}. Convert it with a newer tool."
        )
    return tuple(str(name) for name in names)


def _planes(
    shape: Sequence[int], axes: tuple[str, ...], selection: Selection, *, is_label: bool
) -> list[Index]:
    """Returns the position of each chosen plane on every axis."""
    others = [index for index, axis in enumerate(axes) if axis not in ("y", "x", "c")]
    channel = axes.index("c") if "c" in axes else None
    if selection.projection == "channels" and not is_label:
        if channel is not None and shape[channel] > 1:
            raise NotOneImage(
                f"must have planes of one channel to make channels of them; it has "
                f"{_sizes(shape, axes)}. Choose a page."
            )
        return [(slice(None),) * len(axes)]
    count = math.prod(shape[index] for index in others)
    numbers = set(plane_numbers(selection, count, _sizes(shape, axes), is_label=is_label))
    along: list[Sequence[int | slice]] = [
        range(size) if index in others else [slice(None)] for index, size in enumerate(shape)
    ]
    positions = itertools.product(*along)
    return [position for number, position in enumerate(positions) if number in numbers]


def _sizes(shape: Sequence[int], axes: Sequence[str]) -> str:
    """Returns the axes with their sizes, such as Z 4, Y 9, X 8."""
    pairs = zip(axes, shape, strict=True)
    return ", ".join(f"{axis.upper()} {size}" for axis, size in pairs if axis in "yx" or size > 1)


def _pixel_size(
    content: Mapping[str, Any], dataset: Mapping[str, Any], axes: tuple[int, int]
) -> Stated:
    """Returns the side of a pixel of a level, by its scale and that of all levels."""
    units = [content["axes"][axis].get("unit") for axis in axes]
    sides = [1.0, 1.0]
    for transformations in (dataset, content):
        for one in transformations.get("coordinateTransformations", ()):
            if "scale" in one:
                sides = [
                    side * float(one["scale"][axis]) for side, axis in zip(sides, axes, strict=True)
                ]
    if None in units:
        is_stated = sides != [1.0, 1.0]
        return Stated(ignored="a pixel size without a unit") if is_stated else UNKNOWN
    return of_sides((sides[0], units[0]), (sides[1], units[1])) or UNKNOWN


def _label(channel: Mapping[str, Any]) -> str:
    return str(channel.get("label", "")).replace(",", " ").strip()


def _check_claim(folder: Path, size: tuple[int, int]) -> None:
    """Refuses a large size that the files of its chunks cannot hold."""
    if size[0] * size[1] > limits.LARGE:
        files = (path for path in folder.rglob("*") if path.is_file())
        limits.check_claim(*size, sum(path.stat().st_size for path in files))
