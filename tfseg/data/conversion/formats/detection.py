"""The modules of the formats, and which format a folder has."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import cast

from tfseg.checks import InputError
from tfseg.data.conversion.formats import NAMES, other_tools
from tfseg.data.conversion.formats.base import Format
from tfseg.data.files.images import entries

FORMATS = {
    name: cast(Format, importlib.import_module(f"tfseg.data.conversion.formats.{name}"))
    for name in NAMES
}
_JSON = {"coco", "labelme"}  # whose files those of other tools may be taken for


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
            f"{source} has none of the layouts that tfseg reads: {other_tools.missing(source)} "
            f"Or say with --format which of {', '.join(FORMATS)} it is (docs/formats.md)."
        )
    if len(names) > 1:
        raise InputError(f"{source} could be {' or '.join(names)}. Say which with --format.")
    return names[0]


def _is_source(folder: Path) -> bool:
    return any(module.matches(folder) for module in FORMATS.values())
