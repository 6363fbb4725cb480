"""Binary masks and maps of classes in files that should hold ids, and the instances in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage import measure

from tfseg.checks import InputError
from tfseg.data.conversion.formats.base import Reading
from tfseg.data.files.images import read_middle

_WHITE = (255, 65535)
_MAX_MAPS = 20  # decoded before the conversion
_MAX_PIXELS = 10**8
_MAX_CLASSES = 32
_MIN_PIECES = 3  # of a class in an image, on average
_MIN_PIXELS = 4  # of a piece; smaller ones may be stray pixels of ids
_IN_RIM = 0.8  # share of the pixels between black and white that are beside a brighter one


def refuse_no_ids(source: Path, paths: Sequence[Path], *, layout: str, reading: Reading) -> None:
    """Refuses binary masks and maps of classes, by some of the files.

    Args:
        source: for errors.
        paths: files that should hold ids; of many, 20 are read, and of a large one the middle.
            Files that cannot be read are left to the conversion.
        layout: name of the format, for errors.
        reading: which page and level are read, and which number is no id.

    Raises:
        InputError: all maps have the one value 255 or 65535, or have other values only in rims
            around it; or a few values lie in many connected components.
    """
    step = max(1, len(paths) // _MAX_MAPS)
    maps = []
    for path in paths[::step][:_MAX_MAPS]:
        try:
            label = read_middle(path, selection=reading.selection)
        except InputError:
            continue
        if reading.ignore is not None:
            label[label == reading.ignore] = 0
        if label.any():
            maps.append(label)
    if reason := _no_ids(maps):
        raise InputError(
            f"{source} must have a number for each instance in {paths[0].parent.name}; {reason} "
            "Give --components to make every connected component an instance, add a class table "
            f"(codes.txt, a name for each value from 0 on, in a line), or say --format {layout} "
            "if these are ids."
        )


def components(label: np.ndarray) -> np.ndarray:
    """Returns the connected components (8 neighbours) of equal values of a mask `[H, W]` as ids.

    Of a mask whose edges were interpolated, the pixels from half of white on are taken.

    Raises:
        InputError: the mask is too large.
    """
    check_components(label.shape)
    if _has_rims(label):
        label = label >= (label.max() + 1) // 2
    return measure.label(label, background=0, connectivity=2).astype(np.int32)


def check_components(shape: tuple[int, ...]) -> None:
    """Refuses a mask whose connected components would take more than 2 GB of memory.

    Raises:
        InputError: more than 100 million pixels.
    """
    if shape[0] * shape[1] > _MAX_PIXELS:
        raise InputError(
            f"Masks of connected components must have at most {_MAX_PIXELS} pixels; got "
            f"{shape[0]} x {shape[1]} (height x width). Cut them, or save the ids of the "
            "components, and convert without --components."
        )


def _no_ids(maps: Sequence[np.ndarray]) -> str:
    """Returns why the maps `[H, W]` are no ids, or an empty text."""
    if not maps:
        return ""
    present = [np.unique(label[label > 0]) for label in maps]
    if all(values.size == 1 and values[0] in _WHITE for values in present):
        return f"all have the one value {present[0][0]}, like binary masks."
    rims = [_has_rims(label) for label in maps]
    if any(rims) and all(
        rim or values.size == 1 for rim, values in zip(rims, present, strict=True)
    ):
        return "they are white with thin rims of other values, like resized binary masks."
    values = np.unique(np.concatenate(present))
    if values.size > _MAX_CLASSES:
        return ""
    pieces, classes = np.sum([_pieces(label) for label in maps], axis=0)
    if pieces < _MIN_PIECES * classes:
        return ""
    return (
        f"the values {', '.join(map(str, values[:5].tolist()))}{', ...' if len(values) > 5 else ''}"
        f" lie in {pieces / classes:.1f} connected components each, like classes."
    )


def _has_rims(label: np.ndarray) -> bool:
    """Returns whether nearly all pixels between black and white are beside a brighter one."""
    between = (label > 0) & (label < label.max(initial=0))
    return np.unique(label[between]).size >= 2 and is_white_with_rims(label[..., None])


def is_white_with_rims(mask: np.ndarray) -> bool:
    """Returns whether a mask `[H, W, C]` is white, or of one colour, but for thin darker rims."""
    brightness = mask.max(axis=-1, initial=0)
    high = brightness.max(initial=0)
    brightest = mask[brightness == high]
    if high not in _WHITE or (brightest != brightest[:1]).any():
        return False
    between = (brightness > 0) & (brightness < high)
    rising = ndimage.maximum_filter(brightness, 3) > brightness
    return bool(np.count_nonzero(between & rising) >= _IN_RIM * np.count_nonzero(between))


def _pieces(label: np.ndarray) -> tuple[int, int]:
    """Returns the number of connected components of equal values, and of the values."""
    parts = measure.label(label, background=0, connectivity=2)
    sizes = np.bincount(parts.ravel())[1:]
    return int(np.count_nonzero(sizes >= _MIN_PIXELS)), np.unique(label[label > 0]).size
