"""The progress of a schedule that follows the clock, as lines over the steps of the run."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tfseg.training.history import Row


class Line(NamedTuple):
    """A part of the progress: from a step on, the position rises linearly to 1.

    Attributes:
        step: steps done at the start of the line.
        position: there, in [0, 1].
        end: steps done where the position would be 1.
    """

    step: int
    position: float
    end: int

    def at(self, step: int) -> float:
        """Returns the position after `step` steps, at least those of the start."""
        slope = (1.0 - self.position) / max(1, self.end - self.step)
        return min(1.0, self.position + slope * (step - self.step))


class Progress:
    """The position, in [0, 1], at every step: 0 until the first line, then that of the last line.

    The same lines give the same positions to the bit, in any process.

    Attributes:
        lines: in the order of their steps.
    """

    def __init__(self, lines: Iterable[Sequence[float]] = ()) -> None:
        self.lines = [Line(int(step), position, int(end)) for step, position, end in lines]

    @classmethod
    def from_rows(cls, rows: Iterable[Row], *, warmup: int) -> Progress:
        """Returns the progress that rows of a history have by "step", "position" and "aim".

        Args:
            rows: "aim" is the end of the line, or 0 where there is none yet.
            warmup: number of first steps in which the position is 0.
        """
        progress = cls()
        for row in rows:
            if row["aim"] not in (0, progress.end):
                progress.turn(max(int(row["step"]), warmup), row["position"], int(row["aim"]))
        return progress

    @property
    def end(self) -> int:
        """Steps done where the last line would be at 1; 0 if there is no line."""
        return self.lines[-1].end if self.lines else 0

    def at(self, step: int) -> float:
        """Returns the position after `step` steps."""
        index = bisect.bisect_right(self.lines, step, key=lambda line: line.step)
        return self.lines[index - 1].at(step) if index else 0.0

    def turn(self, step: int, position: float, end: int) -> None:
        """Begins another line; one that begins at the same step is replaced."""
        if self.lines and self.lines[-1].step == step:
            self.lines.pop()
        self.lines.append(Line(step, position, end))
