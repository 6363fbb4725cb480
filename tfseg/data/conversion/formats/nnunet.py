"""nnU-Net: imagesTr/CASE_0000.png, labelsTr/CASE.png and dataset.json with the classes.

The pixels of a mask are classes; as in `semantic`, each class of an image is one instance, or with
`Reading.components` each connected component. The label "ignore" is ignored. imagesTs is the split
test if there is labelsTs. An image is one file, grey or RGB, or three grey ones, _0000 to _0002.
Volumes (.nii.gz) are refused.

Source: https://github.com/MIC-DKFZ/nnUNet, documentation/dataset_format.md.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfseg.checks import InputError
from tfseg.data.conversion.formats.base import (
    Item,
    Reading,
    Sample,
    SourceIndex,
    by_stem,
    in_order,
    open_item,
    unmatched,
)
from tfseg.data.conversion.formats.class_tables import ClassTable, classes_of, role
from tfseg.data.conversion.formats.id_maps import read_ids
from tfseg.data.conversion.formats.parsing import entry, read_json, shortened
from tfseg.data.conversion.formats.semantic import as_sample
from tfseg.data.files.images import MASK_SUFFIXES, entries, list_images, same_size
from tfseg.data.files.opening import Picture
from tfseg.ids import IGNORE

LAYOUT = "dataset.json, imagesTr/CASE_0000.png and labelsTr/CASE.png"
_FILE = "dataset.json"
_FOLDERS = {"train": "Tr", "test": "Ts"}
_CHANNEL = re.compile(r"(.+)_(\d{4})\Z")


class _Case(NamedTuple):
    channels: list[Path]
    mask: Path
    table: ClassTable


def matches(source: Path) -> bool:
    """Returns whether there are the folders of this layout."""
    return (source / "imagesTr").is_dir() and (source / "labelsTr").is_dir()


def find(source: Path, reading: Reading) -> SourceIndex:
    """Returns the items of each split, by id.

    Raises:
        InputError: a file or folder is missing or malformed, or the images are volumes.
    """
    if not matches(source):
        raise InputError(f"{source} has no folders imagesTr and labelsTr. Expected: {LAYOUT}.")
    table = _table(source / _FILE)
    splits = {}
    for split, ending in _FOLDERS.items():
        images, masks = source / f"images{ending}", source / f"labels{ending}"
        if images.is_dir() and masks.is_dir():
            splits[split] = _items(images, masks, table)
    return SourceIndex(splits, table.names, table.notes)


def read(item: Item[_Case], reading: Reading) -> Sample:
    """Reads the channels of an image and its mask.

    Raises:
        InputError: a file cannot be read, the sizes differ, or a value is no label.
    """
    paths, path, table = item.annotations
    values = read_ids(path, reading)
    files = (dataclasses.replace(item, image=channel) for channel in paths)
    pictures = [open_item(file, reading, values.shape) for file in files]
    for channel, picture in zip(paths, pictures, strict=True):
        same_size(channel, picture.pixels.shape[:2], path, values)
    picture = pictures[0]._replace(pixels=_joined(item.image, pictures))
    return as_sample(picture, classes_of(path, values, table), reading)


def _joined(path: Path, pictures: Sequence[Picture]) -> np.ndarray:
    """Returns the channels `[H, W, C]` of several files."""
    channels = np.concatenate([np.asarray(picture.pixels) for picture in pictures], axis=-1)
    if channels.shape[-1] not in (1, 3):
        raise InputError(
            f"{path} must have 1 or 3 channels with the other files of its case; got "
            f"{channels.shape[-1]}. Keep those that you need."
        )
    return channels


def _table(path: Path) -> ClassTable:
    """Returns the classes: names by number, or numbers by name, as from nnU-Net 2 on."""
    labels = entry(read_json(path), "labels", dict, context=path)
    names: list[str] = []
    class_of: dict[int, int] = {}
    notes = []
    for number, name in sorted(_numbered(path, labels).items()):
        class_of[number] = 0 if number == 0 else role(name, names)
        if class_of[number] == IGNORE:
            notes.append(f"{path.name}: pixels of {name} are ignored")
    if not names:
        raise InputError(f"{path} must have a label beside the background; it has none. Add it.")
    return ClassTable(tuple(names), class_of, colours=False, notes=tuple(notes))


def _numbered(path: Path, labels: Mapping[str, Any]) -> dict[int, str]:
    """Returns the names of the labels by their numbers."""
    names: dict[int, str] = {}
    for key, value in labels.items():
        name, number = (value, key) if isinstance(value, str) and key.isdecimal() else (key, value)
        number = int(number) if isinstance(number, str) and number.isdecimal() else number
        if type(number) is not int or number < 0 or number in names:
            raise InputError(
                f"{path} must give every label one number; got {shortened(labels)}. Labels of "
                "several numbers (regions) are not read."
            )
        names[number] = name
    return names


def _items(images: Path, masks: Path, table: ClassTable) -> list[Item[Any]]:
    if volumes := [path for path in entries(masks) if path.name.endswith((".nii.gz", ".nii"))]:
        raise InputError(
            f"{volumes[0]} must be PNG or TIFF; volumes are not read. Save its slices."
        )
    channels: dict[str, list[Path]] = {}
    for path in list_images(images):
        if not (match := _CHANNEL.match(path.stem)):
            raise InputError(
                f"{path} must end in the number of its channel, such as _0000. Add it."
            )
        channels.setdefault(match[1], []).append(path)
    files = by_stem([path for path in entries(masks) if path.suffix.lower() in MASK_SUFFIXES])
    if not channels:
        raise InputError(f"{images} is empty. Put the images there. Expected: {LAYOUT}.")
    first = {name: paths[0] for name, paths in channels.items()}
    alone = unmatched("image", first, "a mask", files, masks)
    alone += unmatched("mask", files, "an image CASE_0000", first, images)
    cases = [
        Item(name, first[name], _Case(channels[name], files[name], table))
        for name in channels.keys() & files.keys()
    ]
    return in_order([*alone, *cases])
