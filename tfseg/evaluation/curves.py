"""The course of a training as a picture."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

_SIZE, _DOTS_PER_INCH = (7.0, 4.0), 120  # inches


def draw_history(history: str | Path, path: str | Path) -> None:
    """Draws the losses of a history.csv over the steps into the PNG file `path`.

    The sum is in black, its parts are thin, the loss on the `val` split is dotted where there is
    one. The loss axis is logarithmic: at the end of a run the changes are small.
    """
    # Not pyplot, which keeps figures and settings for the whole process.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    table = pd.read_csv(history)
    figure = Figure(figsize=_SIZE, dpi=_DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlabel="step", ylabel="loss", yscale="log")
    for name in table.columns[table.columns.str.startswith("loss/")]:
        axes.plot(table["step"], table[name], label=name.removeprefix("loss/"), linewidth=1)
    axes.plot(table["step"], table["loss"], label="weighted sum", color="black")
    if "val_loss" in table:
        scored = table.dropna(subset="val_loss")
        axes.plot(scored["step"], scored["val_loss"], "k:o", label="val", markersize=3)
    axes.legend()
    figure.savefig(path)
