"""Reads a source of one image, as many tests of formats do."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from tfseg.data.conversion.formats.base import Reading, Sample, SourceIndex, refuse_faults


def read_one(format: ModuleType, source: Path) -> tuple[SourceIndex, Sample]:
    """Returns what a format finds in a source of one sound image, and the image."""
    index = format.find(source, Reading())
    refuse_faults(index.splits)
    (item,) = index.splits["train"]
    return index, format.read(item, Reading())
