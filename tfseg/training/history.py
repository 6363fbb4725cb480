"""The course of a training: a row of figures every few steps, kept as a CSV file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tfseg import atomic

Row = dict[str, float]


class History:
    """Rows of figures by step, in memory until `write`.

    Attributes:
        rows: in the order of their steps; each has "step".
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[Row] = []

    def restore(self, step: int) -> None:
        """Reads the file again, up to `step`: what came after belongs to steps done anew."""
        if self.path.exists():
            table = pd.read_csv(self.path, dtype=str, keep_default_na=False)
            rows = [
                {name: _number(text) for name, text in row.items()}
                for row in table.to_dict("records")
            ]
            self.rows = [row for row in rows if row["step"] <= step]

    def write(self) -> None:
        """Replaces the file in one step; leaves it alone while there are no rows."""
        if not self.rows:
            return
        table = pd.DataFrame(self.rows)
        with atomic.replacing(self.path) as partial:
            table.to_csv(partial, index=False)


def _number(text: str) -> float:
    """Returns exactly what was written, which pandas 2 does not: what is best depends on it."""
    return int(text) if text.isdecimal() else float(text or "nan")
