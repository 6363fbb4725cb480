"""Id maps in two folders, predictions and labels of the same names, made by any tool.

PNG and TIFF with one whole number per pixel, and .npy with an array `[H, W]` of them; only .npy
can hold -1, ignored. NAME_cp_masks and NAME_masks, which Cellpose writes beside its images, are the
maps of NAME; the image NAME and Cellpose's other results for it are then no maps.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from tfseg import checks
from tfseg.checks import InputError, listed
from tfseg.data.files.images import LABEL_SUFFIXES, entries, list_images, read_label
from tfseg.data.files.tables import read_groups
from tfseg.ids import BACKGROUND, IGNORE, check_ids, whole_numbers
from tfseg.large_arrays import IN_MEMORY
from tfseg.metrics import Pair

_ENDINGS = ("_cp_masks", "_masks")
_OTHERS = ("_img", "_seg", "_outlines", "_cp_outlines", "_flows", "_cp_flows", "_cp_output")


def folder_pairs(
    predictions: str | Path, labels: str | Path, *, groups: str | Path | None = None
) -> Iterator[Pair]:
    """Returns pairs of the id maps of equal names in two folders; reads one pair at a time.

    Args:
        predictions: folder of predicted id maps.
        labels: folder of true id maps, exactly one for each prediction.
        groups: CSV file with the columns `id` and `group`, a row for every image.

    Raises:
        InputError: a folder is missing or has no id map, a name is only in one of the two, or an
            image has no group. While reading: a file is no id map.
    """
    predicted, true = find_maps(predictions), find_maps(labels)
    _refuse_unpaired("prediction", predicted, Path(labels), true)
    _refuse_unpaired("label", true, Path(predictions), predicted)
    group_of = read_groups(groups, true) if groups else {}
    return (
        Pair(
            name,
            read_ids(true[name], low=IGNORE),
            read_ids(predicted[name], low=BACKGROUND),
            group=group_of.get(name, ""),
        )
        for name in sorted(true)
    )


def find_maps(folder: str | Path) -> dict[str, Path]:
    """Returns the id map files directly in `folder`, by the names of their images.

    Raises:
        InputError: the folder does not exist, has no id map, or two for one image.
    """
    folder = Path(folder)
    files = [path for path in entries(folder) if path.suffix.lower() in LABEL_SUFFIXES]
    named = {_image_name(path) for path in files if path.stem.endswith(_ENDINGS)}
    beside = named | {name + ending for name in named for ending in _OTHERS}
    maps: dict[str, Path] = {}
    for path in files:
        name = _image_name(path)
        if path.stem in beside:
            continue
        checks.file_name(path, name)
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


def unused_files(folder: str | Path) -> list[Path]:
    """Returns the files directly in `folder` that are not the id map of an image.

    Raises:
        InputError: as `find_maps`.
    """
    maps = set(find_maps(folder).values())
    return [path for path in entries(folder) if path.is_file() and path not in maps]


def find_images(folder: str | Path, names: Collection[str]) -> dict[str, Path]:
    """Returns the image files directly in `folder` that have these names, by name.

    Raises:
        InputError: the folder does not exist, or a name has no image, or two.
    """
    images: dict[str, Path] = {}
    for path in list_images(folder):
        if path.stem in images:
            raise InputError(
                f"{path} and {images[path.stem].name} are both {path.stem!r}. Keep one."
            )
        images[path.stem] = path
    missing = sorted(name for name in names if name not in images)
    if missing:
        raise InputError(
            f"Every label must have an image of the same name in {folder}; there is none for "
            f"{listed(missing)}{_left_over(images, names)}. Add it, or evaluate without images."
        )
    return images


def read_ids(path: Path, *, low: int) -> np.ndarray:
    """Reads an id map `[H, W]` of whole numbers from `low` to 2^31 - 1; a large npy stays a file.

    Raises:
        InputError: it cannot be read, or is no such id map; names the file.
    """
    if path.suffix.lower() != ".npy":
        return read_label(path)
    try:
        # Mapped, so that a header that states more than the file has allocates nothing.
        ids = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(
            f"{path} must be a NumPy array of integers; it cannot be read ({reason}). "
            "Save the id map again with numpy.save."
        ) from error
    ids = whole_numbers(path, ids)
    check_ids(str(path), ids, low=low)
    return np.array(ids) if ids.nbytes <= IN_MEMORY else ids


def _image_name(path: Path) -> str:
    """Returns the name of the image that an id map belongs to."""
    name = path.stem
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return name


def _refuse_unpaired(
    kind: str, maps: Mapping[str, Path], other_folder: Path, others: Mapping[str, Path]
) -> None:
    unpaired = sorted(name for name in maps if name not in others)
    if unpaired:
        other = "label" if kind == "prediction" else "prediction"
        raise InputError(
            f"Every {kind} must have a {other} of the same name in {other_folder}; there is none "
            f"for {listed(unpaired)}{_left_over(others, maps)}. Add it (zeros for no instances), "
            f"remove the {kind}, or give both the same names."
        )


def _left_over(others: Iterable[str], names: Collection[str]) -> str:
    """Returns examples of the names on the other side that have no partner either."""
    left = sorted(name for name in others if name not in names)
    return f", but one called {listed(left)}" if left else ""
