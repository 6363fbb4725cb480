"""Reading images with files of ids: ignored values, and the parts of binary masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfseg.data.conversion.formats.base import Item, Reading, Sample, open_item
from tfseg.data.conversion.formats.doubtful_ids import components
from tfseg.data.files.images import read_label, same_size
from tfseg.ids import IGNORE
from tfseg.large_arrays import bands_of


def read_ids(path: Path, reading: Reading) -> np.ndarray:
    """Reads the numbers `[H, W]` int32 of a file of ids.

    Raises:
        InputError: as `read_label`.
    """
    return read_label(path, orientation=reading.orientation, selection=reading.selection)


def read_pair(
    item: Item[Path],
    reading: Reading,
    read: Callable[[Path, Reading], np.ndarray] = read_ids,
) -> Sample:
    """Reads an image and its file of ids, by `read`.

    Raises:
        InputError: a file cannot be read, or the sizes differ.
    """
    path = item.annotations
    label = read(path, reading)
    picture = open_item(item, reading, label.shape)
    same_size(item.image, picture.pixels.shape[:2], path, label)
    return Sample(picture.pixels, as_instances(label, reading), turned=picture.turned)


def as_instances(label: np.ndarray, reading: Reading) -> np.ndarray:
    """Returns the ids `[H, W]` int32 of the numbers of a file, 0 = background, -1 = ignored.

    Args:
        label: the numbers `[H, W]` int32, which the ids may replace.
        reading: which numbers are ids.

    Raises:
        InputError: the map is too large for its components.
    """
    if reading.components:
        ids = components(label if reading.ignore is None else _without(label, reading.ignore))
    else:
        ids = label
    if reading.ignore is not None:
        for rows in bands_of(label.shape):
            ids[rows][label[rows] == reading.ignore] = IGNORE
    return ids


def _without(label: np.ndarray, number: int) -> np.ndarray:
    return np.where(label == number, 0, label)
