"""Images and their files of ids, named by two patterns such as raw/{name}.tif.

A pattern is a path within the source. {name} stands for what the names of an image and of its file
of ids share, and is the id of the sample; {split} stands for train, val or test, and * for any
text, as short as it can be. None of them has a slash. A file that fits both patterns belongs to the
one with the shorter {name}: img_1_labels.tif to {name}_labels.tif, and not to {name}.tif.
"""

from __future__ import annotations

import dataclasses
import glob
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tfseg.checks import InputError, listed, shown
from tfseg.data.conversion.formats import cellpose, present_files
from tfseg.data.conversion.formats.base import (
    SPLIT_NAMES,
    SPLITS,
    Item,
    Reading,
    Sample,
    SourceIndex,
    in_order,
)
from tfseg.data.files.images import IMAGE_SUFFIXES, LABEL_SUFFIXES, list_images

LAYOUT = "label_maps"  # whose options the patterns have
_NAME, _SPLIT = "{name}", "{split}"
_MARKS = re.compile(r"(\{name\}|\{split\}|\*+)")


class _Key(NamedTuple):
    """What the pattern of a file has at {split} and {name}."""

    split: str
    name: str


@dataclasses.dataclass(frozen=True)
class Patterns:
    """The files of a source.

    Attributes:
        images: pattern of the images.
        labels: pattern of their files of ids.
    """

    images: str
    labels: str

    def __post_init__(self) -> None:
        for option, pattern in dataclasses.asdict(self).items():
            _check(option, pattern)
        if (_SPLIT in self.images) != (_SPLIT in self.labels):
            raise InputError(
                f"images and labels must both have {_SPLIT}, or neither; got {self.images!r} and "
                f"{self.labels!r}. Add it to both."
            )

    @classmethod
    def given(cls, images: str | None, labels: str | None) -> Patterns | None:
        """Returns the patterns, or None if there are none.

        Raises:
            InputError: one of the two is missing, or is no pattern.
        """
        if images is None and labels is None:
            return None
        if images is None or labels is None:
            raise InputError(
                f"images and labels must be given together; got {shown(images or labels)} alone. "
                "Give the pattern of the images and that of their files of ids."
            )
        return cls(images, labels)

    def find(self, source: Path, reading: Reading) -> SourceIndex:
        """Returns the items of each split, by id.

        Raises:
            InputError: a pattern fits no file, or two files of one name, or others than images; or
                a file fits both patterns.
        """
        images, labels = (_files(source, pattern) for pattern in (self.images, self.labels))
        _part(images, labels)
        kinds = (
            ("images", self.images, images, IMAGE_SUFFIXES),
            ("labels", self.labels, labels, LABEL_SUFFIXES),
        )
        by_key = [_by_key(source, *kind) for kind in kinds]
        items = _items(*by_key, patterns=(self.images, self.labels))
        notes = _left_out({*images, *labels})
        return SourceIndex({s: in_order(items[s]) for s in SPLITS if s in items}, notes=notes)

    def read(self, item: Item[Path], reading: Reading) -> Sample:
        """Reads an image and its ids.

        Raises:
            InputError: a file cannot be read, or the sizes differ.
        """
        return cellpose.read(item, reading)


def _check(option: str, pattern: str) -> None:
    """Refuses what is no pattern within the source."""
    if not isinstance(pattern, str) or _NAME not in pattern:
        raise InputError(
            f"{option} must be a pattern with {_NAME}; got {shown(pattern)}. Write it like "
            f"folder/{_NAME}.tif."
        )
    if ".." in pattern.split("/") or pattern.startswith("/"):
        raise InputError(
            f"{option} must be a pattern within the source; got {pattern!r}. Give a source that "
            "has all files, and a path from there."
        )


def _files(source: Path, pattern: str) -> dict[Path, _Key]:
    """Returns the files that fit a pattern, without hidden ones."""
    parts = _MARKS.split(pattern)
    wild = "".join("*" if _MARKS.fullmatch(part) else glob.escape(part) for part in parts)
    groups = {
        _NAME: ["(?P<name>[^/]+)", "(?P=name)"],
        _SPLIT: [f"(?P<split>{'|'.join(SPLIT_NAMES)})", "(?P=split)"],
    }
    expression = ""
    for part in parts:
        if part in groups:
            first, *others = groups[part]
            expression, groups[part] = expression + first, others or [first]
        else:
            expression += "[^/]*?" if _MARKS.fullmatch(part) else re.escape(part)
    files = {}
    for path in sorted(source.glob(wild)):
        relative = path.relative_to(source)
        match = re.fullmatch(expression, relative.as_posix())
        if match and path.is_file() and not any(part.startswith(".") for part in relative.parts):
            split = match.groupdict().get("split", "train")
            files[path] = _Key(SPLIT_NAMES[split], match["name"])
    return files


def _part(images: dict[Path, _Key], labels: dict[Path, _Key]) -> None:
    """Takes every file that fits both patterns out of one of them.

    Raises:
        InputError: it fits both equally well.
    """
    for path in sorted(images.keys() & labels.keys()):
        lengths = len(images[path].name), len(labels[path].name)
        if lengths[0] == lengths[1]:
            raise InputError(
                f"{path} must fit images or labels, not both. Correct one of the patterns."
            )
        del (images if lengths[0] > lengths[1] else labels)[path]


def _by_key(
    source: Path, option: str, pattern: str, files: dict[Path, _Key], suffixes: tuple[str, ...]
) -> dict[_Key, Path]:
    """Returns the files of a pattern by what it has for them.

    Raises:
        InputError: there is none, two have the same, or one is not of the right kind.
    """
    if not files:
        raise InputError(
            f"{option} must fit files of {source}; {pattern!r} fits none.",
            f"There are {present_files.described(source)}.",
            f"Such patterns would be: {present_files.suggested(source)}",
        )
    by_key: dict[_Key, Path] = {}
    for path, key in files.items():
        if path.suffix.lower() not in suffixes:
            raise InputError(
                f"{path} must be a file that ends in {', '.join(suffixes)}. Convert it, or correct "
                f"the pattern {pattern!r}."
            )
        if key in by_key:
            raise InputError(
                f"{by_key[key]} and {path} have one {_NAME}, {key.name}. Make the pattern "
                f"{pattern!r} narrower."
            )
        by_key[key] = path
    return by_key


def _items(
    images: dict[_Key, Path], labels: dict[_Key, Path], *, patterns: tuple[str, str]
) -> dict[str, list[Item[Path]]]:
    """Returns the items of each split; a file without a partner is an item with a fault."""
    items: dict[str, list[Item[Path]]] = {}
    for key in images.keys() | labels.keys():
        present, missing = ("image", 1) if key in images else ("file of ids", 0)
        path = images.get(key) or labels[key]
        partner = patterns[missing].replace(_NAME, key.name).replace(_SPLIT, key.split)
        fault = (
            ""
            if key in images and key in labels
            else f"{path} must have the partner {partner}; there is none. Add it, or take the "
            f"{present} away."
        )
        item = Item(key.name, path, labels.get(key, path), fault=fault)
        items.setdefault(key.split, []).append(item)
    return items


def _left_out(files: Iterable[Path]) -> tuple[str, ...]:
    """Returns a sentence about image files beside those of the patterns, if there are any."""
    folders = sorted({path.parent for path in files})
    others = {path for folder in folders for path in list_images(folder)} - set(files)
    if not others:
        return ()
    names = listed([path.name for path in sorted(others)])
    return (f"image files that fit neither pattern, and are left out: {names}",)
