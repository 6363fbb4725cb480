"""The modules of the formats, and which format a folder has."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import cast

from tfseg.checks import InputError
from tfseg.data.conversion.formats import NAMES
from tfseg.data.conversion.formats.base import Format
from tfseg.data.files.images import entries

FORMATS = {
    name: cast(Format, importlib.import_module(f"tfseg.data.conversion.formats.{name}"))
    for name in NAMES
}


def detect(source: Path) -> str:
    """Returns the name of the format of the files in the folder `source`.

    Raises:
        InputError: no such folder, an empty one, or none or several of the formats.
    """
    expected = "; ".join(f"{name} ({module.LAYOUT})" for name, module in FORMATS.items())
    if not entries(source):
        raise InputError(f"{source} is empty. Expected one of these: {expected}.")
    names = [name for name, module in FORMATS.items() if module.matches(source)]
    if not names:
        raise InputError(f"{source} has none of the layouts that tfseg reads: {expected}.")
    if len(names) > 1:
        raise InputError(f"{source} could be {' or '.join(names)}. Say which with --format.")
    return names[0]
