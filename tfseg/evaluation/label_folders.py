"""Id maps in two folders, predictions and labels of the same names, made by any tool.

PNG and TIFF with one whole number a pixel, and .npy with an array `[H, W]` of integers; only .npy
can hold -1, ignored. NAME_cp_masks and NAME_masks, as Cellpose writes them beside its images, are
the map of NAME; where a folder has such files, its others are left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from tfseg.checks import InputError, listed
from tfseg.data.files.images import LABEL_SUFFIXES, entries, list_images, read_label
from tfseg.ids import BACKGROUND, IGNORE, check_ids
from tfseg.metrics import Pair

_ENDINGS = ("_cp_masks", "_masks")


def folder_pairs(
    predictions: str | Path, labels: str | Path, *, groups: str | Path | None = None
) -> Iterator[Pair]:
    """Returns the pairs of id maps of two folders, by name; reads one at a time.

    Args:
        predictions: folder of predicted id maps.
        labels: folder of true ones, one for each prediction and no other.
        groups: CSV file with the columns `id` and `group`, a row for every image.

    Raises:
        InputError: a folder is missing or has no id map, a name is in one of the two only, or an
            image has no group. While reading: a file is no id map.
    """
    found, true = find_maps(predictions), find_maps(labels)
    _refuse_alone("prediction", found, Path(labels), true)
    _refuse_alone("label", true, Path(predictions), found)
    group_of = read_groups(groups, true) if groups else {}
    return (
        Pair(
            name,
            read_ids(true[name], low=IGNORE),
            read_ids(found[name], low=BACKGROUND),
            group=group_of.get(name, ""),
        )
        for name in sorted(true)
    )


def find_maps(folder: str | Path) -> dict[str, Path]:
    """Returns the files of id maps right in `folder`, by the names of their images.

    Raises:
        InputError: no such folder, no id map in it, or two for one image.
    """
    folder = Path(folder)
    files = [path for path in entries(folder) if path.suffix.lower() in LABEL_SUFFIXES]
    named = [path for path in files if path.stem.endswith(_ENDINGS)]
    maps: dict[str, Path] = {}
    for path in named or files:
        name = path.stem
        for ending in _ENDINGS:
            name = name.removesuffix(ending)
        if name in maps:
            raise InputError(
                f"{path} and {maps[name].name} are both for the image {name!r}. Keep one."
            )
        maps[name] = path
    if not maps:
        inner = folder / "labels"
        hint = f"Name {inner}." if inner.is_dir() else "Check the path."
        raise InputError(f"{folder} has no id maps ({', '.join(LABEL_SUFFIXES)}). {hint}")
    return maps


def find_images(folder: str | Path, names: Iterable[str]) -> dict[str, Path]:
    """Returns the image files right in `folder` of the id maps of these names.

    Raises:
        InputError: no such folder, no image of a name, or two.
    """
    images: dict[str, Path] = {}
    for path in list_images(folder):
        if path.stem in images:
            raise InputError(
                f"{path} and {images[path.stem].name} are both {path.stem!r}. Keep one."
            )
        images[path.stem] = path
    alone = sorted(name for name in names if name not in images)
    if alone:
        raise InputError(
            f"Every label must have an image of the same name in {folder}; there is none for "
            f"{listed(alone)}. Add it, or leave the images out."
        )
    return images


def read_ids(path: Path, *, low: int) -> np.ndarray:
    """Reads an id map `[H, W]` of integers from `low` to 2^31 - 1.

    Raises:
        InputError: it cannot be read, or is no such id map; names the file.
    """
    if path.suffix.lower() != ".npy":
        return read_label(path)
    try:
        ids = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(
            f"{path} must be a NumPy array of integers; it cannot be read ({reason}). "
            "Save the id map alone with numpy.save."
        ) from error
    check_ids(str(path), ids, low=low)
    return ids


def read_groups(path: str | Path, names: Mapping[str, object]) -> dict[str, str]:
    """Returns the group of each image from a CSV file with the columns `id` and `group`.

    Raises:
        InputError: it cannot be read, lacks a column, or an image has no group.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        groups = dict(zip(table["id"], table["group"], strict=True))
    except (OSError, ValueError, KeyError) as error:
        reason = f"no column {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(
            f"{path} must be a CSV file with the columns id and group; {reason}."
        ) from error
    alone = [name for name in names if not groups.get(name)]
    if alone:
        raise InputError(
            f"{path} must have a group for every image; there is none for {listed(alone)}."
        )
    return groups


def _refuse_alone(
    kind: str, own: Mapping[str, Path], other_folder: Path, others: Mapping[str, Path]
) -> None:
    alone = sorted(name for name in own if name not in others)
    if alone:
        other = "label" if kind == "prediction" else "prediction"
        raise InputError(
            f"Every {kind} must have a {other} of the same name in {other_folder}; there is none "
            f"for {listed(alone)}. Add it (an id map of zeros where nothing was found), or take "
            f"the {kind} away."
        )
