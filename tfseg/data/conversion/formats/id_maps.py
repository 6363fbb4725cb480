"""Reading images with files of ids: ignored values, and the parts of binary masks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfseg.data.conversion.formats.base import Item, Reading, Sample
from tfseg.data.conversion.formats.doubtful_ids import components
from tfseg.data.files.images import read_label, read_picture, same_size
from tfseg.ids import IGNORE


def read_ids(path: Path, reading: Reading) -> np.ndarray:
    """Reads the numbers `[H, W]` int32 of a file of ids.

    Raises:
        InputError: as `read_label`.
    """
    return read_label(path, orientation=reading.orientation)


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
    image, turned = read_picture(item.image, orientation=reading.orientation, size=label.shape)
    same_size(item.image, image, path, label)
    return Sample(image, as_instances(label, reading), turned=turned)


def as_instances(label: np.ndarray, reading: Reading) -> np.ndarray:
    """Returns the ids `[H, W]` int32 of the numbers of a file, 0 = background, -1 = ignored."""
    if reading.ignore is None:
        return components(label) if reading.components else label
    is_ignored = label == reading.ignore
    ids = as_instances(np.where(is_ignored, 0, label), dataclasses.replace(reading, ignore=None))
    return np.where(is_ignored, IGNORE, ids).astype(np.int32)
