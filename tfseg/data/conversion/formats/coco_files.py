"""Which JSON files of COCO a source has, for which split, and in which folders their images are."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable
from pathlib import Path

from tfseg.checks import InputError
from tfseg.data.conversion.formats.base import SPLIT_NAMES, SPLITS
from tfseg.data.conversion.formats.parsing import json_files, read_json
from tfseg.data.files.images import IMAGE_SUFFIXES, entries

_SPLIT = re.compile(r"(?<![a-z])(train|valid|validation|val|test)(?![a-z])", re.IGNORECASE)
_ENTRIES = (b"images", b"annotations")


def instance_files(source: Path) -> list[Path]:
    """Returns the JSON files of instances; from annotations/ only instances_*.json, if any."""
    files = [path for path in _json_files(source) if not _has_maps(path) and not _of_image(path)]
    named = [path for path in files if path.stem.startswith("instances_")]
    annotations = source / "annotations"
    return [path for path in files if path.parent != annotations or path in named or not named]


def panoptic_files(source: Path) -> list[Path]:
    """Returns the JSON files beside a folder of their name with PNG files."""
    return [path for path in _json_files(source) if _has_maps(path)]


def is_coco(path: Path) -> bool:
    """Returns whether a JSON file has the entries "images" and "annotations", or is damaged."""
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            if all(re.search(rb'"%b"\s*:' % key, content) for key in _ENTRIES):
                return True
        read_json(path)
    except (OSError, ValueError):  # InputError too; ValueError of an empty map
        return True  # what is wrong is said when it is read
    return False


def by_split(source: Path, paths: list[Path]) -> dict[str, Path]:
    """Returns the file of each split, in the order of `SPLITS`.

    Raises:
        InputError: two files for one split.
    """
    files: dict[str, Path] = {}
    for path in paths:
        split = _split_of(path, source)
        if split in files:
            raise InputError(f"{files[split]} and {path} are both the split {split}. Keep one.")
        files[split] = path
    return {split: files[split] for split in SPLITS if split in files}


def image_folders(source: Path, path: Path) -> list[Path]:
    """Returns the folders that may have the images of a JSON file."""
    stem = re.sub(r"^(instances|panoptic)_", "", path.stem)
    split = _split_of(path, source)
    names = sorted({stem, *(name for name, other in SPLIT_NAMES.items() if split == other)})
    of_split = [source / name for name in names]
    parents = [path.parent, *of_split, source] if _SPLIT.search(stem) else [path.parent, source]
    parents += [*of_split, *(source / "images" / name for name in names)]
    folders = [folder for parent in parents for folder in (parent, parent / "images")]
    if path.parent.name in SPLIT_NAMES and path.parent != source:  # images/ is of all splits
        folders = [folder for folder in folders if folder != source / "images"]
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]


def unlisted_note(source: Path, files: Iterable[Path], listed: Iterable[Path]) -> tuple[str, ...]:
    """Returns a note on the images in the folders of JSON files that are not among those listed."""
    folders = {folder for path in files for folder in image_folders(source, path)}
    files_there = (path for folder in folders for path in entries(folder))
    images = {path for path in files_there if path.suffix.lower() in IMAGE_SUFFIXES}
    if not (unlisted := sorted(images.difference(listed))):
        return ()
    return (
        f"images that no JSON file lists, and left out: {len(unlisted)}, such as "
        f"{unlisted[0].relative_to(source)}",
    )


def _split_of(path: Path, source: Path) -> str:
    """Returns the split in the name of a file, or else of its folder; train if there is none."""
    for name in (path.stem, path.parent.relative_to(source).name):
        if match := _SPLIT.search(name):
            return SPLIT_NAMES[match[1].lower()]
    return "train"


def _json_files(source: Path) -> list[Path]:
    """Returns the JSON files in `source`, its folders of splits, and annotations/."""
    names = {*SPLIT_NAMES, "annotations"}
    folders = [path for path in entries(source) if path.is_dir() and path.name in names]
    return [path for folder in (source, *folders) for path in json_files(folder)]


def _of_image(path: Path) -> bool:
    """Returns whether a JSON file belongs to one image by its name, or is of COCO panoptic."""
    folders = [path.parent]
    if path.parent.name == "annotations":
        folders.append(path.parent.parent / "images")
    images = (folder / f"{path.stem}{suffix}" for folder in folders for suffix in IMAGE_SUFFIXES)
    return path.stem.startswith("panoptic_") or any(image.is_file() for image in images)


def _has_maps(path: Path) -> bool:
    """Returns whether a file lies beside a folder of its name with PNG files, as COCO panoptic."""
    folder = path.with_suffix("")
    return folder.is_dir() and any(file.suffix == ".png" for file in entries(folder))
