"""The history of a training: a row of losses and metrics every few steps, in a CSV file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tfseg import atomic
from tfseg.checks import InputError

Row = dict[str, float]


class History:
    """Rows of losses and metrics by step, in memory until `write`.

    Attributes:
        rows: in the order of their steps; each has "step".
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[Row] = []

    def restore(self, step: int, *, pending: int = 0) -> None:
        """Reads the file up to `step`; the rows after it belong to steps that will be repeated.

        Args:
            step: optimizer steps done.
            pending: steps up to this one that are in no row yet.

        Raises:
            InputError: the file is missing although there were rows, or is damaged.
        """
        if not self.path.exists() and step == pending:
            return
        try:
            table = pd.read_csv(self.path, dtype=str, keep_default_na=False)
            rows = [
                {name: _number(text) for name, text in row.items()}
                for row in table.to_dict("records")
            ]
            self.rows = [row for row in rows if row["step"] <= step]
            if step > pending:
                self.rows[-1]["loss"]  # of the last row before the checkpoint
        except (OSError, ValueError, LookupError) as error:
            raise InputError(
                f"{self.path} must be the history up to step {step} to resume the run, because it "
                f"decides which checkpoint is the best; it cannot be read ({error}). Restore it, "
                "or start another run."
            ) from error

    def write(self) -> None:
        """Replaces the file atomically; does nothing while there are no rows.

        Raises:
            InputError: the file cannot be written.
        """
        if not self.rows:
            return
        table = pd.DataFrame(self.rows)
        remedy = "The checkpoint before it is kept; free some space, then resume."
        with atomic.writing(self.path, remedy), atomic.replacing(self.path) as partial:
            table.to_csv(partial, index=False)


def _number(text: str) -> float:
    """Returns exactly the written number; pandas 2 does not, which may change the best."""
    return int(text) if text.isdecimal() else float(text or "nan")
