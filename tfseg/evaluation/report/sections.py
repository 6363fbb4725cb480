"""The sections of a report; a section without data is left out."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tfseg.evaluation.report import breakdowns, charts
from tfseg.evaluation.report.outcomes import Outcomes, count_kinds
from tfseg.metrics import FORMULAS, FURTHER_FORMULAS, Evaluation, registered
from tfseg.metrics.outcomes import TRUE_KINDS

EXPLANATIONS = {
    "dice": "How well the foreground is found, ignoring which instance a pixel belongs to.",
    "iou": "The same, but stricter: a wrong pixel counts fully.",
    "ap50": "Share of correct instances among all true and predicted ones; an instance is correct"
    " if its IoU is at least 0.50.",
    "ap": "The same, averaged over increasing IoU thresholds.",
    "pq": "How many instances are correct (rq) and how well their shapes fit (sq), in one number.",
    "sq": "How well the shapes of the correct instances fit.",
    "rq": "How many instances are correct.",
    "splits": "True instances that were predicted in several parts.",
    "merges": "Predicted instances that cover several true ones.",
    "count_error": "Mean absolute error of the number of instances per image.",
}
_TILES = ("ap50", "pq", "dice", "count_error")
_LIMITS = (0.0, 1.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Content:
    """The content of a report, except for its pictures.

    Attributes:
        evaluation: of the images in the report.
        summary: of the evaluation, which takes a while to compute.
        truth: the true instances of all images, as in `outcomes.Outcomes`.
        predicted: the predicted instances of all images.
        images: `brightness` and `seconds` of each image, NaN if unknown, `height`, `width`.
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
        "Errors by size, neighbours and position": errors,
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
    """Returns the headline metrics with explanations, intervals and formulas."""
    values, kinds = content.summary, count_kinds(Outcomes(content.truth, content.predicted))
    wrong = f"{kinds['wrong class']} found with the wrong class, " if kinds["wrong class"] else ""
    sentence = (
        f"{values['num_images']} images with {values['num_instances']} true instances, "
        f"{values['num_predicted']} predicted. {kinds['found']} found, {wrong}"
        f"{kinds['missed']} missed; {kinds['false']} false predictions. Split true instances: "
        f"{kinds['split']}; merged predictions: {kinds['merged']}."
    )
    tiles = "".join(
        f"<li><strong>{_number(values[name])}</strong><span>{name}</span></li>" for name in _TILES
    )
    rows = []
    further = registered.formulas()
    for name in (*EXPLANATIONS, *(name for name in further if name in values)):
        mean = "ap_mean" if name == "ap" else name
        interval = values["intervals"].get(mean)
        between = " to ".join(map(_number, interval)) if interval else ""
        meaning = EXPLANATIONS.get(name, "A registered metric.")
        formula = (FORMULAS | FURTHER_FORMULAS | further)[name]
        rows.append(
            f'<tr><th scope="row">{name}</th><td class="number">{_number(values[mean])}</td>'
            f'<td class="number">{between}</td>'
            f"<td>{meaning}<br><small>{html.escape(formula)}</small></td></tr>"
        )
    head = "<tr><th>metric</th><th>value</th><th>95 % interval</th><th>meaning</th></tr>"
    return (
        f'<p>{sentence}</p><ul class="tiles">{tiles}</ul>'
        f'<div class="scroll"><table class="metrics"><thead>{head}</thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        "<p><small>P: predicted, T: true; TP, FP, FN: instances matched, only predicted, "
        "missed. Intervals: percentiles over resamples of the images, or of their groups; how much "
        "the metrics would vary with other images of the same kind.</small></p>"
    )


def errors(content: Content) -> str:
    """Returns the outcomes of the true instances by size, neighbours and position."""
    if content.truth.empty:
        return ""
    tables = {
        "diameter, pixels": breakdowns.by_size(content.truth),
        "neighbours touched": breakdowns.by_neighbours(content.truth),
        "position in the image": breakdowns.by_position(content.truth),
    }
    used = [kind for kind in TRUE_KINDS if (content.truth["kind"] == kind).any()]
    keys = "".join(
        f'<li><span class="key k-{kind.replace(" ", "-")}"></span>{kind}</li>' for kind in used
    )
    further = list(breakdowns.FURTHER)
    drawn = "".join(
        f'<div class="scroll">{charts.shares(table, title=title, numbers=further)}</div>'
        for title, table in tables.items()
    )
    return (
        "<p>Outcomes of the true instances. Found: IoU of at least 0.50 with a prediction, one to "
        "one; all others are missed. Split: IoU above 0.1 with several predictions. In a merge: "
        "IoU above 0.1 with the same prediction as another true instance; a merged prediction has "
        "two or more of them. Split and in a merge may be found or missed. The diameter belongs to "
        "a disc of the same area; all rows of diameters have about the same number of instances."
        f'</p><ul class="legend">{keys}</ul>{drawn}'
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
        "<p>A line that falls early: instances are found, but their shapes are imprecise. A line "
        f"that is low from the start: instances are missed.</p>{_figure(chart)}"
    )


