"""What every source format has, `matches`, `find` and `read`, and all formats by name."""

from __future__ import annotations

import abc
from pathlib import Path
from typing import Any, Protocol

from tfseg.checks import InputError
from tfseg.config import registry
from tfseg.data.conversion.formats import NAMES
from tfseg.data.conversion.formats.base import Item, Reading, Sample, SourceIndex


class Format(Protocol):
    """A layout of folders and files with images and instances: a module, or a registered class."""

    LAYOUT: str

    @abc.abstractmethod
    def matches(self, source: Path) -> bool:
        """Returns whether `source` looks like this layout, even if files are missing."""

    @abc.abstractmethod
    def find(self, source: Path, reading: Reading) -> SourceIndex:
        """Returns the images of each split; decodes no image."""

    @abc.abstractmethod
    def read(self, item: Item[Any], reading: Reading) -> Sample:
        """Reads one item."""


FORMATS: dict[str, Format] = {}  # all by name; `detection` adds those of tfseg


def _check(kind: type[Format]) -> None:
    """Checks what a registered format must have beside its methods.

    Raises:
        InputError: something is missing.
    """
    if not isinstance(getattr(kind, "LAYOUT", None), str):
        raise InputError(
            f"The format {kind.__name__} must define LAYOUT, a text with its files and folders. "
            "Add it."
        )
    registry.check_call("format", kind)


registry.declare(
    registry.Kind(
        name="format",
        base=Format,
        tables=(FORMATS,),
        reserved=NAMES,
        check=_check,
        made=lambda kind: kind(),
    )
)
