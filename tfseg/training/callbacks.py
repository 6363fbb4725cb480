"""What may watch a training: pictures of its course, logs, and whatever one writes oneself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tfseg.training.history import Row
from tfseg.training.session import Session


class Callback:
    """Is told how a training goes; a method that is not overridden does nothing.

    A callback only looks: what it changes would be unknown to a run that goes on. An exception in
    one ends the training, which can be resumed.

    Example:
        class Print(Callback):
            def on_validation(self, row):
                print(row["step"], row["val_pq"])

        Trainer(RunConfig(), "run").fit(dataset, callbacks=[Print()])
    """

    def on_begin(self, session: Session) -> None:
        """Is called before the first step, with the network and what belongs to it."""

    def on_step(self, step: int) -> None:
        """Is called after every step."""

    def on_log(self, row: Row) -> None:
        """Is called with every row of the history.

        Beside it are "steps", those of the whole run, "seconds_left" and "data_wait", the share of
        the time so far in which the devices waited for data, in [0, 1].
        """

    def on_validation(self, row: Row) -> None:
        """Is called with the same row where it has a validation; the network is as it is used."""

    def on_checkpoint(self, path: Path, step: int) -> None:
        """Is called when the checkpoint `path` is written, and history.csv up to it."""

    def on_end(self) -> None:
        """Is called last, also after an interrupt or an error."""


class OnLog(Callback):
    """Calls a function with every row."""

    def __init__(self, function: Callable[[Row], None]) -> None:
        self._function = function

    def on_log(self, row: Row) -> None:
        """Hands it on."""
        self._function(row)


class Curves(Callback):
    """Draws the history as a picture, after every validation and at the end."""

    def __init__(self, history: Path, picture: Path) -> None:
        self._history, self._picture = history, picture
        self._is_due = False

    def on_validation(self, row: Row) -> None:
        """Notes that there is something new to draw, which the next checkpoint writes."""
        self._is_due = True

    def on_checkpoint(self, path: Path, step: int) -> None:
        """Draws, if there is something new."""
        if self._is_due:
            self._draw()

    def on_end(self) -> None:
        """Draws."""
        self._draw()

    def _draw(self) -> None:
        # Here, since matplotlib takes a second to import.
        from tfseg.drawing.curves import draw_history

        if self._history.exists():
            draw_history(self._history, self._picture)
        self._is_due = False
