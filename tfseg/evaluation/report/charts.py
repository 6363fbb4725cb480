"""Charts as SVG and HTML text; the style sheet of the page sets colours and dashes.

Every chart has a description for screen readers. Series differ in dashes as well as in colour.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

_WIDTH, _HEIGHT = 360, 230  # units of the drawing, about pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 10, 40  # margins
_POINTS = 400  # per line; more would be finer than a pixel


class Axis:
    """One axis of a chart: the positions of values, and the values of its ticks."""

    def __init__(
        self, low: float, high: float, start: float, end: float, *, log: bool = False
    ) -> None:
        self._scale = np.log10 if log else np.asarray
        if not high > low:
            high = low * 1.1 if log else low + 1
        self._bounds = (float(self._scale(low)), float(self._scale(high)))
        self._ends = (start, end)
        self.ticks = _decades(low, high) if log else _round_values(low, high)

    def __call__(self, values: Sequence[float] | np.ndarray) -> np.ndarray:
        """Returns the positions of values."""
        (low, high), (start, end) = self._bounds, self._ends
        share = (self._scale(np.asarray(values, float)) - low) / (high - low)
        return start + share * (end - start)


def _round_values(low: float, high: float) -> list[float]:
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(digit * power for digit in (1, 2, 5, 10) if digit * power >= rough * 0.999)
    return [index * step for index in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _decades(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if len(powers) < 4 else (1,)
    return [s * 10.0**p for p in powers for s in steps if low <= s * 10.0**p <= high]


def lines(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    labels: tuple[str, str],
    limits: tuple[tuple[float, float], tuple[float, float]],
    log: bool = False,
    diagonal: bool = False,
    dots: bool = False,
) -> str:
    """Draws lines.

    Args:
        series: x and y of every line, by name; non-finite points are left out.
        labels: of the x axis and of the y axis.
        limits: low and high of x, low and high of y.
        log: the y axis is logarithmic.
        diagonal: draws a thin line from corner to corner.
        dots: marks the points; their tooltips have the values.
    """
    x_axis = Axis(*limits[0], _LEFT, _WIDTH - _RIGHT)
    y_axis = Axis(*limits[1], _HEIGHT - _BOTTOM, _TOP, log=log)
    parts = [_frame(x_axis, y_axis, labels)]
    if diagonal:
        ends = (_LEFT, _HEIGHT - _BOTTOM, _WIDTH - _RIGHT, _TOP)
        parts.append('<line class="rule" x1="{}" y1="{}" x2="{}" y2="{}"/>'.format(*ends))
    for number, (name, columns) in enumerate(series.items()):
        x, y = (np.asarray(column, float) for column in columns)
        keep = np.flatnonzero(np.isfinite(x) & np.isfinite(y) & ((y > 0) | (not log)))
        keep = (
            keep[np.unique(np.linspace(0, len(keep) - 1, _POINTS).astype(int))]
            if len(keep)
            else keep
        )
        positions = list(zip(x_axis(x[keep]), y_axis(y[keep]), strict=True))
        points = " ".join(f"{left:.1f},{top:.1f}" for left, top in positions)
        parts.append(f'<polyline class="line s{number % 6}" points="{points}"/>')
        if dots:
            parts += [
                f'<circle class="dot s{number % 6}" cx="{left:.1f}" cy="{top:.1f}" r="3.5">'
                f"<title>{html.escape(name)}: {x[i]:.4g}, {y[i]:.4g}</title></circle>"
                for i, (left, top) in zip(keep, positions, strict=True)
            ]
    text = f"{labels[1]} against {labels[0]}: {', '.join(series)}"
    return _svg(parts, text) + (_legend(list(series)) if len(series) > 1 else "")


def histogram(values: Sequence[float], *, label: str, bins: int = 20) -> str:
    """Draws the distribution of values in bins of equal width; `label` names the values."""
    numbers = np.asarray(values, float)
    if np.all(numbers == np.rint(numbers)) and np.ptp(numbers) < bins:  # a bin per integer
        edges = np.arange(numbers.min() - 0.5, numbers.max() + 1)
    else:
        edges = np.histogram_bin_edges(numbers, bins)
    counts, edges = np.histogram(numbers, edges)
    x_axis = Axis(edges[0], edges[-1], _LEFT, _WIDTH - _RIGHT)
    y_axis = Axis(0, counts.max(), _HEIGHT - _BOTTOM, _TOP)
    parts = [_frame(x_axis, y_axis, (label, "number"))]
    left, top = x_axis(edges), y_axis(counts)
    for index, count in enumerate(counts):
        low, high = edges[index : index + 2]
        width, height = left[index + 1] - left[index] - 1, _HEIGHT - _BOTTOM - top[index]
        parts.append(
            f'<rect class="fill" x="{left[index]:.1f}" y="{top[index]:.1f}" '
            f'width="{max(width, 0.5):.1f}" height="{height:.1f}">'
            f"<title>{low:.4g} to {high:.4g}: {count}</title></rect>"
        )
    text = (
        f"{label}: {len(numbers)} values from {numbers.min():.4g} to {numbers.max():.4g}, "
        f"median {np.median(numbers):.4g}"
    )
    return _svg(parts, text)


def _frame(x_axis: Axis, y_axis: Axis, labels: tuple[str, str]) -> str:
    """Returns grid, ticks and labels of both axes."""
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = []
    for value, x in zip(x_axis.ticks, x_axis(x_axis.ticks), strict=True):
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">{value:g}</text>')
    for value, y in zip(y_axis.ticks, y_axis(y_axis.ticks), strict=True):
        parts.append(f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    x, y = (_LEFT + right) / 2, (_TOP + bottom) / 2
    names = [html.escape(name) for name in labels]
    parts.append(f'<text x="{x}" y="{_HEIGHT - 6}" text-anchor="middle">{names[0]}</text>')
    rotation = f'transform="translate(11 {y}) rotate(-90)"'
    parts.append(f'<text {rotation} text-anchor="middle">{names[1]}</text>')
    return "".join(parts)


def _svg(parts: Sequence[str], text: str) -> str:
    name = html.escape(text)
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{name}">'
        f"{''.join(parts)}</svg>"
    )


def _legend(names: Sequence[str]) -> str:
    items = [
        f'<li><svg viewBox="0 0 28 8" aria-hidden="true"><line class="line s{index % 6}" x1="0" '
        f'y1="4" x2="28" y2="4"/></svg>{html.escape(name)}</li>'
        for index, name in enumerate(names)
    ]
    return f'<ul class="legend">{"".join(items)}</ul>'


def shares(counts: pd.DataFrame, *, title: str, numbers: Sequence[str] = ()) -> str:
    """Draws a bar per row, divided into the shares of the columns (kinds of outcome).

    Args:
        counts: a column per kind; counts of 0 are not drawn.
        title: of the rows.
        numbers: columns that are written as numbers, and are no part of the bar.
    """
    rows = []
    for name, row in counts.drop(columns=list(numbers)).iterrows():
        total = int(row.sum())
        cells = "".join(
            f'<td class="number">{number}</td>' for number in (total, *counts.loc[name, numbers])
        )
        spans = "".join(
            f'<span class="k-{kind.replace(" ", "-")}" style="flex-grow:{number}" '
            f'title="{kind}: {number} of {total}">{_percent(number, total)}</span>'
            for kind, number in row.items()
            if number
        )
        text = ", ".join(f"{kind} {number}" for kind, number in row.items() if number)
        rows.append(
            f'<tr><th scope="row">{html.escape(str(name))}</th>{cells}'
            f'<td class="wide"><div class="stack" role="img" aria-label="{text}">{spans}</div></td>'
            "</tr>"
        )
    titles = "".join(f"<th>{html.escape(text)}</th>" for text in (title, "number", *numbers))
    head = f"<tr>{titles}<th>outcome</th></tr>"
    return f'<table class="bars"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>'


def _percent(number: int, total: int) -> str:
    share = number / total
    return f"{share:.0%}" if share >= 0.12 else ""  # a narrower bar has no room for text


def bars(values: pd.Series, *, title: str, label: str) -> str:
    """Draws a bar per row, for values in [0, 1]."""
    rows = "".join(
        f'<tr><th scope="row">{html.escape(str(name))}</th><td class="number">{value:.3f}</td>'
        f'<td class="wide"><div class="bar"><span style="width:{100 * value:.1f}%"></span></div>'
        "</td></tr>"
        for name, value in values.items()
    )
    head = f'<tr><th>{html.escape(title)}</th><th colspan="2">{html.escape(label)}</th></tr>'
    return f'<table class="bars"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def matrix(counts: pd.DataFrame, *, corner: str) -> str:
    """Draws a table of counts; the shade of a cell is its share of the row."""
    head = "".join(f'<th scope="col">{html.escape(str(name))}</th>' for name in counts.columns)
    rows = []
    for name, row in counts.iterrows():
        total = max(1, row.sum())
        cells = "".join(
            f'<td class="number" style="--share:{number / total:.3f}">{number}</td>'
            for number in row
        )
        rows.append(f'<tr><th scope="row">{html.escape(str(name))}</th>{cells}</tr>')
    return (
        f'<div class="scroll"><table class="matrix"><thead><tr><th>{html.escape(corner)}</th>{head}'
        f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
