"""Classes of COCO's JSON files from their categories."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tfseg.checks import InputError
from tfseg.data.conversion.formats.coco_values import integer, is_whole
from tfseg.data.conversion.formats.parsing import entry

_BACKGROUND = "_background_"


class Classes(NamedTuple):
    """The classes of several files.

    Attributes:
        names: the first is class 1.
        indices: for each split, the class of each category id.
        notes: what was left out.
    """

    names: tuple[str, ...]
    indices: dict[str, dict[int, int]]
    notes: tuple[str, ...]


def classes_of(files: Mapping[str, Path], contents: Mapping[str, Any]) -> Classes:
    """Returns the classes: the names in the order of the ids, of the first file first.

    A category without annotations that is the supercategory of another one (Roboflow's project), or
    `_background_`, is no class.

    Args:
        files: the file of each split.
        contents: their contents.

    Raises:
        InputError: a malformed category, or none.
    """
    categories = {split: category_names(path, contents[split]) for split, path in files.items()}
    names = dict.fromkeys(name for ids in categories.values() for name in ids.values())
    if not names:
        listed = ", ".join(map(str, files.values()))
        raise InputError(f"{listed} must have at least one category; got none. Export them too.")
    records = (
        (split, record)
        for split, content in contents.items()
        for record in entry(content, "annotations", list, context=files[split])
        if isinstance(record, dict)
    )
    ids = {(split, id) for split, record in records if is_whole(id := record.get("category_id"))}
    used = {categories[split].get(int(id)) for split, id in ids}
    parents = {
        parent
        for content in contents.values()
        for record in content["categories"]
        if isinstance(parent := record.get("supercategory"), str) and parent != record["name"]
    }
    unused = [name for name in names if name not in used]
    omitted = [name for name in unused if name in parents or name == _BACKGROUND]
    if len(omitted) == len(names):
        omitted = []
    kept = [name for name in names if name not in omitted]
    numbers = {name: number for number, name in enumerate(kept, start=1)}
    indices = {
        split: {id: numbers[name] for id, name in ids.items() if name in numbers}
        for split, ids in categories.items()
    }
    notes = (f"the category {name} has no annotations and is left out" for name in omitted)
    return Classes(tuple(kept), indices, tuple(notes))


def category_names(path: Path, content: Any) -> dict[int, str]:
    """Returns the names of the categories, in the order of their ids."""
    names = {}
    for record in entry(content, "categories", list, context=path):
        context = f"A category in {path}"
        id = integer(record, "id", context=context)
        names[id] = entry(record, "name", str, context=context)
    return {id: names[id] for id in sorted(names)}
