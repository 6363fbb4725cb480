"""Cell Tracking Challenge: 01/t000.tif and 01_GT/SEG/man_seg000.tif, or 01_ST for silver truth.

Every frame with a file of ids is an image, called 01/t000; frames without one are left out, and so
are the markers of tracking in TRA. Gold truth goes before silver. There are no splits: with
`--groups '^[0-9]+'`, each sequence stays in one.

Source: https://celltrackingchallenge.net/datasets, "Naming and file content conventions".
"""

from __future__ import annotations

import re
from pathlib import Path

from tfseg.checks import InputError, listed
from tfseg.data.conversion.formats.base import Item, Reading, Sample, SourceIndex, in_order
from tfseg.data.conversion.formats.id_maps import read_pair
from tfseg.data.files.images import entries, list_images

LAYOUT = "01/t000.tif and 01_GT/SEG/man_seg000.tif (or 01_ST), and the same for other sequences"
_TRUTHS = ("GT", "ST")
_FRAME = re.compile(r"man_seg_?(\d+)\Z")


def matches(source: Path) -> bool:
    """Returns whether there is a sequence with files of ids."""
    return bool(_truths(source))


def find(source: Path, reading: Reading) -> SourceIndex:
    """Returns the items, by id.

    Raises:
        InputError: no sequence with ids, or the slices of a volume.
    """
    truths = _truths(source)
    if not truths:
        raise InputError(f"{source} has no sequence with ids. Expected: {LAYOUT}.")
    items: list[Item[Path]] = []
    num_without = 0
    for name, folder in truths.items():
        images = {path.stem: path for path in list_images(source / name)}
        of_sequence = [_item(name, path, images, source) for path in _maps(folder)]
        items += of_sequence
        num_without += len(images) - sum(not item.fault for item in of_sequence)
    others = [
        path.name for path in entries(source) if _is_sequence(path) and path.name not in truths
    ]
    notes = []
    if num_without:
        notes.append(f"frames without a file of ids, left out: {num_without}")
    if others:
        notes.append(f"sequences without files of ids, left out: {listed(others)}")
    return SourceIndex({"train": in_order(items)}, notes=tuple(notes))


def read(item: Item[Path], reading: Reading) -> Sample:
    """Reads a frame and its ids.

    Raises:
        InputError: a file cannot be read, or the sizes differ.
    """
    return read_pair(item, reading)


def _is_sequence(path: Path) -> bool:
    return path.name.isdecimal() and path.is_dir()


def _truths(source: Path) -> dict[str, Path]:
    """Returns the folder of ids of each sequence that has one."""
    folders: dict[str, Path] = {}
    for sequence in filter(_is_sequence, entries(source)):
        for truth in _TRUTHS:
            folder = source / f"{sequence.name}_{truth}" / "SEG"
            if folder.is_dir() and _maps(folder):
                folders.setdefault(sequence.name, folder)
    return folders


def _maps(folder: Path) -> list[Path]:
    return [path for path in list_images(folder) if path.stem.startswith("man_seg")]


def _item(sequence: str, path: Path, images: dict[str, Path], source: Path) -> Item[Path]:
    """Returns the item of a file of ids, which has a fault without its frame."""
    frame = _FRAME.match(path.stem)
    if not frame:
        fault = f"{path} must have the ids of one frame; it is a slice of a volume. Take it away."
        return Item(f"{sequence}/{path.stem}", path, path, fault=fault)
    name = f"t{frame[1]}"
    if name not in images:
        fault = (
            f"{path} must have the image {name}.tif in {source / sequence}; there is none. Add it."
        )
        return Item(f"{sequence}/{name}", path, path, fault=fault)
    return Item(f"{sequence}/{name}", images[name], path)
