"""Ultralytics YOLO segmentation: images/NAME.jpg and labels/NAME.txt, and data.yaml with the names.

Each line is the index of the class, from 0 on, and the corners x y of one polygon as fractions of
width and height. An image without a text file, or with an empty one, has no instances, as in
Ultralytics. The splits are folders in images/ and labels/, or folders with images/ and labels/ in
them. Folders of other names, such as images/train2017, are those that data.yaml names as train, val
and test, where they lie in the source; the first split that has a folder gets it.

Source: https://docs.ultralytics.com/datasets/segment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from tfseg.checks import InputError, listed
from tfseg.data.conversion.formats.base import (
    SPLIT_NAMES,
    SPLITS,
    Item,
    Reading,
    Sample,
    SourceIndex,
    by_stem,
    files_by_stem,
    in_order,
    refuse_mixed,
    split_folders,
    unmatched,
)
from tfseg.data.conversion.formats.painting import paint
from tfseg.data.conversion.formats.parsing import ring, shortened
from tfseg.data.conversion.formats.shapes import polygon
from tfseg.data.files.images import IMAGE_SUFFIXES, entries, read_picture
from tfseg.data.files.tables import read_text

LAYOUT = (
    "data.yaml, images/train/NAME.jpg and labels/train/NAME.txt, or train/images/ and "
    "train/labels/; and the same for val/ and test/"
)
_FARTHEST = 2.0  # times the sides of the image: larger coordinates must be pixels


class _Polygons(NamedTuple):
    file: Path | None
    num_classes: int


def matches(source: Path) -> bool:
    """Returns whether there are text files in a folder of labels of this layout."""
    return any(_texts(labels) for _, labels in _folders(source).values())


def find(source: Path, reading: Reading) -> SourceIndex:
    """Returns the items of each split, by id.

    Raises:
        InputError: a folder or data.yaml is missing, or a text file has no image.
    """
    names = _class_names(source)
    for folder in (source / "images", source / "labels"):
        if folder.is_dir():
            refuse_mixed(folder)
    splits, without = {}, 0
    for split, (image_folder, label_folder) in _folders(source).items():
        for folder in (image_folder, label_folder):
            if not folder.is_dir():
                raise InputError(f"{source} has no folder {folder}. Expected: {LAYOUT}.")
        images = files_by_stem(image_folder, IMAGE_SUFFIXES)
        labels = by_stem(_texts(label_folder))
        alone = unmatched("text", labels, "an image", images, image_folder)
        if not images:
            raise InputError(f"{image_folder} is empty. Expected: {LAYOUT}.")
        items = (
            Item(name, path, _Polygons(labels.get(name), len(names)))
            for name, path in images.items()
        )
        splits[split] = in_order([*alone, *items])
        without += len(images.keys() - labels.keys())
    notes = (f"images without a text file, and so without instances: {without}",)
    return SourceIndex(splits, names, notes if without else ())


def read(item: Item[_Polygons], reading: Reading) -> Sample:
    """Reads an image and paints its polygons.

    Raises:
        InputError: the image cannot be read, or a line is not a polygon of a known class.
    """
    path, num_classes = item.annotations
    image, turned = read_picture(item.image, orientation=reading.orientation)
    size = np.array(image.shape[1::-1])
    lines = [] if path is None else read_text(path).splitlines()
    regions = (
        (polygon([corners * size], image.shape[:2]), class_index)
        for number, line in enumerate(lines, start=1)
        if line.strip()
        for class_index, corners in [_polygon(line, num_classes, f"{path}, line {number},")]
    )
    sample = paint(image, regions, overlap=reading.overlap, name=item.image)
    return sample._replace(turned=turned)


def _folders(source: Path) -> dict[str, tuple[Path, Path]]:
    """Returns the folders of images and labels of each split."""
    images, labels = source / "images", source / "labels"
    if images.is_dir():
        folders = {
            split: (folder, labels / folder.relative_to(images))
            for split, folder in split_folders(images).items()
        }
    else:
        folders = {
            split: (folder / "images", folder / "labels")
            for split, folder in split_folders(source).items()
        }
    if any(_texts(folder) for _, folder in folders.values()):
        return folders
    return _named_folders(source) or folders


def _texts(folder: Path) -> list[Path]:
    """Returns the text files in a folder that may be missing."""
    return [path for path in entries(folder) if path.suffix == ".txt"] if folder.is_dir() else []


def _named_folders(source: Path) -> dict[str, tuple[Path, Path]]:
    """Returns the folders of images that data.yaml names, and those of their labels."""
    try:
        content = _read_yaml(source)
    except InputError:  # says `find`
        return {}
    folders: dict[str, tuple[Path, Path]] = {}
    for name, split in SPLIT_NAMES.items():
        text = content.get(name) if isinstance(content, dict) else None
        if not isinstance(text, str):
            continue
        parts = [part for part in Path(text).parts if part not in ("..", "/")]
        for start in range(len(parts)):
            pair = _pair(source, parts[start:])
            if pair and pair not in folders.values():
                folders.setdefault(split, pair)
    return {split: folders[split] for split in SPLITS if split in folders}


def _pair(source: Path, parts: list[str]) -> tuple[Path, Path] | None:
    """Returns a folder of images and that of its labels: the last images/ becomes labels/."""
    images = source.joinpath(*parts)
    if "images" not in parts or not images.is_dir():
        return None
    index = len(parts) - 1 - parts[::-1].index("images")
    return images, source.joinpath(*parts[:index], "labels", *parts[index + 1 :])


def _polygon(line: str, num_classes: int, context: str) -> tuple[int, np.ndarray]:
    """Returns the class, from 1 on, and the corners `[N, 2]` of a line."""
    first, *values = line.split()
    # Some tools write all numbers as floats.
    number = first.rstrip("0").removesuffix(".") if "." in first else first
    if not number.isdecimal() or len(number) > 9 or int(number) >= num_classes:
        raise InputError(
            f"{context} must begin with a class from 0 to {num_classes - 1}; got "
            f"{shortened(first)}. Correct it, or data.yaml."
        )
    if len(values) % 2 and len(values) > 6:
        raise InputError(
            f"{context} must have pairs of x and y after the class; got {len(values)} numbers. "
            f"If the last one, {shortened(values[-1])}, is a confidence, take it out (Ultralytics: "
            "save_conf=False); else complete the corner."
        )
    if len(values) == 4:
        raise InputError(
            f"{context} must have a polygon; it has the box of an object. Give the labels of a "
            "segmentation."
        )
    corners = ring(values, context=context)
    if np.abs(corners).max() > _FARTHEST:
        raise InputError(
            f"{context} must have coordinates that are shares of width and height, in [0, 1]; got "
            f"{np.abs(corners).max():g}. Divide them by the size of the image."
        )
    return int(number) + 1, corners


def _class_names(source: Path) -> tuple[str, ...]:
    content = _read_yaml(source)
    names = _numbered(content.get("names") if isinstance(content, dict) else None)
    if not names or not all(isinstance(name, str) for name in names):
        raise InputError(
            f"{_yaml_file(source)} must have names, a list of texts or 0: NAME, 1: NAME; it has "
            "none, or something else. Correct it."
        )
    return tuple(names)


def _yaml_file(source: Path) -> Path:
    paths = [path for path in entries(source) if path.suffix in (".yaml", ".yml")]
    if len(paths) != 1:
        raise InputError(
            f"{source} must have one .yaml file with the names of the classes; got "
            f"{listed([path.name for path in paths]) or 'none'}. Put data.yaml there."
        )
    return paths[0]


def _read_yaml(source: Path) -> Any:
    """Returns the content of the YAML file; all its scalars are texts, so that no stays a name."""
    path = _yaml_file(source)
    try:
        return yaml.load(read_text(path), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is not YAML ({reason}). Correct it.") from error


def _numbered(names: Any) -> list | None:
    """Returns the names by their numbers, which must be 0, 1, ..."""
    if isinstance(names, dict) and names.keys() == set(map(str, range(len(names)))):
        return [names[str(index)] for index in range(len(names))]
    return names if isinstance(names, list) else None
