"""Callbacks: code that watches a training, such as logs and curves."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from tfseg import calls
from tfseg.progress import duration, progress
from tfseg.training.history import Row
from tfseg.training.session import Session


class Callback(metaclass=calls.Public):
    """Watches a training; a method that is not overridden does nothing.

    A callback must not change the training, because a resumed run would not know of the change. An
    exception in a callback ends the training, which can be resumed.

    Example:
        class Print(Callback):
            def on_validation(self, row):
                print(row["step"], row["val_pq"])

        Trainer(RunConfig(), "run").fit(dataset, callbacks=[Print()])
    """

    def on_begin(self, session: Session) -> None:
        """Runs before the first step, with the network and its devices."""

    def on_step(self, step: int) -> None:
        """Runs after every step."""

    def on_log(self, row: Row) -> None:
        """Runs with every row of the history.

        The row also has "steps", the number of steps of the run, "seconds_left", and "data_wait",
        the share of the time so far that was spent waiting for data, in [0, 1].
        """

    def on_validation(self, row: Row) -> None:
        """Runs with a row that has a validation; the network has its averaged weights."""

    def on_checkpoint(self, path: Path, step: int) -> None:
        """Runs after the checkpoint `path`, and history.csv up to its step, are written."""

    def on_end(self) -> None:
        """Runs at the end, also after an interrupt or an error."""


class OnLog(Callback):
    """Calls a function with every row."""

    def __init__(self, function: Callable[[Row], None]) -> None:
        self._function = function

    def on_log(self, row: Row) -> None:
        """Calls the function."""
        self._function(row)


class ProgressBar(Callback):
    """Shows the step, the losses, the speed and the time left."""

    def __init__(self) -> None:
        self._shown = contextlib.ExitStack()

    def on_begin(self, session: Session) -> None:
        """Shows the bar."""
        self._report = self._shown.enter_context(progress("train"))

    def on_log(self, row: Row) -> None:
        """Shows a row."""
        losses = [
            f"{name.removeprefix('loss/')} {value:.3f}"
            for name, value in row.items()
            if name.startswith(("loss/", "val_loss", "val_pq"))
        ]
        self._report(
            row["step"],
            row["steps"],
            f"loss {row['loss']:.4f}  {'  '.join(losses)}  {row['images_per_second']:.1f} images/s"
            f"  data {row['data_wait']:.0%}  {duration(row['seconds_left'])} left",
        )

    def on_end(self) -> None:
        """Leaves the bar as it is."""
        self._shown.close()


class Curves(Callback):
    """Draws the history as an image file, after every validation and at the end."""

    def __init__(self, history: Path, picture: Path) -> None:
        self._history, self._picture = history, picture
        self._is_due = False

    def on_validation(self, row: Row) -> None:
        """Notes that the curves are drawn at the next checkpoint, which writes the row."""
        self._is_due = True

    def on_checkpoint(self, path: Path, step: int) -> None:
        """Draws, if there is a new validation."""
        if self._is_due:
            self._draw()

    def on_end(self) -> None:
        """Draws."""
        self._draw()

    def _draw(self) -> None:
        # Not at the top: matplotlib takes a second to import.
        from tfseg.drawing.curves import draw_history

        if self._history.exists():
            draw_history(self._history, self._picture)
        self._is_due = False
