"""Progress on standard error: a bar on a terminal, else a line every few seconds."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

SECONDS_BETWEEN_LINES = 10.0

Report = Callable[..., None]
"""`report(done, total, text="")`: shows how much of the work is done, and a text."""


@contextlib.contextmanager
def progress(title: str) -> Iterator[Report]:
    """Yields the function that reports the progress of the work called `title`."""
    with _bar(title) if sys.stderr.isatty() else _lines(title) as report:
        yield report


def with_speed(report: Report) -> Report:
    """Returns a report that adds images per second and the remaining time."""
    start = time.monotonic()

    def report_with_speed(done: int, total: int) -> None:
        speed = done / max(time.monotonic() - start, 1e-3)
        minutes, seconds = divmod(round((total - done) / speed), 60)
        report(done, total, f"{speed:.1f} images/s  {minutes}:{seconds:02d} left")

    return report_with_speed


@contextlib.contextmanager
def _bar(title: str) -> Iterator[Report]:
    from rich import progress as bars
    from rich.console import Console

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TextColumn("{task.fields[text]}"),
        bars.TimeElapsedColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None, text="")

        def report(done: int, total: int, text: str = "") -> None:
            bar.update(task, completed=done, total=total, text=text)

        yield report


@contextlib.contextmanager
def _lines(title: str) -> Iterator[Report]:
    printed = time.monotonic()

    def report(done: int, total: int, text: str = "") -> None:
        nonlocal printed
        if done == total or time.monotonic() - printed >= SECONDS_BETWEEN_LINES:
            printed = time.monotonic()
            print(f"{title} {done}/{total}  {text}".rstrip(), file=sys.stderr, flush=True)

    yield report
