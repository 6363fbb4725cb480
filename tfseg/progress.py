"""Progress of long work: in place on a terminal and in a notebook, else lines on standard error."""

from __future__ import annotations

import contextlib
import html
import sys
import time
from collections.abc import Callable, Iterator

SECONDS_BETWEEN_LINES = 10.0
_SECONDS_BETWEEN_UPDATES = 0.2  # in a notebook, where each is a message

Report = Callable[..., None]
"""`report(done, total, text="")`: shows how much of the work is done, and a text."""
OnProgress = Callable[[int, int], None]
"""`on_progress(done, total)`: receives the number of images."""


@contextlib.contextmanager
def progress(title: str, *, verbose: bool = True) -> Iterator[Report]:
    """Yields the function that shows the progress of the work called `title`.

    Args:
        title: the first words of the line.
        verbose: False shows nothing.
    """
    if not verbose:
        yield lambda done, total, text="": None
    elif _is_notebook():
        yield _throttled(_cell(title), _SECONDS_BETWEEN_UPDATES)
    elif sys.stderr.isatty():
        with _bar(title) as report:
            yield report
    else:
        yield _throttled(_lines(title), SECONDS_BETWEEN_LINES)


@contextlib.contextmanager
def image_progress(
    title: str, on_progress: OnProgress | None = None, *, verbose: bool = True
) -> Iterator[OnProgress]:
    """Yields the function that shows how many images are done, the speed and the time left.

    Args:
        title: the first words of the line.
        on_progress: is called, too.
        verbose: False shows nothing.
    """
    start = time.monotonic()
    with progress(title, verbose=verbose) as report:

        def report_images(done: int, total: int) -> None:
            speed = done / max(time.monotonic() - start, 1e-3)
            left = duration((total - done) / speed)
            report(done, total, f"{speed:.1f} images/s  {left} left")
            if on_progress:
                on_progress(done, total)

        yield report_images


def duration(seconds: float) -> str:
    """Returns a duration as minutes and seconds, such as 3:05."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _is_notebook() -> bool:
    """Returns whether this is the process of a notebook: IPython runs and has a kernel."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def _throttled(show: Report, seconds: float) -> Report:
    """Returns a report that shows at most one in `seconds`, and the last one."""
    shown = time.monotonic()

    def report(done: int, total: int, text: str = "") -> None:
        nonlocal shown
        if done == total or time.monotonic() - shown >= seconds:
            shown = time.monotonic()
            show(done, total, text)

    return report


def _lines(title: str) -> Report:
    def show(done: int, total: int, text: str) -> None:
        print(_line(title, done, total, text), file=sys.stderr, flush=True)

    return show


def _cell(title: str) -> Report:
    """Returns a report into one output of the notebook's cell, which is replaced by the next."""
    from IPython.display import display

    output = display({"text/plain": title}, raw=True, display_id=True)

    def show(done: int, total: int, text: str) -> None:
        line = _line(title, done, total, text)
        bar = f'<progress value="{done}" max="{total}"></progress> {html.escape(line)}'
        output.update({"text/plain": line, "text/html": bar}, raw=True)

    return show


def _line(title: str, done: int, total: int, text: str) -> str:
    return f"{title} {done}/{total}  {text}".rstrip()


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
    )
    with bars.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None, text="")

        def report(done: int, total: int, text: str = "") -> None:
            bar.update(task, completed=done, total=total, text=text)

        yield report
