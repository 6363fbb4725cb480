"""Progress on standard error: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

SECONDS_BETWEEN_LINES = 10.0

Report = Callable[..., None]
"""`report(done, total, text="")`: how far the work is, and what to say about it."""


@contextlib.contextmanager
def progress(title: str) -> Iterator[Report]:
    """Yields the function to call with the progress of the work called `title`."""
    with _bar(title) if sys.stderr.isatty() else _lines(title) as report:
        yield report


def with_speed(report: Report) -> Report:
    """Returns a report that says how many images a second were done, and the time left."""
    start = time.monotonic()

    def told(done: int, total: int) -> None:
        speed = done / max(time.monotonic() - start, 1e-3)
        minutes, seconds = divmod(round((total - done) / speed), 60)
        report(done, total, f"{speed:.1f} images/s  {minutes}:{seconds:02d} left")

    return told


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
    said = time.monotonic()

    def report(done: int, total: int, text: str = "") -> None:
        nonlocal said
        if done == total or time.monotonic() - said >= SECONDS_BETWEEN_LINES:
            said = time.monotonic()
            print(f"{title} {done}/{total}  {text}".rstrip(), file=sys.stderr, flush=True)

    yield report
