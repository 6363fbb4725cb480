"""One folder an image, one mask an instance: ID/images/ID.png and ID/masks/*.png.

The layout of the 2018 Data Science Bowl. Every pixel of a mask that is not black belongs to the
instance. The folders lie right in the source, or in its folders train, val and test, which are then
the splits. An empty folder masks is an image without instances.

Ids are given from 1 on in the order of the mask file names. Where masks overlap, the smaller
instance gets the pixel (of equal ones the first), so that what lies on a large one survives.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfseg.checks import InputError
from tfseg.data.formats.base import Item, Sample, files_by_stem, split_folders
from tfseg.data.images import IMAGE_SUFFIXES, LABEL_SUFFIXES, entries, read_image, same_size

LAYOUT = "ID/images/ID.png and ID/masks/*.png, right in it or in train/, val/ and test/"


def matches(source: Path) -> bool:
    """Says whether there is a folder ID/masks where this layout has them."""
    return any(
        (folder / "masks").is_dir()
        for parent in split_folders(source).values()
        for folder in entries(parent)
    )


def find(source: Path) -> dict[str, list[Item]]:
    """Returns the items of each split, by id.

    Raises:
        InputError: no folder ID, one without masks or without exactly one image, or folders ID
            beside train/ in `source`.
    """
    folders = split_folders(source)
    mixed = [folder.name for folder in entries(source) if (folder / "masks").is_dir()]
    if mixed and source not in folders.values():
        raise InputError(
            f"{source} must have folders of images or split folders, not both; got {mixed[0]}/ "
            f"beside {', '.join(folders)}. Move {mixed[0]}/ away, or the split folders."
        )
    return {split: _items(folder) for split, folder in folders.items()}


def read(item: Item) -> Sample:
    """Reads an image and its masks.

    Raises:
        InputError: one cannot be read, or their sizes differ.
    """
    image = read_image(item.image)
    label = np.zeros(image.shape[:2], np.int32)
    claims = np.zeros(label.size, np.int32)
    pixels = []
    for path in item.annotations:
        mask = read_image(path)
        same_size(item.image, image, path, mask)
        colour = mask[..., :3]  # an alpha says nothing about the instance
        pixels.append(np.flatnonzero(colour.any(axis=-1)))
        claims[pixels[-1]] += 1
    for index in sorted(range(len(pixels)), key=lambda index: (-len(pixels[index]), -index)):
        label.flat[pixels[index]] = index + 1
    return Sample(image, label, overlap_pixels=int(np.count_nonzero(claims > 1)))


def _items(parent: Path) -> list[Item]:
    items = [_item(folder) for folder in entries(parent) if folder.is_dir()]
    if not items:
        raise InputError(f"{parent} has no folder of an image. Expected: {LAYOUT}.")
    return items


def _item(folder: Path) -> Item:
    for kind in ("images", "masks"):
        if not (folder / kind).is_dir():
            raise InputError(f"{folder} has no folder {kind!r}. Expected: {LAYOUT}.")
    images = list(files_by_stem(folder / "images", IMAGE_SUFFIXES).values())
    if len(images) != 1:
        raise InputError(
            f"{folder / 'images'} must hold one image; got {len(images)}. Give each image a folder "
            "of its own."
        )
    masks = files_by_stem(folder / "masks", LABEL_SUFFIXES)
    return Item(folder.name, images[0], tuple(masks.values()))
