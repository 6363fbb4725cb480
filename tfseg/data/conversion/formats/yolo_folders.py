"""The images and labels of YOLO's splits, by folders or by data.yaml, and the names of the classes.

The splits are folders in images/ and labels/, or folders with images/ and labels/ in them. Folders
of other names, such as images/train2017, and text files with a path of an image in a line are those
that data.yaml names as train, val and test, where they lie in the source; a path that leads out of
it is taken from its first part that is in it. The first split that has an image gets it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import yaml

from tfseg.checks import InputError, listed
from tfseg.data.conversion.formats.base import (
    SPLIT_NAMES,
    SPLITS,
    by_stem,
    files_by_stem,
    refuse_mixed,
    split_folders,
)
from tfseg.data.files.images import IMAGE_SUFFIXES, entries
from tfseg.data.files.tables import read_text

_CLASSES = "classes.txt"  # of Label Studio
_CACHES = (".cache", ".npy")  # of Ultralytics, beside the images


class Part(NamedTuple):
    """The files of a split.

    Attributes:
        images: image files by name.
        labels: text files by name.
        folders: where the images are.
        faults: why an image cannot be used, by name.
    """

    images: Mapping[str, Path]
    labels: Mapping[str, Path]
    folders: Sequence[Path]
    faults: Mapping[str, str]


def parts_of(source: Path, layout: str) -> dict[str, Part]:
    """Returns the images and labels of each split.

    Raises:
        InputError: a folder is missing or empty, or images lie beside folders of splits.
    """
    if lists := _lists(source):
        return lists
    for folder in (source / "images", source / "labels"):
        if folder.is_dir():
            refuse_mixed(folder)
    parts = {}
    for split, pairs in folders_of(source).items():
        images: list[Path] = []
        labels: list[Path] = []
        for pair in pairs:
            for folder in pair:
                if not folder.is_dir():
                    raise InputError(f"{source} has no folder {folder}. Expected: {layout}.")
            in_folder = files_by_stem(pair[0], IMAGE_SUFFIXES, besides=_CACHES)
            if not in_folder:
                raise InputError(f"{pair[0]} is empty. Expected: {layout}.")
            images += in_folder.values()
            labels += texts(pair[1])
        folders = [folder for folder, _ in pairs]
        parts[split] = Part(by_stem(images), by_stem(labels), folders, {})
    return parts


def folders_of(source: Path) -> dict[str, list[tuple[Path, Path]]]:
    """Returns the folders of images, each with that of its labels, of each split."""
    images, labels = source / "images", source / "labels"
    if images.is_dir():
        folders = {
            split: [(folder, labels / folder.relative_to(images))]
            for split, folder in split_folders(images).items()
        }
    else:
        folders = {
            split: [(folder / "images", folder / "labels")]
            for split, folder in split_folders(source).items()
        }
    if any(texts(folder) for pairs in folders.values() for _, folder in pairs):
        return folders
    return _named_folders(source) or folders


def texts(folder: Path) -> list[Path]:
    """Returns the text files in a folder that may be missing."""
    return [path for path in entries(folder) if path.suffix == ".txt"] if folder.is_dir() else []


def class_names(source: Path) -> tuple[str, ...]:
    """Returns the names in data.yaml, or without one those in the lines of classes.txt.

    Raises:
        InputError: there are none.
    """
    names: list | None
    if not _yaml_files(source) and (source / _CLASSES).is_file():
        file = source / _CLASSES
        names = [line.strip() for line in read_text(file).splitlines() if line.strip()]
    else:
        file, content = _yaml_file(source), _read_yaml(source)
        names = _numbered(content.get("names") if isinstance(content, dict) else None)
    if not names or not all(isinstance(name, str) for name in names):
        raise InputError(
            f"{file} must have names, a list of texts or 0: NAME, 1: NAME; it has none, or "
            "something else. Correct it."
        )
    return tuple(names)


def _named_folders(source: Path) -> dict[str, list[tuple[Path, Path]]]:
    """Returns the folders of images that data.yaml names, and those of their labels."""
    folders: dict[str, list[tuple[Path, Path]]] = {}
    taken: set[Path] = set()
    for split, text in _named(source):
        images = _in_source(source, text, Path.is_dir)
        labels = _labels_of(source, images) if images else None
        if images and labels and images not in taken:
            taken.add(images)
            folders.setdefault(split, []).append((images, labels))
    return {split: folders[split] for split in SPLITS if split in folders}


def _lists(source: Path) -> dict[str, Part]:
    """Returns the splits that data.yaml gives as text files with a path of an image in a line."""
    parts: dict[str, Part] = {}
    taken: set[Path] = set()
    for split, text in _named(source):
        file = _in_source(source, text, Path.is_file)
        if file is not None and file.suffix == ".txt":
            part = _listed(source, file, taken)
            taken |= set(part.images.values())
            if part.images:
                parts.setdefault(split, part)
    return {split: parts[split] for split in SPLITS if split in parts}


def _listed(source: Path, file: Path, taken: set[Path]) -> Part:
    """Returns the images of a list without those that are taken; a missing one is a fault."""
    images, labels, faults = [], [], {}
    for line in filter(None, map(str.strip, read_text(file).splitlines())):
        image = _in_source(source, line, Path.is_file)
        if image is None:
            image = source / PurePosixPath(line.replace("\\", "/")).name
            faults[image.stem] = f"{file} names {line}, which is not in {source}. Add the image."
        elif (text := _labels_of(source, image)) and text.is_file():
            labels.append(text)
        images.append(image)
    kept = by_stem([image for image in dict.fromkeys(images) if image not in taken])
    of_kept = {path.stem: path for path in labels if path.stem in kept}
    folders = {image.parent for name, image in kept.items() if name not in faults}
    return Part(kept, of_kept, sorted(folders), faults)


def _named(source: Path) -> Iterator[tuple[str, str]]:
    """Yields the split and each path that data.yaml has for it."""
    try:
        content = _read_yaml(source)
    except InputError:  # says `class_names`
        return
    for name, split in SPLIT_NAMES.items():
        values = content.get(name) if isinstance(content, dict) else None
        for text in values if isinstance(values, list) else [values]:
            if isinstance(text, str):
                yield split, text


def _in_source(source: Path, text: str, exists: Any) -> Path | None:
    """Returns the file or folder of a path: its longest end that is in the source."""
    path = PurePosixPath(text.replace("\\", "/"))
    parts = [part for part in path.parts if part not in ("..", "/") and "\0" not in part]
    ends = (source.joinpath(*parts[start:]) for start in range(len(parts)))
    return next((end for end in ends if exists(end)), None)


def _labels_of(source: Path, images: Path) -> Path | None:
    """Returns the labels of an image or of a folder of images: the last images/ becomes labels/."""
    parts = list(images.relative_to(source).parts)
    if "images" not in parts:
        return None
    parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    labels = source.joinpath(*parts)
    return labels.with_suffix(".txt") if images.is_file() else labels


def _yaml_files(source: Path) -> list[Path]:
    return [path for path in entries(source) if path.suffix in (".yaml", ".yml")]


def _yaml_file(source: Path) -> Path:
    paths = _yaml_files(source)
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
