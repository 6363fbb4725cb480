"""The sections of a report, each from what there is; one without its data is left out."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tfseg.evaluation.report import breakdowns, charts
from tfseg.evaluation.report.outcomes import ERRORS
from tfseg.metrics import FORMULAS, FURTHER_FORMULAS, Evaluation

WORDS = {
    "dice": "How well the area that belongs to any instance is found; whose it is does not matter.",
    "iou": "The same, more strictly: what is wrong counts in full.",
    "ap50": "Share of right instances among all that are true or predicted, an instance being right"
    " if it overlaps a true one by half of both together.",
    "ap": "The same averaged over stricter and stricter overlaps.",
    "pq": "How many instances are right (rq) and how well their shapes fit (sq), in one number.",
    "sq": "How well the shapes of the right instances fit.",
    "rq": "How many instances are right.",
    "splits": "True instances that were predicted in several parts.",
    "merges": "Predicted instances that cover several true ones.",
    "count_error": "How far off the number of instances in an image is.",
}
_TILES = ("ap50", "pq", "dice", "count_error")
_LIMITS = (0.0, 1.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Content:
    """Everything that a report is made of, but its pictures.

    Attributes:
        evaluation: with the figures.
        summary: its summary, which takes a while to make.
        truth: the instances of all images, as in `outcomes.Outcomes`.
        predicted: those predicted.
        images: `brightness` and `seconds` of each image, NaN where not known, `height`, `width`.
        history: of the training; None without one.
        facts: tables of names and values, or texts, by their titles.
    """

    evaluation: Evaluation
    summary: Mapping[str, Any]
    truth: pd.DataFrame
    predicted: pd.DataFrame
    images: pd.DataFrame
    history: pd.DataFrame | None
    facts: Mapping[str, Mapping[str, object] | str]


def sections(content: Content) -> list[tuple[str, str]]:
    """Returns the title and the HTML of every section that has data."""
    makers: dict[str, Callable[[Content], str]] = {
        "Summary": summary,
        "Errors by size, neighbours and border": errors,
        "AP by IoU threshold": thresholds,
        "Classes": classes,
        "Scores": scores,
        "Learning curves": learning,
        "Speed": speed,
        "Data": data,
        "Configuration and versions": configuration,
    }
    made = {title: make(content) for title, make in makers.items()}
    return [(title, text) for title, text in made.items() if text]


def summary(content: Content) -> str:
    """Returns the headline figures with their words, intervals and formulas."""
    values, kinds = content.summary, content.truth["kind"].value_counts()
    false = int((content.predicted["kind"] == "false").sum())
    parts = [f"{number} {kind}" for kind, number in kinds.items() if kind != "found"]
    sentence = (
        f"{values['num_images']} images with {values['num_instances']} true instances, "
        f"{values['num_predicted']} predicted. {kinds.get('found', 0)} are found"
        f"{''.join(f', {part}' for part in parts)}; {false} predicted ones are false."
    )
    tiles = "".join(
        f"<li><strong>{_number(values[name])}</strong><span>{name}</span></li>" for name in _TILES
    )
    rows = []
    for name in WORDS:
        mean = "ap_mean" if name == "ap" else name
        interval = values["intervals"].get(mean)
        between = " to ".join(map(_number, interval)) if interval else ""
        formula = (FORMULAS | FURTHER_FORMULAS)[name]
        rows.append(
            f'<tr><th scope="row">{name}</th><td class="number">{_number(values[mean])}</td>'
            f'<td class="number">{between}</td>'
            f"<td>{WORDS[name]}<br><small>{html.escape(formula)}</small></td></tr>"
        )
    head = "<tr><th>figure</th><th>value</th><th>95 % interval</th><th>what it says</th></tr>"
    return (
        f'<p>{sentence}</p><ul class="tiles">{tiles}</ul>'
        f'<div class="scroll"><table class="figures"><thead>{head}</thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        "<p><small>P: predicted, T: true; TP, FP, FN: instances matched, only predicted, "
        "missed. Intervals: percentiles over resamples of the images, or of their groups; so far "
        "the figures would move with other images of the same kind.</small></p>"
    )


def errors(content: Content) -> str:
    """Returns what became of the true instances, by what they are like."""
    if content.truth.empty:
        return ""
    tables = {
        "diameter, pixels": breakdowns.by_size(content.truth),
        "neighbours touched": breakdowns.by_neighbours(content.truth),
        "place in the image": breakdowns.by_border(content.truth),
    }
    used = {kind for table in tables.values() for kind in table.columns[table.sum() > 0]}
    keys = "".join(
        f'<li><span class="key k-{kind.replace(" ", "-")}"></span>{kind}</li>'
        for kind in ("found", *ERRORS)
        if kind in used
    )
    drawn = "".join(charts.shares(table, title=title) for title, table in tables.items())
    return (
        "<p>What became of the true instances. Found: IoU of at least 0.50 with a prediction, even "
        "if another one overlaps it too. Split or merged: IoU above 0.1 with several, or together "
        "with others with one. The "
        "diameter is that of a disc of the same area; each row of it has about as many "
        f'instances.</p><ul class="legend">{keys}</ul>{drawn}'
    )


def thresholds(content: Content) -> str:
    """Returns AP, precision and recall against the IoU threshold."""
    summary = content.summary
    series = {
        name: (list(map(float, summary[name])), list(summary[name].values()))
        for name in ("ap", "precision", "recall")
    }
    xs = series["ap"][0]
    limits = ((min(xs), max(xs)), _LIMITS)
    labels = ("IoU threshold", "share")
    chart = charts.lines(series, labels=labels, limits=limits, dots=True)
    return (
        "<p>A line that falls early has right instances of rough shape; one that is low from the "
        f"start misses instances.</p>{_figure(chart)}"
    )


def classes(content: Content) -> str:
    """Returns PQ of each class and what was taken for what."""
    names = content.evaluation.class_names
    if not names:
        return ""
    of_class = content.summary["classes"]
    present = [
        name for name in names if of_class[name]["num_truth"] + of_class[name]["num_predicted"]
    ]
    values = pd.Series({name: of_class[name]["pq"] for name in present}, dtype=float)
    counts = breakdowns.confusion(content.truth, content.predicted, names)
    return (
        charts.bars(values.sort_values(), title="class", label="PQ, the lowest first")
        + "<p>True classes in rows, predicted ones in columns: instances matched with IoU of at "
        "least 0.50, whatever their class. <em>none</em>: missed or false.</p>"
        + charts.matrix(counts, corner="true / predicted")
    )


def scores(content: Content) -> str:
    """Returns precision and recall by score, and how far scores can be taken at their word."""
    curve = breakdowns.by_score(content.predicted, len(content.truth))
    if curve.empty:
        return ""
    ends = {"precision": curve["precision"], "recall": curve["recall"]}
    low, high = curve["score"].min(), curve["score"].max()
    by_score = charts.lines(
        {name: (curve["score"], values) for name, values in ends.items()},
        labels=("least score kept", "share"),
        limits=((low, high), _LIMITS),
    )
    pairs = {"precision": (curve["recall"], curve["precision"])}
    against = charts.lines(pairs, labels=("recall", "precision"), limits=(_LIMITS, _LIMITS))
    bins, error = breakdowns.calibration(content.predicted)
    reliability = charts.lines(
        {"right": (bins["score"], bins["right"])},
        labels=("mean score", "share that is right"),
        limits=(_LIMITS, _LIMITS),
        diagonal=True,
        dots=True,
    )
    return (
        "<p>If only predictions of at least some score are kept. Right: IoU of at least 0.50 with a"
        f" true instance.</p>{_figure(by_score)}{_figure(against)}"
        f"<p>Calibration: on the thin line a score is the share of such predictions that are right;"
        " below it scores promise too much. Expected calibration error: "
        f"<strong>{error:.3f}</strong> (mean of |share right - score| over the predictions, in "
        f"{breakdowns.SCORE_BINS} bins).</p>{_figure(reliability)}"
    )


def learning(content: Content) -> str:
    """Returns the losses of the training over its steps."""
    table = content.history
    if table is None or table.empty:
        return ""
    names = {"loss": "weighted sum", "val_loss": "val"}
    names |= {name: name.removeprefix("loss/") for name in table if name.startswith("loss/")}
    series = {text: (table["step"], table[name]) for name, text in names.items() if name in table}
    seen = np.concatenate([np.asarray(values, float) for _, values in series.values()])
    seen = seen[np.isfinite(seen) & (seen > 0)]
    if not seen.size:
        return ""
    limits = ((table["step"].min(), table["step"].max()), (seen.min(), seen.max()))
    return _figure(charts.lines(series, labels=("step", "loss"), limits=limits, log=True))


def speed(content: Content) -> str:
    """Returns how many images a second the network predicts."""
    seconds = content.images["seconds"].dropna()
    if seconds.empty:
        return ""
    rest = seconds[1:] if len(seconds) > 1 else seconds
    pixels = (content.images["height"] * content.images["width"]).loc[rest.index].sum()
    return (
        f"<p><strong>{len(rest) / rest.sum():.3g} images a second</strong>, "
        f"{pixels / rest.sum() / 1e6:.3g} million pixels a second: whole images one at a time, from"
        f" the array of the image to ids, without reading files. The first image took "
        f"{seconds.iloc[0]:.2f} seconds, since the graph is built for it; it is counted only where "
        "there is no other.</p>"
    )


def data(content: Content) -> str:
    """Returns what the images and their true instances are like."""
    images, truth = content.images, content.truth
    counted = content.evaluation.images()["num_truth"]
    sizes = images[["height", "width"]]
    low, high = (" x ".join(map(str, part)) for part in (sizes.min(), sizes.max()))
    drawn = [charts.histogram(counted, label="true instances in an image")]
    if not truth.empty:
        diameter = 2 * np.sqrt(truth["area"] / np.pi)
        drawn.insert(0, charts.histogram(diameter, label="diameter of true instances, pixels"))
    brightness = images["brightness"].dropna()
    if not brightness.empty:
        drawn.append(charts.histogram(brightness, label="mean brightness of an image"))
    size = low if low == high else f"{low} to {high}"
    return (
        f"<p>{len(images)} images of {size} pixels (height x width). Brightness is a share of the "
        "largest value that the type of the image has; of floats, the value itself.</p>"
        f"{''.join(map(_figure, drawn))}<h3>Examples with their true instances</h3>"
        '<div id="examples" class="cards"></div>'
    )


def configuration(content: Content) -> str:
    """Returns the facts: what was run, with which settings and versions."""
    chosen = {"Conventions": dict(content.summary["conventions"])}
    parts = []
    for title, fact in (chosen | dict(content.facts)).items():
        body = f"<pre>{html.escape(fact)}</pre>" if isinstance(fact, str) else _rows(fact.items())
        parts.append(f"<h3>{html.escape(title)}</h3>{body}")
    return "".join(parts)


def _rows(pairs: Iterable[tuple[str, object]]) -> str:
    named = ((html.escape(str(name)), html.escape(_text(value))) for name, value in pairs)
    rows = "".join(f'<tr><th scope="row">{name}</th><td>{text}</td></tr>' for name, text in named)
    return f'<div class="scroll"><table><tbody>{rows}</tbody></table></div>'


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "-" if value is None else str(value)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _figure(chart: str) -> str:
    return f"<figure>{chart}</figure>"
