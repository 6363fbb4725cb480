"""Images with files of ids beside them: X.tif and X_masks.tif, X_cp_masks.png or X_seg.npy.

These are the names of Cellpose's data and results; the image may also be called X_img.tif, and the
ids X_mask, X_label, X_labels, X_seg or X_gt. Other files that Cellpose writes (outlines, flows,
regions of interest) are left out. The files lie
directly in the source, or in its folders train, val and test, which are then the splits.

X_seg.npy holds a Python pickle, which could run any code: `seg_npy` reads it and runs none.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfseg.checks import InputError
from tfseg.data.conversion.formats import seg_npy
from tfseg.data.conversion.formats.base import (
    Item,
    Reading,
    Sample,
    SourceIndex,
    by_partner,
    by_stem,
    pair_items,
    refuse_mixed,
    split_folders,
)
from tfseg.data.conversion.formats.class_tables import MASK_ENDINGS, table_file
from tfseg.data.conversion.formats.id_maps import read_ids, read_pair
from tfseg.data.files.content import load
from tfseg.data.files.images import IMAGE_SUFFIXES, LABEL_SUFFIXES, as_label, entries

LAYOUT = (
    "NAME.png and NAME_masks.png, NAME_cp_masks.png or NAME_seg.npy, directly in it or in train/, "
    "val/ and test/"
)
_PICKLE = "_seg.npy"
_ENDINGS = ("_cp_masks", *MASK_ENDINGS)
_OTHERS = ("_outlines", "_flows", "_cp_output", "_rois")


def matches(source: Path) -> bool:
    """Returns whether there is a file of ids with a name of this layout.

    Files that Cellpose names otherwise must have an image.
    """
    folders = split_folders(source).values()
    return table_file(source) is None and any(map(_has_ids, folders))


def find(source: Path, reading: Reading) -> SourceIndex:
    """Returns the items of each split, by id.

    Raises:
        InputError: an image without ids, ids without an image, two files of ids for one image, or
            other files.
    """
    refuse_mixed(source)
    return SourceIndex({split: _items(folder) for split, folder in split_folders(source).items()})


def read(item: Item[Path], reading: Reading) -> Sample:
    """Reads an image and its ids.

    Raises:
        InputError: a file cannot be read, or the sizes differ.
    """
    is_pickle = item.annotations.name.endswith(_PICKLE)
    return read_pair(item, reading, _read_seg if is_pickle else read_ids)


def _has_ids(folder: Path) -> bool:
    files = {path.stem: path for path in entries(folder) if _base(path) is not None}
    if any(path.name.endswith(("_masks" + path.suffix, _PICKLE)) for path in files.values()):
        return True
    names = {path.stem.removesuffix("_img") for path in entries(folder) if path.stem not in files}
    return any(_base(path) in names for path in files.values())


def _base(path: Path) -> str | None:
    """Returns the name of the image that a file of ids belongs to."""
    ending = next((ending for ending in _ENDINGS if path.stem.endswith(ending)), None)
    return path.stem[: -len(ending)] if ending and path.suffix.lower() in LABEL_SUFFIXES else None


def _items(folder: Path) -> list[Item[Path]]:
    labels: dict[str, Path] = {}
    pictures = []
    for path in entries(folder):
        name = _base(path)
        if name is not None:
            if name in labels:
                raise InputError(f"{labels[name]} and {path} are ids of one image. Keep one.")
            labels[name] = path
        elif path.suffix.lower() in IMAGE_SUFFIXES and not path.stem.endswith(_OTHERS):
            pictures.append(path)
        elif path.is_file() and not path.stem.endswith(_OTHERS):
            raise InputError(f"{path} is no part of the layout {LAYOUT}. Take it out of {folder}.")
    images = by_partner(by_stem(pictures), labels, ("_img",), what="images of one name")
    if not images:
        raise InputError(f"{folder} has no images. Expected: {LAYOUT}.")
    return pair_items(
        images,
        labels,
        lambda name: Item(name, images[name], labels[name]),
        kinds=("image", "ids", "file of ids"),
        folders=(folder, folder),
    )


def _read_seg(path: Path, reading: Reading) -> np.ndarray:
    """Reads the ids of Cellpose's X_seg.npy, as `read_label` reads those of an image file."""
    data = load(path)
    try:
        masks = seg_npy.read_masks(data)
    except ValueError as error:
        raise InputError(
            f"{path} is not what Cellpose writes ({error}). Save the masks as PNG or TIFF."
        ) from error
    return as_label(path, masks)
