"""The losses of a training as a matplotlib figure and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, overload

import pandas as pd

from tfseg import atomic, calls
from tfseg.checks import InputError
from tfseg.run_files import HISTORY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE, _DOTS_PER_INCH = (7.0, 4.0), 120  # inches


@overload
def plot_curves(history: str | Path, *, ax: None = None) -> Figure: ...
@overload
def plot_curves(history: str | Path, *, ax: Axes) -> Axes: ...
@calls.check
def plot_curves(history: str | Path, *, ax: Axes | None = None) -> Figure | Axes:
    """Plots the losses of a training over its steps.

    The sum is in black, its parts are thin, the loss on the `val` split, if any, is dotted. The
    loss axis is logarithmic: at the end of a run the changes are small.

    Args:
        history: history.csv of a run, or the folder of the run.
        ax: axes to draw into; None: those of a new figure.

    Returns:
        `ax`, or the new figure, which a notebook shows; `savefig` writes it.

    Raises:
        InputError: the file does not exist, or is no history.

    Examples:
        >>> tfseg.plot_curves("run").savefig("curves.png")
    """
    from tfseg.drawing.figures import NotebookFigure

    if ax is None:
        plot = NotebookFigure(figsize=_SIZE, dpi=_DOTS_PER_INCH, layout="constrained")
        plot_curves(history, ax=plot.add_subplot())
        return plot
    table = read_history(history)
    ax.set(xlabel="step", ylabel="loss", yscale="log")
    for name in table.columns[table.columns.str.startswith("loss/")]:
        ax.plot(table["step"], table[name], label=name.removeprefix("loss/"), linewidth=1)
    ax.plot(table["step"], table["loss"], label="weighted sum", color="black")
    if "val_loss" in table:
        scored = table.dropna(subset="val_loss")
        ax.plot(scored["step"], scored["val_loss"], "k:o", label="val", markersize=3)
    ax.legend()
    return ax


def draw_history(history: str | Path, path: str | Path) -> None:
    """Draws the figure of `plot_curves` into the PNG file `path`, atomically."""
    plot = plot_curves(history)
    with atomic.replacing(Path(path), durable=False) as partial:
        plot.savefig(partial, format="png")


def read_history(path: str | Path) -> pd.DataFrame:
    """Returns the table of a history: step, loss, and further columns of numbers.

    Args:
        path: history.csv of a run, or the folder of the run.

    Raises:
        InputError: the file does not exist, or is no history.
    """
    path = Path(path)
    path = path / HISTORY if path.is_dir() else path
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as a history ({error}). Check the path."
        ) from error
    if not {"step", "loss"} <= set(table):
        raise InputError(f"{path} must have the columns step and loss; got {list(table)}.")
    texts = table.select_dtypes(exclude=["number", "bool"]).dropna(axis=1, how="all")
    if len(texts.columns):
        name = texts.columns[0]
        raise InputError(f"{path} must have numbers alone; got {texts[name].iloc[0]!r} as {name}.")
    return table
