"""Class tables of semantic masks, in files with the usual names, and the classes of masks.

- class_dict.csv or classes.csv: columns name and r, g, b, or name and index.
- label_colors.txt: lines "r g b name", as in CamVid.
- codes.txt: one name a line; the first has the index 0.
- _classes.csv: columns Pixel Value and Class, as Roboflow writes them into every folder of a split.
- labelmap.txt: lines "name:r,g,b:parts:actions", as CVAT writes them.

A class named background (or bg, _background_) is background. A class named void, unlabeled,
unlabelled, ignore or __ignore__ is ignored.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfseg.checks import InputError
from tfseg.data.conversion.formats.base import split_folders
from tfseg.data.conversion.formats.painting import renumbered
from tfseg.data.conversion.formats.parsing import shortened
from tfseg.data.files.images import read_image
from tfseg.data.files.tables import read_text
from tfseg.data.files.windows import tally
from tfseg.ids import IGNORE
from tfseg.large_arrays import bands_of

LABELMAP = "labelmap.txt"
BESIDE = "_classes.csv"
FILES = ("class_dict.csv", "classes.csv", "label_colors.txt", "codes.txt", LABELMAP)
MASK_ENDINGS = ("_mask", "_masks", "_label", "_labels", "_seg", "_gt")
_BACKGROUND = ("background", "bg", "_background_")
_UNLISTED = 255
_IGNORED = ("void", "unlabeled", "unlabelled", "ignore", "__ignore__")


class ClassTable(NamedTuple):
    """Classes and the values of their pixels.

    Attributes:
        names: class names; the first is class 1.
        class_of: class of each value: from 1 on, 0 = background, -1 = ignored. A colour has the
            value 65536 red + 256 green + blue.
        colours: whether the values are colours; otherwise they are indices.
        notes: which names are no classes because their pixels are ignored.
    """

    names: tuple[str, ...]
    class_of: dict[int, int]
    colours: bool
    notes: tuple[str, ...] = ()


def table_file(source: Path) -> Path | None:
    """Returns the file of the table in `source`, or in the first of its splits, or None."""
    paths = [source / name for name in FILES]
    paths += [folder / BESIDE for folder in split_folders(source).values()]
    return next((path for path in paths if path.is_file()), None)


def read_table(path: Path) -> ClassTable:
    """Reads a table.

    Raises:
        InputError: a malformed line, a value that occurs twice, or only background and void.
    """
    names: list[str] = []
    class_of: dict[int, int] = {}
    lengths, notes = set(), []
    for number, (name, values) in enumerate(_rows(path), start=1):
        value = _value(values)
        if value is None or value in class_of or not name.strip():
            raise InputError(
                f"{path} must give each class a name, and a unique colour or index from 0 to 255; "
                f"class {number} has {shortened(name)} and {shortened(values)}. Correct it."
            )
        class_of[value] = role(name, names)
        if class_of[value] == IGNORE:
            notes.append(f"{path.name}: pixels of {name.strip()} are ignored")
        lengths.add(len(values))
    if not names or len(lengths) > 1:
        raise InputError(
            f"{path} must have at least one class that is not background or void, and for all of "
            "them a colour, or an index. Correct it."
        )
    return ClassTable(tuple(names), class_of, lengths == {3}, tuple(notes))


def read_colours(path: Path, *, orientation: str = "apply") -> np.ndarray:
    """Returns the colours `[H, W]` int32 of a mask, as in `ClassTable`.

    Args:
        path: a picture in colour.
        orientation: as for `open_picture`.

    Raises:
        InputError: the file cannot be read, or is not in colour.
    """
    mask = read_image(path, orientation=orientation)
    if mask.dtype != np.uint8 or mask.shape[-1] < 3:
        raise InputError(
            f"{path} must be an RGB picture of 8 bits, since the table of classes has colours; got "
            f"{mask.shape[-1]} channels of {mask.dtype}. Save it so, or give indices in the table."
        )
    return mask.astype(np.int32) @ np.array([65536, 256, 1], np.int32)


def classes_of(path: Path, values: np.ndarray, table: ClassTable) -> np.ndarray:
    """Returns the classes `[H, W]` int32 of the values of a mask, 0 = background, -1 = ignored.

    Args:
        path: the mask, for errors.
        values: `[H, W]` indices or colours.
        table: the classes of the values. The index 255 is ignored if it is not in the table.

    Raises:
        InputError: a value is not in the table.
    """
    known = table.class_of if table.colours else {_UNLISTED: IGNORE} | table.class_of
    present, counts = tally(
        *(np.unique(values[rows], return_counts=True) for rows in bands_of(values.shape))
    )
    for value, count in zip(present.tolist(), counts.tolist(), strict=True):
        if value not in known:
            shown = f"colour {tuple(value.to_bytes(3, 'big'))}" if table.colours else f"{value}"
            raise InputError(
                f"{path} must have the values of the table of classes; {count} pixels have "
                f"{shown}. Add it to the table, as void if it is not a class."
            )
    ids = np.array([known[value] for value in present.tolist()], np.int32)
    return renumbered(values, present, ids)


def role(name: str, names: list[str]) -> int:
    """Returns the class of a name; adds the name to `names` if it is a class of objects."""
    plain = name.strip().lower()
    if plain in _BACKGROUND:
        return 0
    if plain in _IGNORED:
        return IGNORE
    names.append(name.strip())
    return len(names)


def _value(texts: list[str]) -> int | None:
    """Returns the value of a pixel from an index or from red, green and blue."""
    numbers = [int(text) for text in texts if text.isdecimal() and len(text) < 4]
    if len(numbers) != len(texts) or len(texts) not in (1, 3) or max(numbers) > 255:
        return None
    return int.from_bytes(bytes(numbers), "big")


def _rows(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yields the name of each class with its colour or index, as texts."""
    text = read_text(path)
    if path.suffix == ".csv":
        try:
            rows = list(csv.DictReader(io.StringIO(text)))
        except csv.Error as error:
            raise InputError(f"{path} must be CSV ({error}). Save it again.") from error
        for row in rows:
            plain = {(key or "").strip().lower(): (value or "") for key, value in _cells(row)}
            keys = ("r", "g", "b", "index", "pixel value")
            values = [plain[key] for key in keys if key in plain]
            yield plain.get("name", plain.get("class", "")), [value.strip() for value in values]
        return
    for index, line in enumerate(line for line in text.splitlines() if line.strip()):
        if path.name == "codes.txt":
            yield line, [str(index)]
        elif path.name == LABELMAP:
            name, colour, *_ = [*line.split(":"), ""]
            if not name.startswith("#"):
                yield name, colour.split(",")
        else:
            *values, name = line.split(maxsplit=3)
            yield name, values


def _cells(row: dict) -> Iterator[tuple[str | None, str | None]]:
    """Yields the cells of a line that have a header."""
    return ((key, value) for key, value in row.items() if not isinstance(value, list))
