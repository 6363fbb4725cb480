"""Compares two evaluations of the same images: differences with confidence intervals.

A and B are folders written by evaluate. The intervals are bootstrapped: the images, or their groups
if there are any, are resampled in the same way for A and B. An interval that does not contain 0 is
marked with *. DIR gets comparison.csv, comparison.png and options.json. A comparison of the same
two folders is replaced; that of others only with --overwrite.

Example: tfseg compare runs/first/evaluation-test runs/second/evaluation-test
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfseg.commands import results
from tfseg.commands.options import Parser, add_json
from tfseg.commands.output import print_json, print_table


def add_options(parser: Parser) -> None:
    """Declares the options of the command."""
    add = parser.add_argument
    add("first", metavar="A", type=Path, help="folder of the first evaluation")
    add("second", metavar="B", type=Path, help="folder of the second evaluation")
    add("--out", metavar="DIR", type=Path, help="output folder (default: B/comparison)")
    add(
        "--confidence",
        type=float,
        default=0.95,
        help="confidence level of the intervals, in (0, 1)",
    )
    add("--resamples", type=int, default=1000, help="number of bootstrap samples")
    add("--seed", type=int, default=0, help="seed of the bootstrap")
    results.add_overwrite(parser, "a comparison of other evaluations in DIR")
    add_json(parser)


def uses_tensorflow(values: Mapping[str, object]) -> bool:
    """Returns False: comparing needs no TensorFlow."""
    return False


def run(
    *,
    first: Path,
    second: Path,
    out: Path | None,
    confidence: float,
    resamples: int,
    seed: int,
    overwrite: bool,
    json: bool,
) -> int:
    """Compares, writes the results and prints the differences."""
    from tfseg.evaluation.comparison import FILES, headline_rows, write_comparison
    from tfseg.metrics import Evaluation, compare

    out, inputs = out or second / "comparison", {"first": first, "second": second}
    results.check_same(out, FILES, "compare", inputs, overwrite=overwrite)
    settings: dict[str, Any] = {"resamples": resamples, "confidence": confidence, "seed": seed}
    table = compare(Evaluation.read(first), Evaluation.read(second), **settings)
    results.clear(out, FILES)
    write_comparison(table, out, names=(str(first), str(second)))
    options = {**inputs, **settings}
    results.write_options(out, "compare", options)
    if json:
        rows = table.drop(columns="metric").to_dict("records")
        metrics = dict(zip(table["metric"], rows, strict=True))
        print_json({**options, "out": out, "metrics": metrics})
    else:
        head = ("metric", "A", "B", "B - A", f"{confidence:.0%} interval", "", "")
        shown = headline_rows(table)
        columns = ["metric", "first", "second", "difference", "low", "high"]
        marks = ["*" if distinct else "" for distinct in shown["distinct"]]
        rows = shown[columns].itertuples(index=False)
        print_table([head, *((*row, mark) for row, mark in zip(rows, marks, strict=True))])
        print("*: the interval does not contain 0")
        print(f"results: {out}")
    return 0