def classes(content: Content) -> str:
    """Returns PQ of each class and the confusion of classes."""
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
        "least 0.50, ignoring their class. <em>none</em>: missed or false.</p>"
        + charts.matrix(counts, corner="true / predicted")
    )


def scores(content: Content) -> str:
    """Returns precision and recall by score, and the calibration of scores."""
    curve = breakdowns.by_score(content.predicted, len(content.truth))
    if curve.empty:
        return ""
    ends = {"precision": curve["precision"], "recall": curve["recall"]}
    low, high = curve["score"].min(), curve["score"].max()
    by_score = charts.lines(
        {name: (curve["score"], values) for name, values in ends.items()},
        labels=("lowest score kept", "share"),
        limits=((low, high), _LIMITS),
    )
    pairs = {"precision": (curve["recall"], curve["precision"])}
    against = charts.lines(pairs, labels=("recall", "precision"), limits=(_LIMITS, _LIMITS))
    bins, error = breakdowns.calibration(content.predicted)
    reliability = charts.lines(
        {"correct": (bins["score"], bins["right"])},
        labels=("mean score", "share of correct predictions"),
        limits=(_LIMITS, _LIMITS),
        diagonal=True,
        dots=True,
    )
    return (
        "<p>Precision and recall if only predictions with at least a given score are kept. A "
        "prediction is correct if its IoU with a true instance is at least 0.50."
        f"</p>{_figure(by_score)}{_figure(against)}"
        "<p>Calibration: on the thin line a score equals the share of correct predictions; below "
        f"it scores are too high. Expected calibration error: <strong>{error:.3f}</strong> (mean "
        "of |share of correct predictions - score| over the predictions, in "
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
    losses = np.concatenate([np.asarray(values, float) for _, values in series.values()])
    losses = losses[np.isfinite(losses) & (losses > 0)]
    if not losses.size:
        return ""
    limits = ((table["step"].min(), table["step"].max()), (losses.min(), losses.max()))
    return _figure(charts.lines(series, labels=("step", "loss"), limits=limits, log=True))


def speed(content: Content) -> str:
    """Returns how many images per second the network predicts."""
    seconds = content.images["seconds"].dropna()
    if seconds.empty:
        return ""
    rest = seconds[1:] if len(seconds) > 1 else seconds
    pixels = (content.images["height"] * content.images["width"]).loc[rest.index].sum()
    return (
        f"<p><strong>{len(rest) / rest.sum():.3g} images per second</strong>, "
        f"{pixels / rest.sum() / 1e6:.3g} million pixels per second: full images one at a time, "
        "from the array of the image to ids, without reading files. The first image took "
        f"{seconds.iloc[0]:.2f} seconds, because the graph is built for it; it is left out unless "
        "it is the only one.</p>"
    )


def data(content: Content) -> str:
    """Returns distributions over the images and their true instances."""
    images, truth = content.images, content.truth
    counted = content.evaluation.images()["num_truth"]
    sizes = images[["height", "width"]]
    low, high = (" x ".join(map(str, part)) for part in (sizes.min(), sizes.max()))
    drawn = [charts.histogram(counted, label="true instances per image")]
    if not truth.empty:
        diameter = 2 * np.sqrt(truth["area"] / np.pi)
        drawn.insert(0, charts.histogram(diameter, label="diameter of true instances, pixels"))
    brightness = images["brightness"].dropna()
    if not brightness.empty:
        drawn.append(charts.histogram(brightness, label="mean brightness of an image"))
    size = low if low == high else f"{low} to {high}"
    return (
        f"<p>{len(images)} images of {size} pixels (height x width). Brightness is a share of the "
        "largest value of the image's data type; for floats it is the value itself.</p>"
        f"{''.join(map(_figure, drawn))}<h3>Examples with their true instances</h3>"
        '<div id="examples" class="cards"></div>'
    )


def configuration(content: Content) -> str:
    """Returns the provenance: settings, data and versions."""
    conventions = {"Conventions": dict(content.summary["conventions"])}
    parts = []
    for title, fact in (conventions | dict(content.facts)).items():
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
