"""The modules of the formats, and which format a folder has."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import cast

from tfseg.checks import InputError
from tfseg.data.conversion.formats import NAMES, other_tools, present_files
from tfseg.data.conversion.formats.base import Reading, without_source
from tfseg.data.conversion.formats.format import FORMATS, Format
from tfseg.data.conversion.formats.patterns import LAYOUT, Patterns
from tfseg.data.files.images import entries

FORMATS.update(
    (name, cast(Format, importlib.import_module(f"tfseg.data.conversion.formats.{name}")))
    for name in NAMES
)
_JSON = {"coco", "labelme"}  # whose files those of other tools may be taken for
_WITH_OTHERS = "predictions"  # whose folder has the same instances in further formats


def detect(source: Path) -> str:
    """Returns the name of the format of the files in the folder `source`.

    Raises:
        InputError: no such folder, an empty one, or none or several of the formats.
    """
    if not entries(source):
        raise InputError(f"{source} is empty. Give a folder with images and annotations.")
    names = [name for name, module in FORMATS.items() if module.matches(source)]
    if set(names) <= _JSON and (reason := other_tools.other_tool(source)):
        raise InputError(reason)
    if not names:
        inner = [path for path in entries(source) if path.is_dir() and _is_source(path)]
        if inner:
            raise InputError(
                f"{source} must have the files right in it; the folder {inner[0].name} in it has "
                f"them. Give {inner[0]}."
            )
        raise InputError(
            f"{source} has none of the layouts that tfseg reads: {other_tools.missing(source)}",
            f"There are {present_files.described(source)}.",
            f"Say which files belong together: {present_files.suggested(source)}",
            "--explain says what every layout lacks; --format chooses one.",
        )
    if _WITH_OTHERS in names:
        return _WITH_OTHERS
    if len(names) > 1:
        raise InputError(f"{source} could be {' or '.join(names)}. Say which with --format.")
    return names[0]


def explain(
    source: Path, reading: Reading, patterns: Patterns | None = None
) -> list[tuple[str, str]]:
    """Returns what a folder has of every format: its images, or what is missing.

    The formats that are recognised come first. With patterns, they alone are looked at.

    Raises:
        InputError: no such folder.
    """
    entries(source)
    if patterns is not None:
        text = _explained(patterns, source, reading, is_recognised=True)
        return [(LAYOUT, without_source(text, source))]
    recognised = {name: module.matches(source) for name, module in FORMATS.items()}
    order = sorted(FORMATS, key=lambda name: not recognised[name])
    texts = ((name, _explained(FORMATS[name], source, reading, recognised[name])) for name in order)
    return [(name, without_source(text, source)) for name, text in texts]


def _explained(
    layout: Format | Patterns, source: Path, reading: Reading, is_recognised: bool
) -> str:
    try:
        splits = layout.find(source, reading).splits
    except InputError as error:
        reason = str(error).replace("\n", " ")
        return f"{'recognised, but ' if is_recognised else ''}{reason}"
    items = [item for of_split in splits.values() for item in of_split]
    counts = ", ".join(f"{split} {len(of_split)}" for split, of_split in splits.items())
    faults = [item.fault for item in items if item.fault]
    wrong = f"; {len(faults)} cannot be used, the first: {faults[0]}" if faults else ""
    return f"{'recognised' if is_recognised else 'not recognised'}; images: {counts}{wrong}"


def _is_source(folder: Path) -> bool:
    return any(module.matches(folder) for module in FORMATS.values())
