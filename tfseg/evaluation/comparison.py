"""The differences between two evaluations, as a CSV file and as a picture."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tfseg import atomic
from tfseg.metrics.evaluation import DECIMALS
from tfseg.metrics.registered import METRICS

FILES = TABLE, PICTURE = "comparison.csv", "comparison.png"
# The metrics of tfseg in the picture and in the output; the CSV file has all metrics.
SHOWN = (
    *("dice", "iou", "ap50", "ap_mean", "pq", "sq", "rq"),
    *("precision_0.50", "recall_0.50", "f1_0.50", "aji", "aji_plus", "seg", "boundary_f"),
)
_WIDTH, _ROW_HEIGHT, _DOTS_PER_INCH = 7.0, 0.3, 120  # inches
# Blue and orange of Okabe and Ito, distinct for all kinds of colour vision.
_COLORS = {1: "#0072B2", -1: "#D55E00", 0: "#777777"}


def headline_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of SHOWN and of registered metrics, in this order."""
    rows = table.set_index("metric", drop=False)
    return rows.loc[[name for name in (*SHOWN, *METRICS) if name in rows.index]]


def write_comparison(table: pd.DataFrame, folder: str | Path, *, names: tuple[str, str]) -> None:
    """Writes comparison.csv and comparison.png, each file atomically.

    Args:
        table: the result of `metrics.compare`.
        folder: created if it does not exist.
        names: of the first and of the second evaluation.

    Raises:
        InputError: the folder cannot be written.
    """
    folder = Path(folder)
    with atomic.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with atomic.replacing(folder / TABLE) as path:
            table.round(DECIMALS).to_csv(path, index=False)
        with atomic.replacing(folder / PICTURE) as path:
            draw_differences(headline_rows(table), path, names=names)


def draw_differences(table: pd.DataFrame, path: str | Path, *, names: tuple[str, str]) -> None:
    """Draws the differences with their intervals into the PNG file `path`, a row per metric.

    Blue to the right of 0 is better, orange to the left is worse, grey means no clear difference.

    Args:
        table: the result of `metrics.compare`, or some of its rows.
        path: of the picture.
        names: of the first and of the second evaluation.
    """
    # Not pyplot, which keeps figures and settings for the lifetime of the process.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    table = table.dropna()
    height = 1.2 + _ROW_HEIGHT * len(table)
    plot = Figure(figsize=(_WIDTH, height), dpi=_DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(plot)
    axes = plot.add_subplot(xlabel=f"{names[1]} minus {names[0]}")
    axes.axvline(0, color="black", linewidth=0.8)
    for position, row in enumerate(table.itertuples()):
        sign = (row.difference > 0) - (row.difference < 0) if row.distinct else 0
        axes.plot([row.low, row.high], [position, position], color=_COLORS[sign], linewidth=2)
        axes.plot(row.difference, position, "o", color=_COLORS[sign], markersize=5)
    axes.set_yticks(range(len(table)), table["metric"])
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.3)
    plot.savefig(path, format="png")
