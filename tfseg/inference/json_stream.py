"""Writes JSON whose lists need not be in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfseg import atomic


def write(path: Path, value: Any) -> None:
    """Writes a value atomically, without spaces; an iterator, or one in it, becomes a list."""
    with atomic.replacing(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.writelines(_texts(value))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield "{"
        for number, (name, part) in enumerate(value.items()):
            yield f"{',' if number else ''}{_text(name)}:"
            yield from _texts(part)
        yield "}"
    elif isinstance(value, Iterator):
        yield "["
        for number, item in enumerate(value):
            yield f"{',' if number else ''}{_text(item)}"
        yield "]"
    else:
        yield _text(value)


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
