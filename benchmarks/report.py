"""Writes docs/benchmarks.md, with its plots, from the JSON of the benchmarks.

    python -m benchmarks.report

Every file in `benchmarks/results` becomes a part of the page: the description at the top of its
script, the machine, its claims, its tables and its curves. Nothing on the page is written by hand.
`SCRIPT-SETTING.json` is what the same script wrote with another setting; its part follows.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
PLOTS = "benchmarks"
HEAD = """# Benchmarks

*Made by `python -m benchmarks.report` from `benchmarks/results/`; change those, not this page.*

Measure again with `python benchmarks/environments/make.py`, `python -m benchmarks.run --all` (less
than two hours; `--quick`: less than ten minutes) and `python -m benchmarks.report`. Every target
that was set stands here, met or missed. Times are medians of calls that take turns with those of
the peers, and a ratio is the median over the rounds of a contender's time divided by that of the
first one. The figures are of a small shared machine: ratios count more than times.

## Targets

{claims}
"""
PART = """
## {name}

{description}

{machine}

{tables}
"""


def page(reports: Mapping[str, dict[str, Any]]) -> str:
    """Returns the page of the reports by name."""
    claims = [
        {"benchmark": _spoken(name), "target": claim["name"], "wanted": str(claim["target"])}
        | {"measured": claim["value"], "met": _MET[claim["met"]]}
        for name, report in reports.items()
        for claim in report["claims"]
    ]
    return HEAD.format(claims=table(claims)) + "".join(
        PART.format(
            name=_begun(_spoken(name)),
            description=_description(name),
            machine=machine(report),
            tables="\n\n".join(parts(report)),
        )
        for name, report in reports.items()
    )


_MET = {True: "yes", False: "**no**", None: "not measured"}


def _spoken(name: str) -> str:
    return name.replace("-", ", ", 1).replace("-", " ")


def _description(name: str) -> str:
    script, _, setting = name.partition("-")
    return f"`benchmarks/{script}.py` again." if setting else description(HERE / f"{script}.py")


def description(script: Path) -> str:
    """Returns the docstring of a script, without its line of usage."""
    text = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
    return re.sub(r"\n\n(?:    .*\n)+\n*", f"\n\n`benchmarks/{script.name}`. ", text, count=1)


def machine(report: Mapping[str, Any]) -> str:
    """Returns where and when a report was made, in a line."""
    own = report["machine"]
    load = own.get("load") or own.get("load_before")
    busy = f", load {load[0]:.1f} of the last minute" if load else ""
    settings = ", ".join(
        f"{key} {_cell(value)}" for key, value in report.get("settings", {}).items()
    )
    return (
        f"{own['processor']}, {own['threads']} threads{busy}, Python {own['python']}, "
        f"TensorFlow {own['tensorflow']}, {own['date']}, commit {own['commit']}"
        f"{'; ' + settings if settings else ''}."
    )


def parts(report: Mapping[str, Any]) -> Iterator[str]:
    """Yields the tables and the plots of a report."""
    results = report["results"]
    if all(_is_row(row) for row in results.values()):
        yield table([{"": name} | row for name, row in results.items()])
    else:
        for question, rows in results.items():
            lines = [{"": name} | row for name, row in rows.items() if isinstance(row, dict)]
            lines += [own] if (own := _plain(rows)) else []
            yield f"### {_begun(question)}\n\n{table(lines)}"
    if agreement := report.get("agreement"):
        lines = [
            {"": f"{name}: {peer}"} | row | {"difference": rows.get("difference")}
            for name, rows in agreement.items()
            for peer, row in rows.items()
            if isinstance(row, dict)
        ]
        yield f"### Agreement\n\n{table(lines)}"
    for question, other in report.get("taken_again", {}).items():
        yield f"*{_begun(question)}* was measured at another time, {other['why']}: {machine(other)}"
    for title in report.get("curves", {}):
        yield f"![{title}]({PLOTS}/{file_name(title)})"


def _plain(rows: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in rows.items() if not isinstance(value, dict | list)}


def _begun(text: str) -> str:
    return text[:1].upper() + text[1:]


def _is_row(value: Any) -> bool:
    return isinstance(value, dict) and not any(_is_group(each) for each in value.values())


def _is_group(value: Any) -> bool:
    return isinstance(value, dict) and "median" not in value


def table(rows: list[dict[str, Any]]) -> str:
    """Returns rows of values by column as a table; lists, such as every round's time, stay out."""
    columns = list(dict.fromkeys(key for row in rows for key in row if not _is_list(row, key)))
    lines = [[_cell(row.get(column)) for column in columns] for row in rows]
    heads = [column.replace("_", " ") for column in columns]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *lines))


def _is_list(row: Mapping[str, Any], key: str) -> bool:
    return isinstance(row[key], list)


def _cell(value: Any) -> str:
    if _is_group(value):
        return ", ".join(f"{key} {_cell(each)}" for key, each in value.items())
    if isinstance(value, dict):
        low, high = value["quartiles"]
        return f"{value['median']:.4g} ({low:.4g} to {high:.4g})"
    if isinstance(value, list):
        return " ".join(map(_cell, value))
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)


def file_name(title: str) -> str:
    """Returns what the plot of a title is called."""
    return re.sub(r"\W+", "-", title.lower()).strip("-") + ".svg"


def plot(title: str, curve: Mapping[str, Any], to: Path) -> None:
    """Draws the lines of a curve; both axes by powers of ten."""
    figure = Figure(figsize=(5.0, 3.2), layout="constrained")
    axes = figure.subplots()
    for name, points in curve["lines"].items():
        axes.loglog(*zip(*points, strict=True), marker="o", label=name)
    axes.set(title=title, xlabel=curve["x"], ylabel=curve["y"])
    axes.grid(which="both", alpha=0.2)
    axes.legend(fontsize="small")
    with matplotlib.rc_context({"svg.hashsalt": title}):
        figure.savefig(to, metadata={"Date": None})


def main(*, results: Path, to: Path) -> None:
    """Writes the page and its plots."""
    reports = {
        file.stem: json.loads(file.read_text(encoding="utf-8"))
        for file in sorted(results.glob("*.json"), key=lambda file: file.stem)
    }
    (to / PLOTS).mkdir(parents=True, exist_ok=True)
    (to / "benchmarks.md").write_text(page(reports), encoding="utf-8")
    for report in reports.values():
        for title, curve in report.get("curves", {}).items():
            plot(title, curve, to / PLOTS / file_name(title))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--results", type=Path, default=HERE / "results", metavar="DIR")
    parser.add_argument("--to", type=Path, default=DOCS, metavar="DIR", help="folder of the page")
    main(**vars(parser.parse_args()))
