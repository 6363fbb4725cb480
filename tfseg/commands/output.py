"""Prints results on standard output, as a table or one JSON object; notes on standard error."""

from __future__ import annotations

import json
import math
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfseg import atomic, lengths

_MOST_SIZES = 5  # of pixels, in one line

if TYPE_CHECKING:
    from tfseg.data.files.paths import DataPath


def note(message: str) -> None:
    """Prints a message on standard error."""
    print(f"tfseg: {message}", file=sys.stderr)


def note_next(*words: object) -> None:
    """Says which command, without its first word `tfseg`, usually follows."""
    note(f"next: {shlex.join(['tfseg', *map(str, words)])}")


def note_training(dataset: object) -> None:
    """Says how a network is trained on a data set."""
    note_next("train", dataset, "runs/first", "--train.minutes", 20)


def note_approximate_tiles(count: int) -> None:
    """Says how many images were predicted in tiles by a network that sees whole images."""
    if count:
        note(
            f"images predicted in tiles, though the network sees the whole image: {count}. Their "
            "results differ from those of --tile 0"
        )


def pixel_sizes(sizes: Mapping[str, int], *, unknown: int) -> str:
    """Returns the pixel sizes in dataset.json, and the number of images without one, in words."""
    parts = [f"{lengths.text(float(size))} ({number} images)" for size, number in sizes.items()]
    if len(sizes) > _MOST_SIZES:
        low, high = (lengths.text(pick(map(float, sizes))) for pick in (min, max))
        parts = [f"{low} to {high} ({sum(sizes.values())} images)"]
    return ", ".join([*parts, *([f"not known ({unknown} images)"] if unknown else [])])


def print_json(values: Mapping[str, Any]) -> None:
    """Prints one JSON object; non-finite numbers become null."""
    print(json.dumps(plain(values), allow_nan=False))


def write_json(path: DataPath, values: Mapping[str, Any]) -> None:
    """Writes `values` as indented JSON."""
    text = json.dumps(plain(values), allow_nan=False, indent=2)
    atomic.write_text(path, text + "\n")


def read_json(path: DataPath) -> dict[str, Any]:
    """Returns the object in a file that `write_json` wrote; empty if there is no such file."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def plain(value: Any) -> Any:
    """Returns dicts, lists, strings and numbers for JSON; non-finite numbers become None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):  # a NumPy scalar
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_table(rows: Iterable[Sequence[Any]]) -> None:
    """Prints rows of cells in columns: numbers aligned to the right, texts to the left."""
    rows = [list(row) for row in rows]
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for row, cells in zip(rows, texts, strict=True):
        aligned = (
            text.rjust(width) if isinstance(cell, int | float) else text.ljust(width)
            for cell, text, width in zip(row, cells, widths, strict=True)
        )
        print("  ".join(aligned).rstrip())


def _text(cell: Any) -> str:
    if isinstance(cell, float):
        return f"{cell:.4g}" if abs(cell) >= 1 else f"{cell:.4f}"
    return str(cell)
