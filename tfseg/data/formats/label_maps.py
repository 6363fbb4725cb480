"""Images and label maps of the same names: images/NAME.png and labels/NAME.png.

A label map is a PNG or TIFF file with one instance id a pixel, 0 = background. The two folders lie
right in the source, or in its folders train, val and test, which are then the splits. Other folders
beside those three are no part of the data.
"""

from __future__ import annotations

from pathlib import Path

from tfseg.checks import InputError
from tfseg.data.formats.base import Item, Sample, files_by_stem, listed, split_folders
from tfseg.data.images import (
    IMAGE_SUFFIXES,
    LABEL_SUFFIXES,
    read_image,
    read_label,
    same_size,
)

LAYOUT = "images/NAME.png and labels/NAME.png, right in it or in train/, val/ and test/"
_KINDS = ("images", "labels")


def matches(source: Path) -> bool:
    """Says whether there is a folder images or labels where this layout has them."""
    folders = [source, *split_folders(source).values()]
    return any((folder / kind).is_dir() for folder in folders for kind in _KINDS)


def find(source: Path) -> dict[str, list[Item]]:
    """Returns the items of each split, by id.

    Raises:
        InputError: a folder is missing or empty, an image without label or the other way round, or
            both images/ and train/ in `source`.
    """
    folders = split_folders(source)
    mixed = [kind for kind in _KINDS if (source / kind).is_dir()]
    if mixed and source not in folders.values():
        raise InputError(
            f"{source} must have {mixed[0]}/ or split folders, not both; got {mixed[0]}/ beside "
            f"{', '.join(folders)}. Move {mixed[0]}/ away, or the split folders."
        )
    return {split: _items(folder) for split, folder in folders.items()}


def read(item: Item) -> Sample:
    """Reads an image and its label map.

    Raises:
        InputError: one cannot be read, or their sizes differ.
    """
    (path,) = item.annotations
    image, label = read_image(item.image), read_label(path)
    same_size(item.image, image, path, label)
    return Sample(image, label, overlap_pixels=0)


def _items(folder: Path) -> list[Item]:
    for kind in _KINDS:
        if not (folder / kind).is_dir():
            raise InputError(f"{folder} has no folder {kind!r}. Expected: {LAYOUT}.")
    images = files_by_stem(folder / "images", IMAGE_SUFFIXES)
    labels = files_by_stem(folder / "labels", LABEL_SUFFIXES)
    _refuse_unmatched("image", images, folder / "labels", labels)
    _refuse_unmatched("label", labels, folder / "images", images)
    if not images:
        raise InputError(f"{folder / 'images'} is empty. Put the images there. Expected: {LAYOUT}.")
    return [Item(name, images[name], (labels[name],)) for name in sorted(images)]


def _refuse_unmatched(
    kind: str, own: dict[str, Path], other_folder: Path, others: dict[str, Path]
) -> None:
    alone = [path for name, path in own.items() if name not in others]
    if alone:
        other = "a label" if kind == "image" else "an image"
        raise InputError(
            f"Every {kind} must have {other} of the same name in {other_folder}; there is none "
            f"for {listed(alone)}. Add it, or take the {kind} away."
        )
